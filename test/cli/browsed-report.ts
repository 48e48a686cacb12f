/** A report of the sample log, made by wal-db as a process and open in a browser, for the tests of a file. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import {
  type Misdeeds,
  openBrowser,
  type OpenBrowser,
  openPage,
  type OpenPage,
  type PageOptions,
} from "../support/browser.js";
import { scratchDir } from "../support/scratch.js";
import { cliPath } from "./command-process.js";
import { type SampleLog, sampleLog } from "./sample-log.js";

export interface BrowsedReport {
  /** Of the log; there once the tests begin. */
  readonly sample: () => SampleLog;
  readonly open: (t: TestContext, options?: PageOptions) => Promise<OpenPage>;
  /** Another log's. */
  readonly openOf: (t: TestContext, log: string) => Promise<OpenPage>;
  /** A copy that was changed on purpose. */
  readonly openChanged: (t: TestContext, change: (text: string) => string) => Promise<OpenPage>;
}

function makeReport(log: string, page: string): void {
  const words = [cliPath, "report", log, "-o", page];
  execFileSync(process.execPath, words, { stdio: "pipe", timeout: 20_000 });
}

/** To be called in a `describe`: makes all of it before its tests, and takes it away after them. */
export function browsedReport(): BrowsedReport {
  const dir = mkdtempSync(join(tmpdir(), "wal-db-"));
  const file = join(dir, "report.html");
  let made: { readonly sample: SampleLog; readonly browser: OpenBrowser } | undefined;
  before(async () => {
    const sample = await sampleLog(join(dir, "log"));
    makeReport(sample.dir, file);
    made = { sample, browser: await openBrowser() };
  });
  after(async () => {
    rmSync(dir, { recursive: true, force: true });
    if (made === undefined) return;
    const { browser } = made;
    await browser.close();
    assert.throws(() => process.kill(browser.pid, 0), { code: "ESRCH" }, "the browser is gone");
  });
  const ready = (): NonNullable<typeof made> => {
    assert.ok(made !== undefined);
    return made;
  };
  return {
    sample: () => ready().sample,
    open: (t, options) => openPage(t, ready().browser, pathToFileURL(file).href, options),
    openOf(t, log) {
      const path = join(scratchDir(t), "other.html");
      makeReport(log, path);
      return openPage(t, ready().browser, pathToFileURL(path).href);
    },
    openChanged(t, change) {
      const text = readFileSync(file, "utf8");
      const changed = change(text);
      assert.notEqual(changed, text);
      const path = join(scratchDir(t), "changed.html");
      writeFileSync(path, changed);
      return openPage(t, ready().browser, pathToFileURL(path).href);
    },
  };
}

/** That nothing was said, asked for or refused. */
export function assertQuiet({ said, asked, refused }: Misdeeds): void {
  assert.deepEqual({ said, asked, refused }, { said: [], asked: [], refused: [] });
}

/** Tab, until the element with that id has the focus. */
export async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate<boolean>(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
  }
  assert.fail(`the keyboard does not get to ${selector}`);
}
