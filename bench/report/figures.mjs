/** Figures of a run, found and spelt. */
import { summary } from "../statistics.mjs";

export function caseOf(result, name) {
  return result.cases.find((each) => each.name === name);
}

/** The median of a subject at a case; null when it was not measured. */
export function medianOf(result, caseName, subject) {
  const row = caseOf(result, caseName)?.rows.find((each) => each.subject === subject);
  return row === undefined || row.values.length === 0 ? null : summary(row.values).median;
}

const digits = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);

/** A figure in its unit: 1,234,567 or 1.23. */
export function spell(value) {
  const places = digits(value);
  return value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
}

/** A row as it is told, with the percentiles of its latencies where it has them. */
export function told(row) {
  const { median, least, most, spreadPercent } = summary(row.values);
  return {
    subject: row.subject,
    title: row.title,
    median: spell(median),
    range: `${spell(least)} .. ${spell(most)}`,
    spread: `±${spreadPercent}%`,
    percentiles: percentilesOf(row),
  };
}

/** The medians over the rounds of each percentile; null where there are none. */
export function percentilesOf({ also = [] }) {
  if (also.length === 0) return null;
  return Object.fromEntries(
    Object.keys(also[0]).map((key) => [key, summary(also.map((each) => each[key])).median]),
  );
}

export function machineLine({ processor, cores, memoryGiB, system, fileSystem, runtime, date, load }) {
  return `${processor}, ${cores} cores, ${memoryGiB} GiB; ${system}; ${fileSystem}; ${runtime}; load ${load} before; ${date.slice(0, 10)}`;
}

/** Said of a machine that was at other work: such figures are not to be quoted. */
export function busy({ load, cores }) {
  return load > cores / 2;
}
