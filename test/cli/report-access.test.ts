/**
 * The page of `wal-db report` for those who do not see it, or not well: by axe's rules in a real browser, and by its
 * landmarks, headings and names.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { browserMissing } from "../support/browser.js";
import { browsedReport, tabTo } from "./browsed-report.js";

/** The names of axe's rules that the page breaks, with the elements. */
async function axeBreaches(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate<string[]>(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => id + ": " + target.join(" "))))`);
}

describe("the page of a report, to everybody", { skip: browserMissing() ?? false }, () => {
  const { open, openChanged } = browsedReport();

  test("axe finds nothing to object to: light, dark, narrow, and with all unfolded", async (t) => {
    for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }, { width: 400 }] as const) {
      const { page } = await open(t, options);
      for (const summary of await page.locator("summary").all()) await summary.click();
      await page.locator("button.unfold").first().click();
      assert.deepEqual(await axeBreaches(page), [], JSON.stringify(options));
    }
  });

  test("axe is heard: a field without a name", async (t) => {
    const { page } = await openChanged(t, (text) =>
      text.replace("<span>Contains</span", "<span></span").replace('placeholder="text, or', 'data-x="'),
    );
    assert.ok((await axeBreaches(page)).some((breach) => breach.startsWith("label")));
  });

  test("has one heading of the first rank, landmarks, and names for what can be reached", async (t) => {
    const { page } = await open(t);
    for (const landmark of ["banner", "main", "contentinfo", "search"] as const) {
      assert.equal(await page.getByRole(landmark).count(), 1, landmark);
    }
    assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
    const sections = await page.getByRole("heading", { level: 2 }).allInnerTexts();
    assert.deepEqual(sections, ["Summary", "Map", "Shape", "Damage", "Records"]);
    assert.equal(await page.getByRole("img", { name: /^Chart: / }).count(), 4);
    assert.equal(
      await page.getByRole("img", { name: /the head is at .* 2 damages, 1 quarantine/ }).count(),
      1,
    );
    await tabTo(page, "[name=contains]");
    const outline = await page.evaluate<string>(`getComputedStyle(document.activeElement).outlineStyle`);
    assert.equal(outline, "solid", "the focus is seen");
  });
});
