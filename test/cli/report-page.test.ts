/**
 * The page of `wal-db report` in a real browser: it draws, filters by keyboard, has a dark side, asks the network
 * for nothing, and does nothing that a record says. WAL_DB_SCREENSHOTS=<folder> keeps pictures, to be looked at.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { Wal } from "wal-db";
import { browserMissing, type Misdeeds } from "../support/browser.js";
import { projectDir } from "../support/project.js";
import { scratchDir } from "../support/scratch.js";
import { assertQuiet, browsedReport, tabTo } from "./browsed-report.js";
import { hostileRecords } from "./sample-log.js";

const pictures = process.env["WAL_DB_SCREENSHOTS"];
const missing = browserMissing();

const notToBeShown =
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Of each chart, how many of its pixels have the colour of what is drawn; axes and their names have others. */
async function pixelsDrawn(page: Page): Promise<number[]> {
  return page.evaluate<number[]>(`(() => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = "var(--flushed)";
    const [red, green, blue] = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
    probe.remove();
    return [...document.querySelectorAll(".chart canvas")].map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let at = 0; at < data.length; at += 4) {
        if (data[at] === red && data[at + 1] === green && data[at + 2] === blue && data[at + 3] === 255) found++;
      }
      return found;
    });
  })()`);
}

/** The first chart, as a picture. */
async function pictureOf(page: Page): Promise<string> {
  return page.evaluate<string>(`document.querySelector(".chart canvas").toDataURL()`);
}

async function styleOf(page: Page, property: string): Promise<string> {
  return page.evaluate<string>(`getComputedStyle(document.body)[${JSON.stringify(property)}]`);
}

/** That so many names stand on the map, each on a place of its own. */
async function assertApart(page: Page, count: number): Promise<void> {
  const names = await page.locator(".flag-name").all();
  assert.equal(names.length, count);
  const boxes = await Promise.all(names.map((name) => name.boundingBox()));
  for (const [index, a] of boxes.entries()) {
    for (const b of boxes.slice(index + 1)) {
      assert.ok(a !== null && b !== null);
      const isBeside = a.x + a.width <= b.x || b.x + b.width <= a.x;
      const isAbove = a.y + a.height <= b.y + 1 || b.y + b.height <= a.y + 1;
      assert.ok(isBeside || isAbove, JSON.stringify({ a, b }));
    }
  }
}

/** That the policy has refused just these, in any order; the page tells of it a moment later. */
async function refusal({ refused }: Pick<Misdeeds, "refused">, expected: readonly string[]): Promise<void> {
  for (let looks = 0; refused.length < expected.length && looks < 100; looks++) await setTimeout(50);
  const seen = refused.map((what) => what.replace(/http:.*/, "http"));
  assert.deepEqual(seen.toSorted(), expected.toSorted());
}

describe("the page of a report", { skip: missing ?? false }, () => {
  const { open, openOf, openChanged, sample } = browsedReport();

  test("draws its charts in both themes, and says nothing on the console", async (t) => {
    for (const colorScheme of ["light", "dark"] as const) {
      const opened = await open(t, { colorScheme });
      const pixels = await pixelsDrawn(opened.page);
      assert.equal(pixels.length, 4);
      for (const count of pixels) assert.ok(count > 50, `${pixels.join()} pixels drawn`);
      assertQuiet(opened);
      if (pictures === undefined) continue;
      await opened.page.screenshot({ path: join(pictures, `report-${colorScheme}.png`), fullPage: true });
    }
  });

  test("a chart that draws nothing is seen", async (t) => {
    const { page } = await openChanged(t, (text) =>
      text.replaceAll(/"records":\d+,"bytes":\d+/g, '"records":0,"bytes":0'),
    );
    const [sizes, along, growth = 0, time = 0] = await pixelsDrawn(page);
    assert.deepEqual([sizes, along], [0, 0]);
    assert.ok(growth > 0 && time > 0, "a line at the bottom, and one that was left");
  });

  test("is light or dark as the system asks, and as its switch says", async (t) => {
    const { page: light } = await open(t, { colorScheme: "light" });
    const { page: dark } = await open(t, { colorScheme: "dark" });
    const background = (page: Page): Promise<string> => styleOf(page, "backgroundColor");
    const [onLight, onDark] = [await background(light), await background(dark)];
    assert.notEqual(onLight, onDark);
    assert.notEqual(await styleOf(light, "color"), await styleOf(dark, "color"));

    const before = await pictureOf(light);
    await light.getByRole("radio", { name: "Auto" }).focus();
    await light.keyboard.press("ArrowRight");
    await light.keyboard.press("ArrowRight");
    assert.equal(await background(light), onDark);
    assert.notEqual(await pictureOf(light), before, "the charts are drawn anew");
    await light.keyboard.press("ArrowLeft");
    assert.equal(await background(light), onLight);
    await dark.getByRole("radio", { name: "Light" }).check();
    assert.equal(await background(dark), onLight);
  });

  test("filters by keyboard alone, and says how many it found", async (t) => {
    const { page, ...misdeeds } = await open(t);
    const status = page.getByRole("status");
    const rows = page.locator("#records-body tr");
    assert.match(await status.innerText(), /^All \S+ records of this page\.$/);
    assert.equal(await rows.count(), 50);
    await tabTo(page, "[name=contains]");
    await page.keyboard.type('"id":1234,');
    await status.getByText(/^1 of/).waitFor();
    assert.equal(await rows.count(), 1);
    assert.match(await rows.innerText(), /"amount":8638/);

    await tabTo(page, "button.unfold");
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("button.unfold").getAttribute("aria-expanded"), "true");
    assert.match(await page.locator("tr.bytes pre").innerText(), /^0000 {2}7b 22 69 64 22 .* {2}\{"id":1234/);
    await page.keyboard.press("Space");
    assert.equal(await page.locator("tr.bytes").count(), 0);

    await page.getByLabel("Contains").fill("no such thing");
    await status.getByText(/^0 of/).waitFor();
    assert.match(await rows.innerText(), /No record of this page matches/);
    await page.getByLabel("Contains").fill("0x 7A 7a 7a");
    await status.getByText(/^1 of/).waitFor();
    await page.getByRole("button", { name: "Reset" }).focus();
    await page.keyboard.press("Enter");
    await status.getByText(/^All/).waitFor();
    await page.getByRole("checkbox", { name: "next to damage" }).focus();
    await page.keyboard.press("Space");
    await status.getByText(/^32 of/).waitFor();
    assert.equal(await rows.count(), 32);
    assertQuiet(misdeeds);
  });

  test("turns the pages of its table by keyboard", async (t) => {
    const { page } = await open(t);
    const first = await page.locator("#records-body tr").first().innerText();
    await tabTo(page, "#records-on");
    await page.keyboard.press("Enter");
    assert.match(await page.locator("#records-place").innerText(), /^51–100 of/);
    assert.notEqual(await page.locator("#records-body tr").first().innerText(), first);
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("#records-body tr").first().innerText(), first);
  });

  test("shows what hostile records say, and does none of it", async (t) => {
    const { page, ...misdeeds } = await open(t);
    const title = await page.title();
    const status = page.getByRole("status");
    for (const record of hostileRecords) {
      const word = /hacked|svg|override|עולם|control|javascript/.exec(record)?.[0] ?? "";
      await page.getByLabel("Contains").fill("");
      await status.getByText(/^All/).waitFor();
      await page.getByLabel("Contains").fill(word);
      await status.getByText(/^[12] of/).waitFor();
      for (const button of await page.locator("button.unfold").all()) await button.click();
      const shown = await page.locator("#records-body").innerText();
      assert.ok(shown.includes(word), `${word}: ${shown}`);
      assert.doesNotMatch(shown, notToBeShown);
    }
    assert.equal(
      await page.locator("img, iframe, object, embed, .content svg, #records-body script").count(),
      0,
    );
    assert.equal(await page.title(), title);
    assert.equal(await page.locator("script").count(), 2, "the data, and the page's own");
    assertQuiet(misdeeds);
  });

  test("its policy refuses a script, a style, a picture and a form that got in all the same", async (t) => {
    const script = await openChanged(t, (text) =>
      text.replace("</main>", "<script>document.title = 1</script></main>"),
    );
    await refusal(script, ["script-src-elem inline"]);
    assert.notEqual(await script.page.title(), "1");
    const handler = await openChanged(t, (text) =>
      text.replace("</main>", '<img src="data:," onerror="document.title=1"></main>'),
    );
    await refusal(handler, ["script-src-attr inline"]);
    const style = await openChanged(t, (text) =>
      text.replace("</main>", '<p style="color: red">x</p></main>'),
    );
    await refusal(style, ["style-src-attr inline"]);
    const fetched = await openChanged(t, (text) =>
      text.replace(
        "</main>",
        '<img src="http://127.0.0.1:9/x.png"><iframe src="http://127.0.0.1:9/"></iframe></main>',
      ),
    );
    await refusal(fetched, ["frame-src http", "img-src http"]);
    const turned = await open(t);
    await assert.rejects(turned.page.evaluate(`document.body.innerHTML = "<b>markup</b>"`), /TrustedHTML/);
  });

  test("a change of its own script is refused, and its figures stay readable without", async (t) => {
    const { page, refused } = await openChanged(t, (text) =>
      text.replace('"use strict";\n{', '"use strict";\n;{'),
    );
    await refusal({ refused }, ["script-src-elem inline"]);
    assert.match(await page.locator("main").innerText(), /Loss|Corrupt/);
    await page.getByText("Figures").first().click();
    assert.ok((await page.getByRole("table", { name: "Record sizes" }).locator("tr").count()) > 5);
    assert.match(await page.locator("#records-body").innerText(), /needs its script/);
  });

  // In a log that is corrupt near its beginning, and has no mark, the names of head and end stood one upon the other.
  test("the names on the map do not stand upon each other", async (t) => {
    const dir = scratchDir(t);
    const log = join(dir, "a.wal");
    const wal = await Wal.open(log);
    wal.appendBatch(["one", "two", "three"]);
    await wal.close();
    const garbage = Buffer.alloc(50_000, 0xa5);
    writeFileSync(log, Buffer.concat([readFileSync(log), garbage]));
    const marked = await openOf(t, log);
    await assertApart(marked.page, 3);
    rmSync(`${log}.mark`);
    const unmarked = await openOf(t, log);
    await assertApart(unmarked.page, 2);
    const { page: usual } = await open(t);
    await assertApart(usual, 3);
    await usual.evaluate(`{
      const [head, end] = document.querySelectorAll(".flag-name");
      for (const { name, value } of end.attributes) head.setAttribute(name, value);
    }`);
    await assert.rejects(assertApart(usual, 3), /"a":/, "names that do are seen");
    const { page: narrow } = await open(t, { width: 400 });
    await assertApart(narrow, 3);
  });

  test("shows each damage with the bytes around it", async (t) => {
    const { page } = await open(t);
    const articles = page.getByRole("article");
    assert.equal(await articles.count(), 2);
    for (const [index, lsn] of sample().damagedAt.entries()) {
      const article = articles.nth(index);
      assert.match(
        await article.getByRole("heading").innerText(),
        new RegExp(`at ${lsn.toLocaleString("en")}$`),
      );
      const marked = await article.locator("pre b").allInnerTexts();
      const bytes = marked.filter((text) => text.length === 2).join("");
      // "DAMAGE", from the second byte of the payload on, behind the eight of the header.
      assert.equal(bytes.indexOf("44414d414745"), 18);
    }
  });
});

test("where a browser is required, to have none is a failure", () => {
  const body = `process.env.PATH = ""; const { browserMissing } = await import(${JSON.stringify(
    pathToFileURL(join(projectDir, "build/test/support/browser.js")).href,
  )}); console.log(browserMissing(["/none"]));`;
  const run = (required: string): { status: number | null; output: string } => {
    const env = { ...process.env, WAL_DB_BROWSER: required };
    const args = ["--input-type=module", "-e", body];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      env,
      encoding: "utf8",
      timeout: 20_000,
    });
    return { status, output: stdout + stderr };
  };
  assert.match(run("").output, /^no Chromium at \/none/);
  const required = run("required");
  assert.equal(required.status, 1);
  assert.match(required.output, /WAL_DB_BROWSER=required, and no Chromium/);
});
