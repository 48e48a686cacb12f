/** The verdict, and the facts of a log in figures. */
import { bytesText, counted, countText, durationText } from "../quantity.ts";
import type { Verdict } from "../verdict.ts";
import { html, type Html } from "./html.ts";
import type { Report } from "./report.ts";
import type { ReportedLog } from "./reported-log.ts";
import type { SurveyResult } from "./survey.ts";

const verdicts: Readonly<Record<Verdict, readonly [string, string]>> = {
  whole: ["Whole", "Every record from the head to the end is intact."],
  torn: ["Torn tail", "What a crash leaves: the next open cuts it off. Nothing acknowledged is lost."],
  corrupt: [
    "Corrupt",
    "Bytes that are no intact record, with records that may follow them. An open keeps what stands before the end, and saves the rest to quarantine.",
  ],
  loss: ["Loss", "Damage or missing bytes below the mark: acknowledged data is lost."],
};

export function verdictLine({ verdict, isBeingWritten }: Report): Html {
  const [word, meaning] = verdicts[verdict];
  const writing = isBeingWritten
    ? " The writer that has the log open was just writing the incomplete record at its end."
    : "";
  return html`<p class="verdict ${verdict}"><strong>${word}</strong> ${meaning}${writing}</p>`;
}

function stat(name: string, value: string, note: string = ""): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}${note === "" ? null : html`<small>${note}</small>`}</dd>
  </div>`;
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

export function summarySection({ log, survey, seconds }: Report): Html {
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
