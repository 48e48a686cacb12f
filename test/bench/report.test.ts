/**
 * The makers of the benchmark's table, page and document, on a small run that is stored: what a run
 * says is what is shown, and the page needs nothing but itself. No timing.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { projectDir } from "../support/project.js";

interface Row {
  readonly subject: string;
  readonly title: string;
  readonly values: number[];
  readonly also: unknown[];
}
interface Run {
  readonly on: { load: number };
  readonly cases: { readonly name: string; title: string; readonly rows: Row[] }[];
  readonly absent: { readonly title: string; why: string }[];
}
interface Verdict {
  readonly work: string;
  readonly compared: string;
  readonly reached: string;
  readonly verdict: "met" | "NOT MET" | "not measured";
}
interface ChartLibrary {
  readonly script: string;
  readonly style: string;
}

/** The suite is plain JavaScript, outside what is compiled here. */
async function suite(path: string): Promise<unknown> {
  return import(pathToFileURL(join(projectDir, "bench/report", path)).href);
}
const { verdicts, goals } = (await suite("goals.mjs")) as {
  verdicts: (run: Run) => Verdict[];
  goals: { work: string; goal: string; parts: unknown[] }[];
};
const { caseTable, headLines } = (await suite("table.mjs")) as {
  caseTable: (each: Run["cases"][number]) => string;
  headLines: (run: Run) => string[];
};
const { page } = (await suite("page.mjs")) as { page: (run: Run, library: ChartLibrary | null) => string };
const { markdown } = (await suite("markdown.mjs")) as { markdown: (run: Run) => string };

function storedRun(): Run {
  return JSON.parse(readFileSync(join(projectDir, "test/bench/run.json"), "utf8")) as Run;
}

function caseOf(run: Run, name: string): Run["cases"][number] {
  const found = run.cases.find((each) => each.name === name);
  assert.ok(found !== undefined, name);
  return found;
}

function verdictOf(run: Run, work: string): string[] {
  return verdicts(run)
    .filter((each) => each.work === work)
    .map(({ reached, verdict }) => `${reached} ${verdict}`);
}

const library = { script: "var uPlot = 1;", style: ".uplot{}" };

test("a table holds the median, the least, the most and the spread of each subject", () => {
  assert.equal(
    caseTable(caseOf(storedRun(), "append")),
    [
      "Append, one at a time, not flushed [append]",
      "                records/s         least .. most  spread",
      "wal-db, file      500,000    400,000 .. 550,000    ±30%",
      "better-sqlite3     80,000      75,000 .. 90,000    ±19%",
      "native, file      800,000  700,000 .. 1,000,000    ±38%",
    ].join("\n"),
  );
});

test("latencies are told by percentile, as medians over the rounds", () => {
  const table = caseTable(caseOf(storedRun(), "latency-1"));
  assert.match(table, /p50 +p90 +p99\.9 +max/);
  assert.match(table, /wal-db, file +900 +800 \.\. 1,000 +±22% +190 +260 +2,500 +3,500/);
});

test("a goal is met, not met, or not measured: by the medians of the run", () => {
  const run = storedRun();
  assert.deepEqual(verdictOf(run, "file append"), ["1.60 NOT MET"]);
  assert.deepEqual(verdictOf(run, "64 committers"), ["6.00 met", "1.20 NOT MET"]);
  assert.deepEqual(verdictOf(run, "mapped append"), ["- not measured"]);
  assert.deepEqual(verdictOf(run, "reopen after a clean close, any size")[0], "1.50 ms met");
});

test("where a goal has several cases, each of its lines says which one it is", () => {
  const lines = verdicts(storedRun()).map(({ work, compared }) => `${work}: ${compared}`);
  assert.equal(new Set(lines).size, lines.length, lines.join("\n"));
  assert.ok(lines.includes("2 and 8 worker threads, appends: threads-8: wal-db, file / native threads"));
});

test("a faster floor turns a goal that was met", () => {
  const run = storedRun();
  const floor = caseOf(run, "commit-64").rows.find((row) => row.subject === "native-threads");
  floor?.values.fill(1e6);
  assert.deepEqual(verdictOf(run, "64 committers")[0], "0.12 NOT MET");
});

test("where the floor in C is not there, the reference stands for it", () => {
  const run = storedRun();
  const each = caseOf(run, "append");
  const rows = each.rows.map((row) =>
    row.subject === "native-file" ? { ...row, subject: "native-file-reference" } : row,
  );
  each.rows.splice(0, each.rows.length, ...rows);
  assert.deepEqual(verdictOf(run, "file append"), ["1.60 NOT MET"]);
});

test("the goals are those that were set", () => {
  assert.equal(goals.length, 14);
  assert.ok(goals.every(({ work, goal, parts }) => work !== "" && goal !== "" && parts.length > 0));
});

test("a busy machine, and who is not there, are named first", () => {
  const run = storedRun();
  assert.doesNotMatch(headLines(run).join("\n"), /busy/);
  run.on.load = 9;
  assert.match(headLines(run).join("\n"), /busy \(load 9\): not to be quoted/);
  assert.match(headLines(run).join("\n"), /not there: lmdb-js \(Cannot find package 'lmdb'\)/);
});

test("the page needs nothing but itself, and each chart has its table", () => {
  const html = page(storedRun(), library);
  assert.doesNotMatch(html, /(?:src|href)="(?!data:)/, "nothing is fetched");
  assert.doesNotMatch(html, /https?:|@import|url\(/, "nothing is fetched");
  assert.match(html, /prefers-color-scheme: dark/);
  const charts = [...html.matchAll(/id="chart-([\w-]+)" aria-hidden="true"/g)].map((match) => match[1]);
  assert.deepEqual(charts, ["commits", ...storedRun().cases.map(({ name }) => name)]);
  const tables = [...html.matchAll(/<table aria-label="([^"]+)"/g)].map((match) => match[1]);
  for (const { title } of storedRun().cases) assert.ok(tables.includes(title.replaceAll("`", "")), title);
  assert.match(html, /<td class="figure">500,000<\/td>/);
});

test("without uPlot the page is its tables, and says so", () => {
  const html = page(storedRun(), null);
  assert.match(html, /charts are not here/);
  assert.doesNotMatch(html, /<script/);
  assert.match(html, /<td class="figure">500,000<\/td>/);
});

test("what a run says cannot break out of the page", () => {
  const run = storedRun();
  caseOf(run, "append").title = '</script><b>"1 & 2"';
  for (const absent of run.absent) absent.why = "<img>";
  caseOf(run, "append").rows.push({ subject: "x", title: "</script><i>", values: [1], also: [] });
  const html = page(run, { ...library, script: 'var s = "</script>";' });
  assert.doesNotMatch(html, /<(?:b|i|img)(?:>|&gt;)/);
  assert.equal(html.match(/<\/script>/g)?.length, 3, "the three scripts end where they should");
  const figures = /id="figures">(.*?)<\/script>/s.exec(html)?.[1] ?? "";
  assert.match(JSON.stringify(JSON.parse(figures)), /<\/script><i>/);
});

test("the document tells the goals, the machine and the figures, and can be read as a table", () => {
  const text = markdown(storedRun());
  assert.match(
    text,
    /^\| file append +\| at most 1\.5 times the native cost .*\| 1\.60 +\| \*\*not met\*\* +\|$/m,
  );
  assert.match(
    text,
    /- A processor, 2 cores, 8 GiB; Linux 6\.1; ext4; Node v20\.19\.0; load 0\.1 before; 2026-01-02/,
  );
  assert.match(text, /^\| wal-db, file +\| +500,000 \|/m);
  for (const lines of text.split("\n\n").filter((block) => block.startsWith("| "))) {
    const bars = lines.split("\n").map((line) => line.replaceAll("\\|", "").split("|").length);
    assert.equal(new Set(bars).size, 1, lines);
  }
});
