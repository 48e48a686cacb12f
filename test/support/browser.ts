/**
 * A real Chromium, headless, for the tests of pages: the one that the system has (Debian's package), driven by
 * playwright-core, which brings none. Where there is none the tests are skipped with the reason, but with
 * WAL_DB_BROWSER=required, as .ci/run sets it, they fail.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import type { Scope } from "./scratch.ts";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome-stable"];

/** Without these a browser in a container waits: for a sandbox, a graphics card, or a service in the network. */
const flags: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const patienceMilliseconds = 10_000;

export interface OpenBrowser {
  readonly browser: Browser;
  readonly pid: number;
  /** Asks it to end, and ends it by its number where it does not. */
  close(): Promise<void>;
}

/** Why there is no browser; null where there is one. */
export function browserMissing(among: readonly string[] = places): string | null {
  if (among.some((path) => existsSync(path))) return null;
  const reason = `no Chromium at ${among.join(", ")} (Debian: apt-get install chromium)`;
  assert.notEqual(process.env["WAL_DB_BROWSER"], "required", `WAL_DB_BROWSER=required, and ${reason}`);
  return reason;
}

export async function openBrowser(): Promise<OpenBrowser> {
  const executablePath = places.find((path) => existsSync(path));
  assert.ok(executablePath !== undefined);
  // A server, since that tells its process; its user data are in a new folder of its own.
  const server = await chromium.launchServer({
    executablePath,
    args: [...flags],
    timeout: patienceMilliseconds,
  });
  const browser = await chromium.connect(server.wsEndpoint(), { timeout: patienceMilliseconds });
  const pid = server.process().pid ?? 0;
  const close = async (): Promise<void> => {
    await Promise.race([server.close(), setTimeout(patienceMilliseconds, undefined, { ref: false })]);
    if (server.process().exitCode === null && server.process().signalCode === null)
      process.kill(pid, "SIGKILL");
  };
  return { browser, pid, close };
}

/** What a page did that it should not have done. */
export interface Misdeeds {
  /** Messages on the console, errors thrown, dialogs. */
  readonly said: string[];
  /** Requests, but for the page itself. */
  readonly asked: string[];
  /** What its policy refused. */
  readonly refused: string[];
}

export interface OpenPage extends Misdeeds {
  readonly page: Page;
}

export interface PageOptions {
  readonly colorScheme?: "light" | "dark";
  readonly width?: number;
}

/** Opens a file of this machine, and takes note of all that it does. Closed when the test ends. */
export async function openPage(
  t: Scope,
  { browser }: OpenBrowser,
  url: string,
  { colorScheme = "light", width = 1280 }: PageOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
  t.after(() => void context.close().catch(() => {}));
  context.setDefaultTimeout(patienceMilliseconds);
  const page = await context.newPage();
  const misdeeds = await noteMisdeeds(context, page, url);
  await page.goto(url, { timeout: patienceMilliseconds });
  return { page, ...misdeeds };
}

async function noteMisdeeds(context: BrowserContext, page: Page, url: string): Promise<Misdeeds> {
  const said: string[] = [];
  const asked: string[] = [];
  const refused: string[] = [];
  await context.exposeFunction("noteRefused", (what: string) => void refused.push(what));
  await context.addInitScript(
    `addEventListener("securitypolicyviolation", (event) => noteRefused(event.effectiveDirective + " " + event.blockedURI));`,
  );
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    said.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) asked.push(request.url());
  });
  return { said, asked, refused };
}
