/** The map, and the files and quarantines that stand on it, as tables. */
import { bytesText, counted, countText } from "../quantity.ts";
import { html, type Html } from "./html.ts";
import { timeText } from "./moment.ts";
import type { Report } from "./report.ts";
import type { ReportedLog } from "./reported-log.ts";
import { mapInWords, segmentCells, segmentMap, segmentState } from "./segment-map.ts";
import type { SurveyResult } from "./survey.ts";

const segmentRowsMax = 1000;

function key(className: string, text: string): Html {
  return html`<span><i class="${className}"></i>${text}</span>`;
}

export function mapSection({ log, survey }: Report): Html {
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
