/**
 * wal-db beside its peers and the native floor.
 *
 *   npm run bench [-- --only commit,replay --rounds 7 --quick --dir FOLDER --out FOLDER
 *                     --floor PROGRAM --sqlite-node PROGRAM]
 *
 *   --only         cases whose names begin so, by commas; --list names them
 *   --rounds       how often each is measured (default 5; 2 with --quick)
 *   --quick        smaller sizes: to see that it works, not to be quoted
 *   --dir          where the logs lie while they are measured; a real disk (default: the temporary folder)
 *   --out          where benchmarks.json and benchmarks.html go (default: bench/out)
 *   --floor        a second native floor, as a reference (default: WAL_DB_FLOOR)
 *   --sqlite-node  a newer Node for node:sqlite, where this one has none (default: WAL_DB_SQLITE_NODE)
 *
 * Peers are measured where they are installed: npm run bench:install. Each subject has a process of its own
 * at each case, warms up there, and takes turns with the others, round by round, so that what the machine
 * does meanwhile falls on all alike; who begins changes each round.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cases, nativeTitles, sizesOf } from "./cases.mjs";
import { inFolder, nativeRound, SubjectProcess } from "./contestant.mjs";
import { machine, versionOf } from "./machine.mjs";
import { compileFloor } from "./native-floor.mjs";
import { caseTable, goalTable, headLines } from "./report/table.mjs";
import { page } from "./report/page.mjs";
import { chartLibrary } from "./report/chart-library.mjs";
import { subjects } from "./subjects/subjects.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const { values: asked } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    list: { type: "boolean", default: false },
    rounds: { type: "string", default: "" },
    quick: { type: "boolean", default: false },
    dir: { type: "string", default: tmpdir() },
    out: { type: "string", default: join(here, "out") },
    floor: { type: "string", default: process.env.WAL_DB_FLOOR ?? "" },
    "sqlite-node": { type: "string", default: process.env.WAL_DB_SQLITE_NODE ?? process.execPath },
  },
});

const only = asked.only.split(",").filter((name) => name !== "");
const chosen = cases.filter(
  ({ name }) => only.length === 0 || only.some((prefix) => name.startsWith(prefix)),
);
const rounds = Number(asked.rounds || (asked.quick ? 2 : 5));
const runtimeOf = (name) => (name === "node-sqlite" ? asked["sqlite-node"] : process.execPath);

function tell(text) {
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : "");
}

/** Who can be measured here, with versions; and who cannot, with the reason. */
async function muster() {
  const present = {};
  const absent = [];
  for (const [name, { title, package: from }] of Object.entries(subjects)) {
    const process = new SubjectProcess(name, runtimeOf(name));
    try {
      const { ready, absent: why } = await process.start();
      if (ready === undefined) absent.push({ subject: name, title, why });
      else present[name] = { title, version: versionShown(name, from, ready) };
    } finally {
      await process.stop();
    }
  }
  return { present, absent };
}

function versionShown(name, from, { runtime, sqlite }) {
  if (name === "node-sqlite") return `SQLite ${sqlite} in Node ${runtime}`;
  if (name === "fs" || name === "json") return `Node ${runtime}`;
  return versionOf(
    from === undefined ? join(here, "../package.json") : join(here, "node_modules", from, "package.json"),
  );
}

/** Fixtures by subject and size: folders of logs that are filled and closed. */
class Fixtures {
  #filled = new Map();
  #folder;

  constructor(folder) {
    this.#folder = folder;
  }

  async take(name, process, sizes) {
    const key = `${name}-${sizes.recordBytes}-${sizes.records}`;
    // What lies in memory ended with the process that filled it.
    if (this.#filled.has(key) && name !== "wal-memory") return this.#filled.get(key);
    const folder = join(this.#folder, `fixture-${key}`);
    mkdirSync(folder, { recursive: true });
    await process.run("fill", folder, sizes);
    this.#filled.set(key, folder);
    return folder;
  }

  /** Removes what no case to come will read. */
  keepFor(coming) {
    const needed = coming
      .map((each) => sizesOf(each, asked.quick))
      .map((sizes) => `${sizes.recordBytes}-${sizes.records}`);
    for (const [key, folder] of this.#filled) {
      if (needed.some((end) => key.endsWith(`-${end}`))) continue;
      rmSync(folder, { recursive: true, force: true });
      this.#filled.delete(key);
    }
  }
}

/** The turns of one case: each a name, a title, and a call that measures it once. */
async function turnsOf(each, run) {
  const own = each.subjects.filter((name) => name in run.present);
  const turns = [];
  for (const name of own) turns.push(await subjectTurn(each, name, run));
  for (const figure of each.native ?? []) turns.push(...nativeTurns(figure, run));
  return turns;
}

async function subjectTurn(each, name, run) {
  const process = new SubjectProcess(name, runtimeOf(name));
  await process.start();
  const sizes = sizesOf(each, asked.quick, name);
  const filled = each.fixture ? await run.fixtures.take(name, process, sizes) : null;
  const once = (some) =>
    filled === null
      ? inFolder(join(run.folder, "log"), (folder) => process.run(each.body, folder, some))
      : process.run(each.body, filled, some);
  for (let n = each.fresh ? 0 : (each.warmUps ?? 1); n > 0; n--) await once(sizes);
  return {
    subject: name,
    title: run.present[name].title,
    async measure() {
      if (!each.fresh) return once(sizes);
      await process.stop();
      await process.start();
      return once(sizes);
    },
    end: () => process.stop(),
  };
}

function nativeTurns(figure, run) {
  const turn = (floor, name, suffix) => ({
    subject: `${figure.subject}${suffix}`,
    title: `${nativeTitles[figure.subject]}${suffix === "" ? "" : " (reference)"}`,
    measure: async () => ({ value: await nativeRound(floor, name, figure, join(run.folder, "native")) }),
    end: () => {},
  });
  return [
    ...(run.floor.program === null ? [] : [turn(run.floor.program, figure.inC, "")]),
    ...(asked.floor === "" || figure.inReference === null
      ? []
      : [turn(resolve(asked.floor), figure.inReference, "-reference")]),
  ];
}

/** All rounds of a case. A subject that fails is told of, and the others go on. */
async function measureCase(each, run, position) {
  if (each.settle) execFileSync("sync");
  tell(`${position}  ${each.name}: warming up`);
  const turns = await turnsOf(each, run);
  const rows = turns.map(({ subject, title }) => ({ subject, title, values: [], also: [] }));
  try {
    for (let round = 0; round < rounds; round++) {
      for (let n = 0; n < turns.length; n++) {
        const at = (n + round) % turns.length;
        tell(`${position}  ${each.name}: round ${round + 1} of ${rounds}, ${turns[at].title}`);
        const { value, also } = await turns[at].measure();
        rows[at].values.push(value);
        if (also !== undefined) rows[at].also.push(also);
      }
    }
  } finally {
    for (const turn of turns) await turn.end();
  }
  const { name, title, unit, better } = each;
  return { name, title, unit, better, sizes: sizesOf(each, asked.quick), rows };
}

async function runAll(folder) {
  const began = performance.now();
  const floor = compileFloor(folder);
  const { present, absent } = await muster();
  const result = {
    format: 1,
    on: machine(folder),
    rounds,
    quick: asked.quick,
    floor: { compiler: floor.compiler ?? null, why: floor.why ?? null, reference: asked.floor !== "" },
    present,
    absent,
    cases: [],
  };
  const run = { folder, floor, present, fixtures: new Fixtures(folder) };
  console.log(`${headLines(result).join("\n")}\n`);
  for (const [n, each] of chosen.entries()) {
    const measured = await measureCase(each, run, `${n + 1}/${chosen.length}`);
    result.cases.push(measured);
    run.fixtures.keepFor(chosen.slice(n + 1).filter((next) => next.fixture));
    tell("");
    console.log(`${caseTable(measured)}\n`);
  }
  result.seconds = Math.round((performance.now() - began) / 1000);
  return result;
}

function save(result) {
  mkdirSync(asked.out, { recursive: true });
  const json = join(asked.out, "benchmarks.json");
  const html = join(asked.out, "benchmarks.html");
  writeFileSync(json, `${JSON.stringify(result, null, 1)}\n`);
  writeFileSync(html, page(result, chartLibrary()));
  console.log(`\n${result.seconds} s; written: ${json}, ${html}`);
}

async function main() {
  if (asked.list || chosen.length === 0) {
    console.log(cases.map(({ name, title }) => `${name.padEnd(18)}${title}`).join("\n"));
    process.exitCode = asked.list ? 0 : 64;
    return;
  }
  if (!existsSync(join(here, "../dist/index.js"))) throw new Error("Not built: npm run build.");
  const folder = mkdtempSync(join(asked.dir, "wal-db-bench-"));
  const cleanUp = () => rmSync(folder, { recursive: true, force: true });
  process.once("SIGINT", () => {
    cleanUp();
    process.exit(130);
  });
  try {
    const result = await runAll(folder);
    console.log(goalTable(result));
    save(result);
  } finally {
    cleanUp();
  }
}

await main();
