/** The table of records and its filter, empty: records-table.ts of the page fills it. */
import { counted, countText } from "../quantity.ts";
import { html, type Html } from "./html.ts";
import type { Report } from "./report.ts";
import { endsKept } from "./survey.ts";

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

export function recordsSection(report: Report): Html {
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
