/**
 * What an append costs on a mapped log, beside one by system calls: 256 bytes of payload, 264 on disk.
 *
 *   npm run build && node bench/mapped.mjs [records, default 100000] [rounds, default 9] [native program]
 *
 * In one process, turn by turn, each time on a new log; what is printed are medians and, in brackets, the
 * lowest and highest of the rounds. `wal` is append with its checksum, `store` the write alone.
 *
 *   slice   the median of slices of 1000 appends, which a busy machine seldom interrupts
 *   all     all appends of the round, with the making of segments and whatever came between
 *   cpu     processor time of all threads, the one that touches pages ahead among them
 *
 * The native program, if one is given, is run in every round with a folder and the word `file`, and prints JSON
 * with `file_append_ns`: the cost of the same append by pwrite in native code; its slices, for a fair ratio.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { SegmentedStore, Wal } from "wal-db";
import { MappedStore } from "wal-db/mapped";

const records = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 9);
const native = process.argv[4];
const dir = mkdtempSync(join(tmpdir(), "wal-db-mapped-"));
const payload = new Uint8Array(256).fill(7);
const frame = new Uint8Array(264).fill(7);

const sliceRecords = 1000;

/** Nanoseconds a record. */
function measure(append) {
  const slices = [];
  const cpuBefore = process.cpuUsage();
  const begin = performance.now();
  for (let i = 0; i < records;) {
    const sliceBegin = performance.now();
    for (const end = i + sliceRecords; i < end; i++) append(i);
    slices.push(((performance.now() - sliceBegin) * 1e6) / sliceRecords);
  }
  const all = ((performance.now() - begin) * 1e6) / records;
  const cpu = process.cpuUsage(cpuBefore);
  return { slice: median(slices), all, cpu: ((cpu.user + cpu.system) * 1e3) / records };
}

async function walCase(store) {
  const wal = await Wal.withStore(store);
  const measured = measure(() => wal.append(payload));
  await wal.close();
  return measured;
}

async function storeCase(store) {
  const measured = measure((i) => store.writeAt(i * frame.length, frame));
  await store.flush();
  store.close();
  return measured;
}

const cases = {
  "segmented, wal": (path) => walCase(SegmentedStore.open(path)),
  "mapped, wal": (path) => walCase(MappedStore.open(path)),
  "segmented, store": (path) => storeCase(SegmentedStore.open(path)),
  "mapped, store": (path) => storeCase(MappedStore.open(path)),
};

function nativeCase() {
  const { stdout } = spawnSync(native, [dir, "file"], { encoding: "utf8" });
  return { slice: JSON.parse(stdout).file_append_ns };
}

const shown = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[0], sorted.at(-1)];
  return `${median(values).toFixed(0).padStart(6)} (${low.toFixed(0)}-${high.toFixed(0)})`;
};

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

const results = new Map();
function note(name, measured) {
  results.set(name, [...(results.get(name) ?? []), measured]);
}

try {
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(cases)) {
      const path = join(dir, "log");
      const measured = await run(path);
      rmSync(path, { recursive: true, force: true });
      // The first round warms up code and caches.
      if (round >= 0) note(name, measured);
    }
    if (native !== undefined && round >= 0) note("native pwrite", nativeCase());
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}

console.log(`${records} records a round, ${rounds} rounds; ns a record`);
console.log(["", "slice", "all", "cpu"].map((word) => word.padEnd(22)).join(""));
for (const [name, rows] of results) {
  const columns = ["slice", "all", "cpu"].filter((column) => column in rows[0]);
  console.log(
    name.padEnd(22) + columns.map((column) => shown(rows.map((row) => row[column])).padEnd(22)).join(""),
  );
}
const slice = (name) => median(results.get(name).map((row) => row.slice));
const base = native === undefined ? "segmented, wal" : "native pwrite";
console.log(`mapped, wal: ${(slice(base) / slice("mapped, wal")).toFixed(2)} times as fast as ${base}`);
