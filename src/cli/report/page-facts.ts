/** The data of the page, from a report. */
import type { PageData } from "./page-data.ts";
import type { Report } from "./report.ts";
import type { ReportedLog } from "./reported-log.ts";

export function dataOf({ log, survey, startBytes }: Report): PageData {
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
