/**
 * A run as one HTML page that needs nothing else: tables that say all, and charts of them drawn by uPlot,
 * which stands in the page. `library` is its script and style; null leaves the charts out.
 */
import { readFileSync } from "node:fs";
import { caveats, peers } from "../peers.mjs";
import { summary } from "../statistics.mjs";
import { caseOf, percentilesOf } from "./figures.mjs";
import { caseCells, goalCells, headLines } from "./table.mjs";

const textOf = (name) => readFileSync(new URL(name, import.meta.url), "utf8");

export function escapeHtml(text) {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** Prose in which `code` stands between backticks. */
function prose(text) {
  return escapeHtml(text).replace(/`([^`]+)`/g, "<code>$1</code>");
}

/** JSON within a script element: nothing in it may end the element. */
function embedded(value) {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

const verdictClass = { met: "met", "NOT MET": "missed" };

function htmlTable(caption, head, cells, figuresFrom) {
  const kind = (n, cell) => {
    const known = verdictClass[cell];
    const classes = [...(n >= figuresFrom ? ["figure"] : []), ...(known === undefined ? [] : [known])];
    return classes.length === 0 ? "" : ` class="${classes.join(" ")}"`;
  };
  const heads = head.map((cell, n) => `<th scope="col"${kind(n, "")}>${prose(cell)}</th>`).join("");
  const row = (line) =>
    `<tr>${line.map((cell, n) => `<td${kind(n, cell)}>${prose(cell)}</td>`).join("")}</tr>`;
  const label = escapeHtml(caption.replaceAll("`", ""));
  return `<div class="wide"><table aria-label="${label}">
<thead><tr>${heads}</tr></thead>
<tbody>
${cells.map(row).join("\n")}
</tbody></table></div>`;
}

function barsOf(each) {
  const rows = each.rows
    .filter((row) => row.values.length > 0)
    .map(({ subject, title, values }) => ({ subject, title, ...summary(values) }));
  return { kind: "bars", name: each.name, unit: each.unit, rows };
}

const concurrencies = [1, 8, 64, 1000];

/** Commits a second by how many wait: what a group commit is for. */
function commitCurves(result) {
  const found = concurrencies
    .map((count) => ({ count, each: caseOf(result, `commit-${count}`) }))
    .filter(({ each }) => each !== undefined);
  if (found.length < 2) return [];
  const named = new Map(found.flatMap(({ each }) => each.rows.map((row) => [row.subject, row.title])));
  const lines = [...named]
    .filter(([subject]) => !subject.startsWith("native"))
    .map(([subject, title]) => ({
      subject,
      title,
      values: found.map(({ each }) => {
        const row = each.rows.find((row) => row.subject === subject);
        return row === undefined || row.values.length === 0 ? null : summary(row.values).median;
      }),
    }));
  const points = found.map(({ count }) => String(count));
  return [{ kind: "curves", name: "commits", unit: "records/s", across: "callers", points, lines }];
}

function latencyCurves(each) {
  const lines = each.rows
    .filter((row) => row.values.length > 0)
    .map((row) => ({ ...row, percentiles: percentilesOf(row) }))
    .map(({ subject, title, percentiles: { p50, p90, p99, p999 } }) => ({
      subject,
      title,
      values: [p50, p90, p99, p999],
    }));
  const points = ["p50", "p90", "p99", "p99.9"];
  return { kind: "curves", name: each.name, unit: each.unit, across: "percentile", points, lines };
}

function chartsOf(result) {
  const each = result.cases.map((each) =>
    each.rows.some((row) => row.also?.length > 0) ? latencyCurves(each) : barsOf(each),
  );
  return [...commitCurves(result), ...each];
}

function caseSection(each) {
  const { head, cells } = caseCells(each);
  return `<section><h3>${prose(each.title)}</h3>
<div class="chart" id="chart-${each.name}" aria-hidden="true"></div>
${htmlTable(each.title, ["subject", ...head.slice(1)], cells, 1)}</section>`;
}

function commitSection(charts) {
  if (!charts.some(({ name }) => name === "commits")) return "";
  return `<section><h3>Durable commits by callers at a time</h3>
<div class="chart" id="chart-commits" aria-hidden="true"></div>
<p>A logarithmic scale. Its figures stand in the tables of 1, 8, 64 and 1000 callers below.</p></section>`;
}

export function page(result, library) {
  const goals = goalCells(result);
  const charts = chartsOf(result);
  const facts = peers.map(({ subject, commit, append, more }) => [subject, commit, append, more]);
  const versions = Object.values(result.present).map(({ title, version }) => `${title} ${version}`);
  const drawing =
    library === null
      ? "<p>The charts are not here: uPlot was not installed when this page was made.</p>"
      : `<p class="key"><span><i style="background:var(--ours)"></i>wal-db</span><span><i style="background:var(--peer)"></i>others</span><span><i style="background:var(--floor)"></i>native</span>Bars: medians; the line over each: least to most of the rounds.</p>`;
  const scripts =
    library === null
      ? ""
      : `<script type="application/json" id="figures">${embedded(charts)}</script>
<script>${library.script.replaceAll("</script", "<\\/script")}</script>
<script type="module">${textOf("./charts.js")}</script>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>wal-db: benchmarks</title>
<link rel="icon" href="data:,">
<style>
${library?.style ?? ""}
${textOf("./page.css")}</style>
</head>
<body>
<h1>wal-db: benchmarks</h1>
<ul class="facts">
${[...headLines(result), versions.join("; ")].map((line) => `<li>${escapeHtml(line)}</li>`).join("\n")}
</ul>
<h2>Goals</h2>
${htmlTable("Goals, and what this run reached", goals.head.slice(0, -1).concat("verdict"), goals.cells, goals.head.length)}
<h2>What is compared</h2>
${htmlTable("What each subject does to be durable, and offers besides", ["subject", "durable commit", "append, not flushed", "offers besides"], facts, 4)}
<ul>
${caveats.map((line) => `<li>${prose(line)}</li>`).join("\n")}
</ul>
<h2>Figures</h2>
${drawing}
${commitSection(charts)}
${result.cases.map(caseSection).join("\n")}
${scripts}
</body>
</html>
`;
}
