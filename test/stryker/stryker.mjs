/**
 * Mutation testing with Stryker, room by room, against the tests that speak of the room:
 * see docs/mutation-testing.md. Installed apart, in a temporary folder: it is no dependency.
 *
 *   npm run test:stryker [-- NAME ...]       names: checksum record recovery commit
 *   WAL_DB_SAMPLE=3 npm run test:stryker     of what stands on one line, every third line only
 *   WAL_DB_MINUTES=10 npm run test:stryker   no longer than that for a room: what was tried by then counts
 *
 * What is changed is the built code in a copy, since that is what the tests run. Each mutant is run
 * against those files of tests that reach it, one process each, and these end at their first failure.
 */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const versions = ["@stryker-mutator/core@9.6.1", "@stryker-mutator/tap-runner@9.6.1"];

/** The checksum apart: every test of the others goes through it, and it is slow once it can be changed. */
const rooms = {
  checksum: { mutate: ["record/crc32c.js"], tests: ["record/crc32c", "record/kernel"] },
  record: {
    mutate: ["record/*.js", "!record/crc32c.js"],
    tests: ["record/frame", "record/scan", "record/search", "record/window", "record/kernel"],
  },
  recovery: {
    mutate: ["recovery/*.js"],
    tests: [
      "recovery/cut-notes",
      "recovery/mark",
      "recovery/poison-reopen",
      "recovery/quarantine",
      "recovery/decision-table",
      "wal/open-and-close",
    ],
  },
  commit: {
    mutate: ["commit/*.js"],
    tests: ["commit/log-state", "commit/group-commit", "read/streams", "read/follow", "truncation/suffix"],
  },
};

const project = fileURLToPath(new URL("../../", import.meta.url));
const sample = Number(process.env.WAL_DB_SAMPLE ?? 1);
const minutes = Number(process.env.WAL_DB_MINUTES ?? 60);
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in rooms));
if (unknown.length > 0) {
  console.error(`No room ${unknown.join(", ")}. There are: ${Object.keys(rooms).join(", ")}.`);
  process.exit(64);
}

function settingsFor(name) {
  const { mutate, tests } = rooms[name];
  return {
    testRunner: "tap",
    plugins: ["@stryker-mutator/tap-runner", join(work, "tool", `${name}.mjs`)],
    tap: {
      testFiles: tests.map((name) => `build/test/${name}.test.js`),
      nodeArgs: ["--test-reporter=tap", "-r", "{{hookFile}}", "{{testFile}}"],
      forceBail: true,
    },
    mutate: mutate.map((each) => each.replace(/^(!?)/, "$1dist/")),
    // Texts of messages: no test is meant to pin every word.
    mutator: { excludedMutations: ["StringLiteral"] },
    concurrency: 1,
    ignorers: ["sample"],
    timeoutMS: 3000,
    timeoutFactor: 2,
    coverageAnalysis: "perTest",
    disableTypeChecks: false,
    symlinkNodeModules: false,
    reporters: ["lines", "progress-append-only"],
    allowConsoleColors: false,
  };
}

/**
 * Plugins for Stryker: one leaves lines out, always the same ones, though never a whole block; one
 * writes each result down at once, so that a run which is ended early has some.
 */
function plugins(each, results) {
  return `
    import { appendFileSync } from "node:fs";
    import { declareClassPlugin, declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin";
    const shouldIgnore = ({ node: { loc } }) =>
      loc?.start.line === loc?.end.line && loc?.start.line % ${each} !== 0 ? "not in the sample" : undefined;
    class Lines {
      onMutantTested(result) {
        appendFileSync(${JSON.stringify(results)}, JSON.stringify(result) + "\\n");
      }
    }
    export const strykerPlugins = [
      declareValuePlugin(PluginKind.Ignore, "sample", { shouldIgnore }),
      declareClassPlugin(PluginKind.Reporter, "lines", Lines),
    ];`;
}

const caught = new Set(["Killed", "Timeout"]);
const missed = new Set(["Survived", "NoCoverage"]);

function tell(name, seconds, ended) {
  const results = readFileSync(join(work, `${name}.jsonl`), "utf8")
    .trim()
    .split("\n");
  let killed = 0;
  let timedOut = 0;
  const survivors = [];
  for (const { status, fileName, location, mutatorName, replacement } of results.map((line) =>
    JSON.parse(line),
  )) {
    if (caught.has(status)) killed++;
    if (status === "Timeout") timedOut++;
    if (!missed.has(status)) continue;
    const { line, column } = location.start;
    const file = fileName.slice(fileName.lastIndexOf("dist/"));
    const text = readFileSync(join(project, file), "utf8").split("\n")[line - 1];
    const where = `${file}:${line}:${column}`;
    survivors.push(`  ${where} ${mutatorName}${status === "Survived" ? "" : ", not reached"}
      ${(text ?? "").trim()}
      -> ${replacement.replace(/\s+/g, " ").slice(0, 100)}`);
  }
  const all = killed + survivors.length;
  console.log(survivors.join("\n"));
  console.log(
    `${name.padEnd(10)}${all} mutants${sample > 1 ? ` (one line in ${sample})` : ""}${ended ? " tried in the time there was" : ""}, ` +
      `${killed} found (${timedOut} of them by time), ${survivors.length} not: ` +
      `${((100 * killed) / all).toFixed(1)} %, in ${seconds} s`,
  );
}

/** Runs Stryker; when its time is over, ends it and all that it has started. */
function run(program, cwd) {
  return new Promise((resolve) => {
    const stdio = ["ignore", "inherit", "inherit"];
    const child = spawn(process.execPath, [program, "run"], { cwd, stdio, detached: true });
    let ended = false;
    const timer = setTimeout(() => {
      ended = true;
      process.kill(-child.pid, "SIGKILL");
    }, minutes * 60_000);
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve(ended ? "ended" : status === 0 ? "done" : "failed");
    });
  });
}

const work = mkdtempSync(join(tmpdir(), "wal-db-stryker-"));
let failed = 0;
try {
  const tool = join(work, "tool");
  mkdirSync(tool);
  writeFileSync(join(tool, "package.json"), '{ "private": true, "type": "module" }');
  execFileSync("npm", ["install", "--ignore-scripts", "--no-save", "--loglevel=error", ...versions], {
    cwd: tool,
    stdio: ["ignore", "ignore", "inherit"],
  });
  // Above the copies, where what the tests import is looked for.
  symlinkSync(join(project, "node_modules"), join(work, "node_modules"));
  for (const name of asked.length > 0 ? asked : Object.keys(rooms)) {
    const home = join(work, name);
    mkdirSync(home);
    for (const part of ["dist", "build", "package.json"]) {
      cpSync(join(project, part), join(home, part), { recursive: true });
    }
    writeFileSync(join(home, "stryker.config.json"), JSON.stringify(settingsFor(name)));
    writeFileSync(join(tool, `${name}.mjs`), plugins(sample, join(work, `${name}.jsonl`)));
    const began = Date.now();
    const how = await run(join(tool, "node_modules/@stryker-mutator/core/bin/stryker.js"), home);
    if (how !== "failed") tell(name, Math.round((Date.now() - began) / 1000), how === "ended");
    else failed++;
  }
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
process.exit(failed === 0 ? 0 : 1);
