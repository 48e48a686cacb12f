/** A run as text. */
import { busy, machineLine, spell, told } from "./figures.mjs";
import { verdicts } from "./goals.mjs";

/** Lines of cells, each column as wide as its widest; the first columns to the left, figures to the right. */
export function columns(lines, leftColumns) {
  const widths = lines[0].map((_, n) => Math.max(...lines.map((line) => line[n].length)));
  return lines
    .map((line) =>
      line
        .map((cell, n) => (leftColumns.includes(n) ? cell.padEnd(widths[n]) : cell.padStart(widths[n])))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The head of each column, and the cells of each row. */
export function caseCells(each) {
  const rows = each.rows.filter((row) => row.values.length > 0).map(told);
  const latencies = rows.some((row) => row.percentiles !== null);
  const head = [
    "",
    each.unit,
    "least .. most",
    "spread",
    ...(latencies ? ["p50", "p90", "p99.9", "max"] : []),
  ];
  const cells = rows.map((row) => [
    row.title,
    row.median,
    row.range,
    row.spread,
    ...(latencies ? ["p50", "p90", "p999", "max"].map((key) => spell(row.percentiles[key])) : []),
  ]);
  return { head, cells };
}

export function caseTable(each) {
  const { head, cells } = caseCells(each);
  return `${each.title} [${each.name}]\n${columns([head, ...cells], [0])}`;
}

export function headLines(result) {
  const { rounds, quick, on, absent, floor } = result;
  return [
    machineLine(on),
    `records of 256 bytes unless said; medians of ${rounds} rounds; spread: (most - least) / median${quick ? "; QUICK: sizes too small to quote" : ""}`,
    ...(busy(on) ? [`The machine was busy (load ${on.load}): not to be quoted.`] : []),
    ...(on.fileSystem === "tmpfs"
      ? ["On tmpfs a flush does nothing: durable commits say nothing here."]
      : []),
    ...absent.map(({ title, why }) => `not there: ${title} (${why})`),
    ...(floor.compiler === null ? [`no native floor in C: ${floor.why}`] : []),
  ];
}

export function goalCells(result) {
  const head = ["goal", "compared", "bound", "reached", ""];
  const cells = verdicts(result).map(({ work, compared, kind, bound, reached, verdict }) => [
    work,
    `${compared}${kind === "cost" ? " (cost)" : ""}`,
    bound,
    reached,
    verdict,
  ]);
  return { head, cells };
}

export function goalTable(result) {
  const { head, cells } = goalCells(result);
  return columns([head, ...cells], [0, 1, 4]);
}
