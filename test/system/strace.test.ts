/**
 * The real library on the real file system, its system calls failing or killing it at each place
 * in turn, by strace. The short form takes a sample of the places; WAL_DB_LONG=1 takes them all.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Wal, type WalOptions } from "wal-db";
import { folderImage } from "../support/folder-image.ts";
import { joined, logOf, markSlot, scanPlain } from "../support/plain-format.ts";
import { scratchDir } from "../support/scratch.ts";
import { runTraced, sessionScript, straceMissing, type Traced } from "../support/strace.ts";
import { type SessionPlan, sessionRecord } from "./session.ts";

const long = process.env["WAL_DB_LONG"] === "1";
const missing = straceMissing();
const skip = missing === null ? {} : { skip: missing };

interface Place {
  readonly call: string;
  readonly nth: number;
}

/** Every call at which something can be made to happen, or an even sample of at most `most`. */
function places(counts: ReadonlyMap<string, number>, calls: readonly string[], most: number): Place[] {
  const all = calls.flatMap((call) =>
    Array.from({ length: counts.get(call) ?? 0 }, (_, i) => ({ call, nth: i + 1 })),
  );
  if (long || all.length <= most) return all;
  return Array.from({ length: most }, (_, i) => all[Math.floor((i * all.length) / most)] as Place);
}

interface Folder {
  readonly plan: SessionPlan;
  readonly paths: readonly string[];
  readonly trace: string;
}

/** A new folder with a log that needs what the scenario is about. */
interface Scenario {
  readonly image: Uint8Array | null;
  readonly mark: Uint8Array | null;
  readonly options: WalOptions;
  readonly records: number;
}

function folderFor(dir: string, name: string, scenario: Scenario): Folder {
  const own = join(dir, name);
  mkdirSync(own);
  const path = join(own, "app.wal");
  if (scenario.image !== null) writeFileSync(path, scenario.image);
  if (scenario.mark !== null) writeFileSync(`${path}.mark`, scenario.mark);
  const saved = `${path}.quarantine-${scanPlain(scenario.image ?? new Uint8Array(0)).end}`;
  return {
    plan: { path, options: scenario.options, records: scenario.records },
    paths: [own, path, `${path}.mark`, saved, `${saved}.tmp`],
    trace: join(dir, `${name}.trace`),
  };
}

function acknowledged(run: Traced): number {
  const last = run.lines.findLast((line) => line.startsWith("acknowledged "));
  return last === undefined ? 0 : Number(last.split(" ")[1]);
}

function checkRecords(wal: Wal, run: Traced, records: number, what: string): void {
  const found = [...wal].map((record) => record.text());
  const expected = Array.from({ length: records }, (_, i) => sessionRecord(i));
  assert.deepEqual(found, expected.slice(0, found.length), what);
  assert.ok(found.length >= acknowledged(run), `${what}: ${found.length} of ${acknowledged(run)}`);
  for (const line of run.lines) {
    const [word, i, lsn] = line.split(" ");
    if (word === "lsn" && Number(i) < found.length)
      assert.equal(wal.read(lsnOf(lsn)).text(), sessionRecord(Number(i)));
  }
}

function lsnOf(text: string | undefined): Parameters<Wal["read"]>[0] {
  return Number(text) as Parameters<Wal["read"]>[0];
}

const fresh: Scenario = { image: null, mark: null, options: {}, records: 6 };
const sound = logOf([0, 1, 2, 3].map(sessionRecord));
const bounds = [...scanPlain(sound).records.map((record) => record.lsn), sound.length];
const third = bounds[2] ?? 0;
const noise = Uint8Array.from({ length: 3000 }, (_, i) => (i * 97 + 13) % 253);
const damaged = sound.slice();
damaged[third + 20] = (damaged[third + 20] ?? 0) ^ 1;

async function killEverywhere(
  t: TestContext,
  scenario: Scenario,
  calls: readonly string[],
  check: (folder: Folder, run: Traced, what: string) => void,
): Promise<void> {
  const dir = scratchDir(t);
  const clean = folderFor(dir, "clean", scenario);
  const counted = runTraced(clean.plan, clean.paths, clean.trace);
  assert.equal(counted.lines.at(-1), "closed", counted.stderr);
  check(clean, counted, "not killed");
  let kills = 0;
  for (const { call, nth } of places(counted.counts, calls, 10)) {
    const folder = folderFor(dir, `${call}-${nth}`, scenario);
    const run = runTraced(folder.plan, folder.paths, folder.trace, `${call}:signal=KILL:when=${nth}`);
    assert.ok(run.killed, `${call} ${nth}: not killed; ${run.stderr}`);
    kills++;
    check(folder, run, `killed at ${call} ${nth}`);
    // Let the runner breathe: its own timers and messages.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  t.diagnostic(`${kills} kills`);
  assert.ok(kills >= 4);
}

test("killed at each system call of open, append, sync and close of a new log", skip, async (t) => {
  const calls = ["openat", "flock", "pwrite64", "fdatasync", "fsync", "close"];
  await killEverywhere(t, fresh, calls, (folder, run, what) => {
    const wal = Wal.openBlocking(folder.plan.path);
    checkRecords(wal, run, fresh.records, what);
    wal.appendAndSyncBlocking("goes on");
    wal.closeBlocking();
  });
});

interface RepairScenario extends Scenario {
  readonly name: string;
  readonly calls: readonly string[];
  readonly saved: Uint8Array | null;
}

const repairCalls = ["openat", "pwrite64", "fdatasync", "fsync", "ftruncate", "rename", "unlink"];

const quarantine: RepairScenario = {
  name: "quarantine",
  image: joined(sound, noise),
  mark: joined(markSlot(0, 1), markSlot(third, 2)),
  options: {},
  records: 0,
  calls: repairCalls,
  saved: noise,
};

const repairs: readonly RepairScenario[] = [
  {
    name: "the cut of a torn tail",
    image: sound.slice(0, -5),
    mark: joined(markSlot(0, 1), markSlot(third, 2)),
    options: {},
    records: 0,
    calls: repairCalls,
    saved: null,
  },
  quarantine,
  {
    name: "an accepted loss, which lowers the mark",
    image: damaged,
    mark: joined(markSlot(third, 1), markSlot(sound.length, 2)),
    options: { onDamage: "quarantine", verify: "full" },
    records: 0,
    calls: repairCalls,
    saved: damaged.slice(third),
  },
];

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function checkRepaired(folder: Folder, scenario: RepairScenario, what: string): void {
  const image = scenario.image ?? new Uint8Array(0);
  const { end } = scanPlain(image);
  const { ["app.wal.mark"]: _, ...files } = folderImage(join(folder.plan.path, ".."));
  const saved = scenario.saved === null ? {} : { [`app.wal.quarantine-${end}`]: text(scenario.saved) };
  assert.deepEqual(files, { "app.wal": text(image.slice(0, end)), ...saved }, what);
}

for (const scenario of repairs) {
  test(`killed at each system call of ${scenario.name}: opened again, the same end`, skip, async (t) => {
    await killEverywhere(t, scenario, scenario.calls, (folder, _, what) => {
      const wal = Wal.openBlocking(folder.plan.path, scenario.options);
      checkRepaired(folder, scenario, what);
      wal.closeBlocking();
      // Needs no policy any more.
      Wal.openBlocking(folder.plan.path).closeBlocking();
    });
  });
}

/** Runs the session with each of the calls failing in turn. */
async function failEverywhere(
  t: TestContext,
  scenario: Scenario,
  calls: readonly string[],
  how: string,
  check: (folder: Folder, run: Traced, what: string) => void,
): Promise<void> {
  const dir = scratchDir(t);
  const clean = folderFor(dir, "clean", scenario);
  const counted = runTraced(clean.plan, clean.paths, clean.trace);
  let failures = 0;
  for (const { call, nth } of places(counted.counts, calls, 10)) {
    const folder = folderFor(dir, `${call}-${nth}`, scenario);
    const run = runTraced(folder.plan, folder.paths, folder.trace, `${call}:${how}:when=${nth}`);
    assert.equal(run.killed, false, run.stderr);
    assert.equal(run.stderr, "", `${call} ${nth}`);
    if (run.lines.some((line) => line.startsWith("error "))) failures++;
    check(
      folder,
      run,
      `${how} at ${call} ${nth}: ${run.lines.filter((l) => l.startsWith("error")).join("; ")}`,
    );
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  assert.ok(failures > 0, "nothing failed");
}

test(
  "EIO at each fdatasync and fsync: poisoned or refused, what was acknowledged is there",
  skip,
  async (t) => {
    await failEverywhere(t, fresh, ["fdatasync", "fsync"], "error=EIO", (folder, run, what) => {
      const errors = run.lines.filter((line) => line.startsWith("error "));
      for (const error of errors) assert.match(error, /^error (WAL_POISONED|WAL_IO) EIO$/, what);
      // Only for making the mark's own file may one fail unsaid; that takes fsync.
      if (what.includes(" at fdatasync")) assert.ok(errors.length > 0, `${what}: not told`);
      const wal = Wal.openBlocking(folder.plan.path);
      checkRecords(wal, run, fresh.records, what);
      wal.closeBlocking();
    });
  },
);

test("EIO at each fsync and fdatasync of a quarantine: refused, then the same end", skip, async (t) => {
  const scenario = quarantine;
  await failEverywhere(t, scenario, ["fdatasync", "fsync"], "error=EIO", (folder, _, what) => {
    Wal.openBlocking(folder.plan.path, scenario.options).closeBlocking();
    checkRepaired(folder, scenario, what);
  });
});

for (const how of ["error=ENOSPC", "retval=0"]) {
  test(`${how} at each write: the log is as it was, the next append takes its place`, skip, async (t) => {
    await failEverywhere(t, fresh, ["pwrite64"], how, (folder, run, what) => {
      assert.ok(!run.lines.includes("error moved -"), what);
      assert.equal(run.lines.at(-1), "closed", what);
      assert.equal(acknowledged(run), fresh.records, what);
      assert.deepEqual(
        new Uint8Array(readFileSync(folder.plan.path)),
        logOf(Array.from({ length: fresh.records }, (_, i) => sessionRecord(i))),
        what,
      );
    });
  });
}

const prlimit = spawnSync("prlimit", ["--version"]).error === undefined;
const skipLimit = prlimit ? {} : { skip: "prlimit is not installed" };

test("a write that the kernel cuts short and then refuses is taken back", skipLimit, (t) => {
  // A file size limit within a record: the write is short by the kernel's own hand, the rest EFBIG.
  const dir = scratchDir(t);
  const image = logOf(Array.from({ length: 6 }, (_, i) => sessionRecord(i)));
  const starts = scanPlain(image).records.map((record) => record.lsn);
  for (const [i, start] of starts.entries()) {
    if (start === 0) continue;
    const path = join(dir, `${i}.wal`);
    const plan: SessionPlan = { path, records: 6 };
    const limit = start + 7 + (i % 2) * 4;
    const run = spawnSync(
      "prlimit",
      [`--fsize=${limit}`, process.execPath, sessionScript, JSON.stringify(plan)],
      { encoding: "utf8" },
    );
    const errors = run.stdout.split("\n").filter((line) => line.startsWith("error"));
    assert.deepEqual(errors, ["error WAL_IO EFBIG", "error WAL_IO EFBIG"], run.stderr);
    assert.equal(statSync(path).size, start, "what was written of it is cut off");
    assert.match(run.stdout, /closed/);
    const wal = Wal.openBlocking(path);
    assert.equal(wal.recovery.damage, null);
    assert.deepEqual(
      [...wal].map((record) => record.text()),
      Array.from({ length: i }, (_, n) => sessionRecord(n)),
    );
    wal.closeBlocking();
  }
});
