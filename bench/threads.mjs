/**
 * Records per second by threads: on a file and in memory, appended and committed; beside the native
 * floor with as many threads, where there is one, in the same run.
 *
 *   npm run bench:threads [-- --rounds 5 --records 200000 --dir FOLDER --floor PROGRAM --json FILE]
 *
 * Each round runs every case once, native and ours by turns; what is told is the median over the rounds
 * and how far apart the least and the most are. Records of 256 bytes. Each case has a log of its own,
 * made anew; each thread warms up on it first. "1, unshared" is a log that was never shared; all others
 * are joined by their threads, and the owner only waits.
 *
 *   append             Wal.append: the bytes are in the page cache (the native floor: pwrite)
 *   commit, blocking   Wal.appendAndSyncBlocking: one at a time per thread (fdatasync, shared by threads)
 *   commit, async      Wal.appendAndSync: 64 in flight per thread
 *
 * In memory the native floor writes frames into one small buffer again and again, with no counter that
 * threads share, and a flush is nothing: those commits show what the waiting itself costs.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { MemStore, Wal } from "wal-db";
import { machine } from "./machine.mjs";
import { floorCases, runFloor } from "./native-floor.mjs";
import { summary } from "./statistics.mjs";

const { values: asked } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    records: { type: "string", default: "200000" },
    dir: { type: "string", default: tmpdir() },
    floor: { type: "string", default: process.env.WAL_DB_FLOOR ?? "" },
    json: { type: "string", default: "" },
  },
});
const rounds = Number(asked.rounds);
const appends = Number(asked.records);
const recordBytes = 256;
const inFlight = 64;
const folder = mkdtempSync(join(asked.dir, "wal-db-threads-"));

/** How many records a case takes, all threads together, and each thread before to warm up. */
function size(store, call, threads) {
  if (call === "append") return { records: appends, warmUp: Math.ceil(appends / 10 / threads) };
  const each = store === "memory" ? 5000 : call === "commit, async" ? 5000 : 300;
  return { records: each * threads, warmUp: Math.ceil(each / 10) };
}

const cases = ["file", "memory"].flatMap((store) =>
  ["append", "commit, blocking", "commit, async"].flatMap((call) => [
    { store, call, threads: 1, shared: false },
    ...[1, 2, 4, 8].map((threads) => ({ store, call, threads, shared: true })),
  ]),
);

function says(worker, word) {
  return new Promise((resolve, reject) => {
    worker.on("message", (message) => message.said === word && resolve(message));
    worker.once("error", reject);
  });
}

async function run({ store, call, threads, shared }) {
  const path = join(folder, "log.wal");
  const { records, warmUp } = size(store, call, threads);
  const gate = new SharedArrayBuffer(4);
  const wal = !shared ? null : await (store === "memory" ? Wal.withStore(new MemStore()) : Wal.open(path));
  const share = wal?.share();
  const job = { share, store, path, call, records: records / threads, warmUp, inFlight, recordBytes, gate };
  const workers = Array.from({ length: threads }, () => {
    return new Worker(new URL("./threads-worker.mjs", import.meta.url), { workerData: job });
  });
  const done = workers.map((worker) => says(worker, "done"));
  const gone = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
  await Promise.all(workers.map((worker) => says(worker, "ready")));
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
  const times = await Promise.all(done);
  for (const worker of workers) worker.postMessage("close");
  await Promise.all(gone);
  await wal?.close();
  rmSync(path, { force: true });
  rmSync(`${path}.mark`, { force: true });
  const began = Math.min(...times.map((time) => time.began));
  const ended = Math.max(...times.map((time) => time.ended));
  return records / (ended - began);
}

const ours = new Map(cases.map((each) => [each, []]));
const native = new Map();

const steps = rounds * (cases.length + (asked.floor === "" ? 0 : floorCases.length));
let step = 0;
function tell(round, what) {
  const line = `${String(++step).padStart(4)}/${steps}  round ${round}  ${what}`;
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${line}` : `${line}\n`);
}

function runNative(round, name) {
  tell(round, `native ${name}`);
  for (const { store, call, threads, perSecond } of runFloor(asked.floor, folder, name)) {
    const key = `${store} ${call} ${threads}`;
    native.set(key, [...(native.get(key) ?? []), perSecond]);
  }
}

async function runRound(round) {
  const natives = asked.floor === "" ? [] : [...floorCases];
  const turn = Math.ceil(cases.length / floorCases.length);
  for (const [n, each] of cases.entries()) {
    if (n % turn === 0 && natives.length > 0) runNative(round, natives.shift());
    tell(round, `${each.store} ${each.call} ${each.threads}${each.shared ? "" : ", unshared"}`);
    ours.get(each).push(await run(each));
  }
}

function row(each) {
  const found = native.get(`${each.store} ${each.call} ${each.threads}`);
  const own = summary(ours.get(each));
  const floor = found === undefined ? null : summary(found);
  return { ...each, ours: own, native: floor, ofNative: floor === null ? null : own.median / floor.median };
}

const count = (value) => Math.round(value).toLocaleString("en").padStart(11);

const figure = (of) =>
  of === null ? "          -      " : `${count(of.median)} ${`±${of.spreadPercent}%`.padStart(5)}`;

function table(rows) {
  const lines = rows.map(({ store, call, threads, shared, ours: own, native: floor, ofNative }) =>
    [
      store.padEnd(7),
      call.padEnd(17),
      `${threads}${shared ? "" : ", unshared"}`.padEnd(12),
      figure(own),
      figure(floor),
      ofNative === null ? "    -" : ofNative.toFixed(2).padStart(5),
    ].join("  "),
  );
  const head = "store    call               threads          wal-db/s spread     native/s spread  ratio";
  return [head, ...lines].join("\n");
}

try {
  const on = machine(folder);
  if (asked.floor === "") console.error("No native floor: give its path with --floor, or in WAL_DB_FLOOR.");
  for (let round = 1; round <= rounds; round++) await runRound(round);
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  const rows = cases.map(row);
  console.log(
    `${on.processor}, ${on.cores} cores, ${on.memoryGiB} GiB; ${on.system}; ${on.fileSystem}; ${on.runtime}`,
  );
  console.log(
    `records of ${recordBytes} bytes; medians of ${rounds} rounds; spread: (most - least) / median\n`,
  );
  console.log(table(rows));
  const result = { on, recordBytes, inFlight, appends, rounds, rows };
  if (asked.json === "") console.log(`\n${JSON.stringify(result)}`);
  else writeFileSync(asked.json, `${JSON.stringify(result, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
