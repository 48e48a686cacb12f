/** A moment as the page shows it: in UTC, to the second. */

export function timeText(date: Date): string {
  return Number.isNaN(date.getTime())
    ? "–"
    : date
        .toISOString()
        .replace("T", " ")
        .replace(/\.\d+Z$/, " UTC");
}
