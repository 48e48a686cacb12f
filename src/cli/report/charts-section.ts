/** The places of the charts, each with its figures as a table: charts.ts of the page draws them. */
import { bytesText, counted, countText } from "../quantity.ts";
import { html, type Html } from "./html.ts";
import { timeText } from "./moment.ts";
import type { PageData } from "./page-data.ts";
import type { Report } from "./report.ts";
import type { SurveyResult } from "./survey.ts";

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

export function chartsSection({ survey, log }: Report, data: PageData): Html {
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

function share(part: number, all: number): string {
  if (all === 0) return "0%";
  const percent = (100 * part) / all;
  return part > 0 && percent < 0.1 ? "<0.1%" : `${percent.toFixed(1)}%`;
}
