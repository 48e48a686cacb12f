/**
 * The page of `wal-db report`: one file that needs nothing else, and lets nothing in. Its policy allows the one
 * script and the one style that stand in it, by their hashes, and no request at all. What a log holds is text
 * here (html.ts) or JSON (`data`), never markup.
 */
import { createHash } from "node:crypto";
import { chartsSection } from "./charts-section.ts";
import { damageSection } from "./damage-list.ts";
import { embeddedJson, html, type Html, ownText } from "./html.ts";
import { mapSection } from "./map-section.ts";
import { timeText } from "./moment.ts";
import { pageScript, pageStyle, uplotLicence, uplotScript, uplotStyle } from "./page-code.ts";
import type { PageData } from "./page-data.ts";
import { dataOf } from "./page-facts.ts";
import { recordsSection } from "./records-section.ts";
import type { Report } from "./report.ts";
import { summarySection, verdictLine } from "./summary-section.ts";

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

const script = `${uplotScript}\n${pageScript}`;
const style = `${uplotStyle}\n${pageStyle}`;

// Not within the template of the page: the hashes hold for every space.
const scriptElement = ownText(`<script>${script}</script>`);
const styleElement = ownText(`<style>${style}</style>`);

function dataElement(data: PageData): Html {
  return ownText(`<script type="application/json" id="data">${embeddedJson(data).text}</script>`);
}

/** No request, no form, no frame, no base; one script and one style; and no string ever becomes markup. */
const policy = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(style)}`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

function themeSwitch(): Html {
  const choices = [
    ["auto", "Auto"],
    ["light", "Light"],
    ["dark", "Dark"],
  ] as const;
  return html`<fieldset class="theme">
    <legend class="unseen">Theme</legend>
    ${choices.map(
      ([value, label]) =>
        html`<label
          ><input
            type="radio"
            name="theme"
            value="${value}"
            ${value === "auto" ? html` checked` : null}
          /><span>${label}</span></label
        >`,
    )}
  </fieldset>`;
}

export function reportPage(report: Report): string {
  const { log, made } = report;
  const name = log.path.split(/[/\\]/).findLast((part) => part !== "") ?? log.path;
  const data = dataOf(report);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${ownText(policy)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${name}: wal-db report</title>
        <link rel="icon" href="data:," />
        ${styleElement}
      </head>
      <body>
        <a class="skip" href="#records">To the records</a>
        <header class="top">
          <div>
            <p class="over">wal-db report</p>
            <h1>${name}</h1>
            <p class="path">
              <code>${log.path}</code> ·
              ${timeText(made)}${log.holder === null ? null : html` · open in ${log.holder} meanwhile`}
            </p>
          </div>
          ${themeSwitch()}
        </header>
        <main>
          ${verdictLine(report)} ${summarySection(report)} ${mapSection(report)}
          ${chartsSection(report, data)} ${damageSection(report)} ${recordsSection(report)}
        </main>
        <footer>
          <p>
            A picture of the log as it was at ${timeText(made)}, read in one pass from the head to the end.
            Offsets and sizes are in bytes; KiB, MiB and so on are powers of 1024. The page needs no network
            and sends nothing.
          </p>
          <details>
            <summary>Charts by uPlot</summary>
            <pre>${uplotLicence}</pre>
          </details>
        </footer>
        ${dataElement(data)} ${scriptElement}
      </body>
    </html> `;
  return page.text;
}
