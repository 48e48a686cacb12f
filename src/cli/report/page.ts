/**
 * The page of `wal-db report`: one file that needs nothing else, and lets nothing in. Its policy allows the one
 * script and the one style that stand in it, by their hashes, and no request at all. What a log holds is text
 * here (html.ts) or JSON (`data`), never markup.
 */
import { createHash } from "node:crypto";
import type { Verdict } from "../verdict.ts";
import { bytesText, counted, countText, durationText } from "../quantity.ts";
import { type ShownDamage, damageArticle } from "./damage-list.ts";
import { embeddedJson, html, type Html, ownText } from "./html.ts";
import { pageScript, pageStyle, uplotLicence, uplotScript, uplotStyle } from "./page-code.ts";
import type { PageData } from "./page-data.ts";
import type { ReportedLog } from "./reported-log.ts";
import { mapInWords, segmentCells, segmentMap, segmentState } from "./segment-map.ts";
import { endsKept, type SurveyResult } from "./survey.ts";

export interface Report {
  readonly log: ReportedLog;
  readonly survey: SurveyResult;
  readonly damages: readonly ShownDamage[];
  readonly verdict: Verdict;
  /** A live writer is at the incomplete record at the end: the log is called whole. */
  readonly isBeingWritten: boolean;
  /** Bytes kept of a payload. */
  readonly startBytes: number;
  /** When it was made, and how long the pass took. */
  readonly made: Date;
  readonly seconds: number;
}

const segmentRowsMax = 1000;

const verdicts: Readonly<Record<Verdict, readonly [string, string]>> = {
  whole: ["Whole", "Every record from the head to the end is intact."],
  torn: ["Torn tail", "What a crash leaves: the next open cuts it off. Nothing acknowledged is lost."],
  corrupt: [
    "Corrupt",
    "Bytes that are no intact record, with records that may follow them. An open keeps what stands before the end, and saves the rest to quarantine.",
  ],
  loss: ["Loss", "Damage or missing bytes below the mark: acknowledged data is lost."],
};

function stat(name: string, value: string, note: string = ""): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}${note === "" ? null : html`<small>${note}</small>`}</dd>
  </div>`;
}

function share(part: number, all: number): string {
  if (all === 0) return "0%";
  const percent = (100 * part) / all;
  return part > 0 && percent < 0.1 ? "<0.1%" : `${percent.toFixed(1)}%`;
}

function sizesNote({ records, smallest, largest }: SurveyResult): string {
  if (records === 0) return "no record";
  return smallest === largest ? "all alike" : `mean; ${bytesText(smallest)} to ${bytesText(largest)}`;
}

function markNote({ mark, end }: ReportedLog): string {
  if (mark === null) return "nothing is claimed";
  if (mark > end) return `${bytesText(mark - end)} past the end`;
  return mark === end ? "nothing past it" : `${bytesText(end - mark)} past it`;
}

function summary({ log, survey, seconds }: Report): Html {
  const stored = log.length - Math.min(log.head, log.segments[0]?.start ?? log.head);
  const span = log.end - log.head;
  // Past the end of a damaged log as well.
  const passed = (survey.stretches.at(-1)?.to ?? log.end) - log.head;
  const mean = survey.records === 0 ? 0 : survey.bytes / survey.records;
  return html`<section aria-labelledby="summary">
    <h2 id="summary" class="unseen">Summary</h2>
    <dl class="stats">
      ${stat("Records", countText(survey.records), `${bytesText(survey.bytes)} of payload`)}
      ${stat("Record size", bytesText(Math.round(mean)), sizesNote(survey))}
      ${stat("Log", bytesText(span), `${bytesText(stored)} in ${log.kind === "file" ? "one file" : counted(log.segments.length, "segment")}`)}
      ${stat("Head", countText(log.head), log.head === 0 ? "nothing dropped" : "records before are dropped")}
      ${stat("Mark", log.mark === null ? "none" : countText(log.mark), markNote(log))}
      ${stat("End", countText(log.end), log.length > log.end ? `${bytesText(log.length - log.end)} in the files past it` : "the files end here")}
      ${stat("Damage", countText(survey.damages.count), survey.damages.count === 0 ? "none found" : `${bytesText(survey.damages.bytes)} passed over`)}
      ${stat("Replay", durationText(seconds), seconds > 0 ? `${bytesText(passed / seconds)}/s, this pass` : "this pass")}
    </dl>
  </section>`;
}

function key(className: string, text: string): Html {
  return html`<span><i class="${className}"></i>${text}</span>`;
}

function mapSection({ log, survey }: Report): Html {
  return html`<section aria-labelledby="map">
    <h2 id="map">Map</h2>
    <p class="unseen">${mapInWords(log, survey.damages.count)}</p>
    ${segmentMap(log, survey.damages.kept, survey.damages.count)}
    <p class="key">
      ${key("flushed", "below the mark: on stable storage")}${key("unmarked", "past the mark")}${key("dropped", "dropped, or past the end")}${key("damaged", "damage")}${log.quarantines.length > 0 ? key("quarantined", "quarantine") : null}
    </p>
    ${segmentCells(log, survey.damages.kept)} ${segmentTable(log, survey)} ${quarantineTable(log)}
  </section>`;
}

const stateNames = {
  damaged: "damage",
  dropped: "dropped",
  flushed: "below the mark",
  unmarked: "past the mark",
};

function segmentTable(log: ReportedLog, survey: SurveyResult): Html {
  const shown = log.segments.slice(0, segmentRowsMax);
  const rows = shown.map((segment) => {
    const { name, start, end, modified } = segment;
    const when = modified === null ? "–" : timeText(new Date(modified));
    const state = segmentState(log, segment, survey.damages.kept);
    return html`<tr>
      <th scope="row"><code>${name}</code></th>
      <td class="number">${countText(start)}</td>
      <td class="number">${countText(end)}</td>
      <td class="number">${bytesText(end - start)}</td>
      <td>${stateNames[state]}</td>
      <td>${when}</td>
    </tr>`;
  });
  const rest = log.segments.length - shown.length;
  const noun = log.kind === "file" ? "File" : "Segments";
  return html`<details>
    <summary>${noun}: ${countText(log.segments.length)}</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="${noun}">
      <table>
        <caption class="unseen">
          ${noun} of the log
        </caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" class="number">From</th>
            <th scope="col" class="number">To</th>
            <th scope="col" class="number">Size</th>
            <th scope="col">State</th>
            <th scope="col">Last written</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    ${rest > 0 ? html`<p class="note">And ${counted(rest, "segment")} more, not listed.</p>` : null}
  </details>`;
}

function quarantineTable({ quarantines }: ReportedLog): Html | null {
  if (quarantines.length === 0) return null;
  const rows = quarantines.map(
    ({ name, lsn, bytes }) =>
      html`<tr>
        <th scope="row"><code>${name}</code></th>
        <td class="number">${countText(lsn)}</td>
        <td class="number">${bytesText(bytes)}</td>
      </tr>`,
  );
  return html`<h3>Quarantine</h3>
    <p class="note">Bytes that recovery cut off and saved. <code>wal-db quarantine</code> shows them.</p>
    <table>
      <caption class="unseen">
        Quarantine files
      </caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="number">Stood at</th>
          <th scope="col" class="number">Size</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>`;
}

function chart(name: string, title: string, text: string, table: Html): Html {
  return html`<figure>
    <figcaption>
      <h3>${title}</h3>
      <p class="note">${text}</p>
    </figcaption>
    <div
      class="chart"
      id="chart-${name}"
      role="img"
      aria-label="Chart: ${title}. Its figures stand in the table below it."
    ></div>
    <details>
      <summary>Figures</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Figures of ${title}">${table}</div>
    </details>
  </figure>`;
}

function plainTable(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): Html {
  return html`<table>
    <caption class="unseen">
      ${caption}
    </caption>
    <thead>
      <tr>
        ${head.map((cell) => html`<th scope="col" class="number">${cell}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            ${row.map((cell) => html`<td class="number">${cell}</td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function chartsSection({ survey, log }: Report, data: PageData): Html {
  if (survey.records === 0) return html``;
  const sizes = survey.sizes.map(({ from, to, records, bytes }) => [
    from === to ? countText(from) : `${countText(from)} to ${countText(to)}`,
    countText(records),
    share(records, survey.records),
    share(bytes, survey.bytes),
  ]);
  const stretches = survey.stretches.map(({ from, to, records, bytes, smallest, largest }) => [
    `${countText(from)} to ${countText(to)}`,
    countText(records),
    bytesText(bytes),
    smallest === null ? "–" : countText(smallest),
    records === 0 ? "–" : countText(Math.round(bytes / records)),
    largest === null ? "–" : countText(largest),
  ]);
  const stretchHead = ["Offsets", "Records", "Payload", "Smallest", "Mean", "Largest"];
  const across = `In ${counted(survey.stretches.length, "stretch", "stretches")} of ${bytesText((log.end - log.head) / survey.stretches.length)}.`;
  return html`<section aria-labelledby="shape">
    <h2 id="shape">Shape</h2>
    <div class="charts">
      ${chart("sizes", "Record sizes", "Records by payload size, in powers of two.", plainTable("Record sizes", ["Bytes", "Records", "Of records", "Of bytes"], sizes))}
      ${chart("along", "Record size along the log", "Largest, mean and smallest payload, by offset.", plainTable("Record size along the log", stretchHead, stretches))}
      ${chart("growth", "Growth by offset", `Records so far. ${across}`, plainTable("Growth by offset", ["Up to offset", "Records so far"], runningSum(survey)))}
      ${
        data.times.length < 2
          ? null
          : chart(
              "time",
              "Growth in time",
              "By when each segment was last written to; the format itself keeps no time.",
              plainTable(
                "Growth in time",
                ["Time", "End of the log"],
                data.times.map(({ time, end }) => [timeText(new Date(time * 1000)), countText(end)]),
              ),
            )
      }
    </div>
  </section>`;
}

function runningSum({ stretches }: SurveyResult): string[][] {
  let sum = 0;
  return stretches.map(({ to, records }) => [countText(to), countText((sum += records))]);
}

function damageSection({ survey, damages }: Report): Html {
  const rest = survey.damages.count - damages.length;
  return html`<section aria-labelledby="damage">
    <h2 id="damage">Damage</h2>
    ${survey.damages.count === 0 ? html`<p>None found.</p>` : null}
    ${damages.map((damage, index) => damageArticle(damage, index + 1))}
    ${rest > 0 ? html`<p class="note">And ${countText(rest)} more, counted and not shown.</p>` : null}
  </section>`;
}

function whatIsHere({ survey }: Report): string {
  const { kept, records, sampleStep } = survey;
  if (kept.length === records) return `All ${counted(records, "record")} of the log are in this page.`;
  return (
    `${countText(kept.length)} of the log's ${countText(records)} records are in this page: one in ` +
    `${countText(sampleStep)}, evenly, with the first and the last ${endsKept}, and those next to damage. A filter finds only these; ` +
    "wal-db dump --grep looks at all."
  );
}

function field(name: string, label: string, hint: string): Html {
  return html`<label
    ><span>${label}</span
    ><input
      name="${name}"
      type="text"
      inputmode="numeric"
      autocomplete="off"
      spellcheck="false"
      placeholder="${hint}"
  /></label>`;
}

function recordsSection(report: Report): Html {
  if (report.survey.records === 0) {
    return html`<section aria-labelledby="records">
      <h2 id="records">Records</h2>
      <p>The log holds no record.</p>
    </section>`;
  }
  const hasDamage = report.survey.damages.count > 0;
  return html`<section aria-labelledby="records">
    <h2 id="records">Records</h2>
    <p class="note">${whatIsHere(report)} Of each the first ${countText(report.startBytes)} bytes.</p>
    <form id="filter" role="search" aria-label="Filter of the records">
      <label class="wide"
        ><span>Contains</span
        ><input
          name="contains"
          type="search"
          autocomplete="off"
          spellcheck="false"
          placeholder="text, or bytes as 0x 0a ff"
          aria-describedby="filter-count"
      /></label>
      ${field("lsn-from", "LSN from", "0")}${field("lsn-to", "LSN to", countText(report.log.end))}
      ${field("length-from", "Bytes from", "0")}${field("length-to", "Bytes to", countText(report.survey.largest))}
      <label class="check${hasDamage ? "" : " unseen"}"
        ><input id="near-damage" type="checkbox" ${hasDamage ? null : html` disabled`} /><span
          >next to damage</span
        ></label
      >
      <button type="reset">Reset</button>
    </form>
    <div class="above">
      <p id="filter-count" role="status" aria-live="polite"></p>
      <nav aria-label="Pages of the table">
        <button type="button" id="records-back">Previous</button><span id="records-place"></span
        ><button type="button" id="records-on">Next</button>
      </nav>
    </div>
    <div class="scroll tall" id="records-scroll" tabindex="0" role="region" aria-label="Table of records">
      <table class="records">
        <caption class="unseen">
          Records of this page that match the filter
        </caption>
        <thead>
          <tr>
            <th scope="col" class="number">No.</th>
            <th scope="col" class="number">LSN</th>
            <th scope="col" class="number">Bytes</th>
            <th scope="col">Begins with</th>
          </tr>
        </thead>
        <tbody id="records-body">
          <tr>
            <td colspan="4">The table needs its script, which did not run.</td>
          </tr>
        </tbody>
      </table>
    </div>
  </section>`;
}

function timeText(date: Date): string {
  return Number.isNaN(date.getTime())
    ? "–"
    : date
        .toISOString()
        .replace("T", " ")
        .replace(/\.\d+Z$/, " UTC");
}

function dataOf({ log, survey, startBytes }: Report): PageData {
  const { kept } = survey;
  return {
    sizes: survey.sizes,
    stretches: survey.stretches,
    times: timesOf(log),
    records: {
      number: kept.map(({ number }) => number),
      lsn: kept.map(({ lsn }) => lsn),
      length: kept.map(({ length }) => length),
      start: kept.map(({ start }) => Buffer.from(start).toString("base64")),
      nearDamage: kept.map(({ nearDamage }) => (nearDamage ? 1 : 0)),
    },
    startBytes,
  };
}

/**
 * When the log reached which end. A segment with a later time than one after it was touched since, by whoever
 * repaired or copied it, and says nothing.
 */
function timesOf({ segments, head, end }: ReportedLog): PageData["times"] {
  const times: { end: number; time: number }[] = [];
  let latest = Number.POSITIVE_INFINITY;
  for (const segment of segments.toReversed()) {
    if (segment.modified === null || segment.end <= head || segment.modified > latest) continue;
    latest = segment.modified;
    times.unshift({ end: Math.min(segment.end, end), time: latest / 1000 });
  }
  const took = (times.at(-1)?.time ?? 0) - (times[0]?.time ?? 0);
  return times.length > 2 && took >= 1 ? times : [];
}

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
  const { log, verdict, made, isBeingWritten } = report;
  const name = log.path.split(/[/\\]/).findLast((part) => part !== "") ?? log.path;
  const [word, meaning] = verdicts[verdict];
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
          <p class="verdict ${verdict}">
            <strong>${word}</strong>
            ${meaning}${isBeingWritten ? " The writer that has the log open was just writing the incomplete record at its end." : ""}
          </p>
          ${summary(report)} ${mapSection(report)} ${chartsSection(report, data)} ${damageSection(report)}
          ${recordsSection(report)}
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
