/**
 * Promise 1 and 2, with a real process and a real SIGKILL: what append returned for, and what sync
 * resolved for, is there when the log is opened again. WAL_DB_KILL_ROUNDS sets the number of kills
 * (WAL_DB_LONG=1: 60), WAL_DB_KILL_SEED repeats the choices of a run, as far as a kill can be repeated.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Wal } from "wal-db";
import { FrameBuffer } from "#internal/record/frame.js";
import { scratchDir } from "../support/scratch.ts";
import { type LogKind, segmentBytes } from "./open-log.ts";
import { payloadOf, Random } from "./script.ts";
import { judge } from "./verdict.ts";

const writerPath = fileURLToPath(new URL("./writer.js", import.meta.url));
const long = process.env["WAL_DB_LONG"] === "1";
const rounds = Number(process.env["WAL_DB_KILL_ROUNDS"] ?? (long ? 60 : 8));
const seed = Number(process.env["WAL_DB_KILL_SEED"] ?? Math.floor(Math.random() * 0x1_0000_0000));

/** A log larger than this is left for a new one: each round reads all of it. */
const logBytesMax = 32 * 1024 * 1024;

/** Starting Node and opening the log takes about so long; kills within it land in either. */
const startMilliseconds = 150;
const runMilliseconds = 250;

interface Told {
  /** Null: it was killed before it had the log open. */
  opened: number | null;
  appended: number;
  durable: number;
}

function hear(told: Told, line: string): void {
  const records = Number(line.slice(2));
  if (line.startsWith("o ")) told.opened = records;
  else if (line.startsWith("a ")) told.appended = records;
  else if (line.startsWith("d ")) told.durable = records;
  else assert.fail(`the writer told "${line}"`);
}

/** Runs a writer and kills it: `milliseconds` after its start, or after it has opened the log. */
async function killWriter(
  kind: LogKind,
  log: string,
  roundSeed: number,
  at: "start" | "open",
  milliseconds: number,
): Promise<Told> {
  const args = [writerPath, kind, log, String(seed), String(roundSeed)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const told: Told = { opened: null, appended: 0, durable: 0 };
  let timer = at === "start" ? setTimeout(() => child.kill("SIGKILL"), milliseconds) : undefined;
  let rest = "";
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) hear(told, line);
    if (told.opened !== null) timer ??= setTimeout(() => child.kill("SIGKILL"), milliseconds);
  });
  const signal = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (_code, how) => resolve(how));
  });
  clearTimeout(timer);
  assert.equal(signal, "SIGKILL", `the writer ended by itself:\n${complaint}`);
  return told;
}

/** The file that the log's last bytes are in, and how many more it can take. */
function lastFile(kind: LogKind, log: string): { path: string; roomBytes: number } {
  if (kind === "file") return { path: log, roomBytes: Infinity };
  const name = readdirSync(log)
    .filter((file) => /^\d{20}\.wal$/.test(file))
    .toSorted()
    .at(-1);
  const path = join(log, name ?? "");
  return { path, roomBytes: segmentBytes - statSync(path).size };
}

/** Puts the beginning of record `number` behind the log, as a write that was cut short leaves it. */
function plantTorn(kind: LogKind, log: string, number: number, random: Random): number {
  const frames = new FrameBuffer();
  const size = frames.add(payloadOf(seed, number), Number.MAX_SAFE_INTEGER);
  const { path, roomBytes } = lastFile(kind, log);
  const torn = frames.view().subarray(0, Math.min(1 + random.below(size - 1), roomBytes));
  // Zeros are no damage; one record in 256 begins with one.
  if ((torn[0] ?? 0) === 0) return 0;
  appendFileSync(path, torn);
  return torn.length;
}

async function killRounds(t: TestContext, kind: LogKind): Promise<void> {
  t.diagnostic(`WAL_DB_KILL_SEED=${seed} WAL_DB_KILL_ROUNDS=${rounds}`);
  const dir = scratchDir(t);
  const random = new Random(seed);
  let logs = 0;
  let log = join(dir, "log-0.wal");
  let known = 0;
  let kept = 0;
  let inStart = 0;

  for (let round = 1; round <= rounds; round++) {
    const where = `round ${round}, WAL_DB_KILL_SEED=${seed}`;
    const at = random.below(3) === 0 ? "start" : "open";
    const milliseconds = random.next() * (at === "start" ? startMilliseconds : runMilliseconds);
    const told = await killWriter(kind, log, Math.floor(random.next() * 0x1_0000_0000), at, milliseconds);
    if (told.opened === null) inStart++;
    else assert.ok(told.opened >= known, `${where}: the writer found ${told.opened} records of ${known}`);
    known = Math.max(known, told.opened ?? 0, told.appended, told.durable);

    // Now and then the next writer is the one who recovers, and may be killed while it does.
    if (round < rounds && random.below(4) === 0) continue;
    const first = await judge(kind, log, { seed, acknowledged: known, planted: 0 });
    assert.deepEqual(first.faults, [], where);
    kept += first.records - known;
    known = first.records;

    if (first.end > logBytesMax) {
      rmSync(log, { recursive: true });
      rmSync(`${log}.mark`, { force: true });
      log = join(dir, `log-${++logs}.wal`);
      known = 0;
    } else if (known > 0 && random.below(2) === 0) {
      const planted = plantTorn(kind, log, known, random);
      if (random.below(2) === 0) continue;
      const second = await judge(kind, log, { seed, acknowledged: known, planted });
      assert.deepEqual(second.faults, [], `${where}, torn by ${planted} bytes`);
      assert.equal(second.records, known, where);
    }
  }
  t.diagnostic(
    `${inStart} kills before the log was open; ${kept} records were there that nobody was told of`,
  );
  if (kind === "mapped") return;
  // Nothing but the first record of a log is ever worth a quarantine here; see verdict.ts.
  const names = readdirSync(dir, { recursive: true }).map(String);
  const saved = names.filter((name) => /quarantine-(?!0(\.\d+)?$)/.test(name));
  assert.deepEqual(saved, []);
}

for (const kind of ["file", "segments", "mapped"] as const) {
  test(`killed at ${rounds} random moments, a log in ${kind} keeps what it has acknowledged`, (t) =>
    killRounds(t, kind));
}

/** Two numbers may have the same payload, an empty one for instance: the next one whose payload differs. */
function otherThan(number: number): number {
  const bytes = Buffer.from(payloadOf(seed, number));
  let other = number + 1;
  while (bytes.equals(Buffer.from(payloadOf(seed, other)))) other++;
  return other;
}

test("the judge of these rounds sees a record that is lost, changed, out of place or invented", async (t) => {
  const dir = scratchDir(t);
  const faultsOf = async (
    name: string,
    numbers: number[],
    spoil?: (log: string) => void,
  ): Promise<string> => {
    const log = join(dir, name);
    const wal = await Wal.open(log);
    wal.appendBatch(numbers.map((number) => payloadOf(seed, number)));
    await wal.close();
    rmSync(`${log}.mark`);
    spoil?.(log);
    const verdict = await judge("file", log, { seed, acknowledged: 4, planted: 0 });
    return verdict.faults.join("; ");
  };
  assert.equal(await faultsOf("whole", [0, 1, 2, 3]), "");
  assert.equal(await faultsOf("more", [0, 1, 2, 3, 4]), "");
  assert.match(await faultsOf("lost", [0, 1, 2]), /4 records were acknowledged; 3 are there/);
  assert.match(
    await faultsOf("swapped", [0, 1, otherThan(2), 3]),
    /record 2 at \d+, \d+ bytes, is not what was appended/,
  );
  assert.match(await faultsOf("invented", [0, 1, 2, 3, otherThan(4)]), /record 4/);
  assert.match(
    await faultsOf("cut", [0, 1, 2, 3], (log) => truncateSync(log, 9)),
    /4 records were acknowledged; /,
  );
  assert.match(
    await faultsOf("behind", [0, 1, 2, 3], (log) => appendFileSync(log, "not a record")),
    /not what a kill/,
  );
});
