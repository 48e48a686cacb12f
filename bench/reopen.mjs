/**
 * How long it takes to open a log that was closed cleanly: a large one against an empty one.
 *
 *   npm run bench:reopen [mebibytes, default 1024] [rounds, default 15]
 *
 * Opens and closes turn by turn, in one process; what is compared are the medians of the opens.
 * The large log is made first, in the folder for temporary files, and removed in the end. The scan
 * begins at the mark, so the ratio is to stay below 3, whatever the size.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { Wal } from "wal-db";

const mebibytes = Number(process.argv[2] ?? 1024);
const rounds = Number(process.argv[3] ?? 15);
const dir = mkdtempSync(join(tmpdir(), "wal-db-reopen-"));

/** Records of 4 KiB, 256 of them a batch. */
function makeLarge(path) {
  const wal = Wal.openBlocking(path);
  const record = new Uint8Array(4096 - 8);
  const batch = Array.from({ length: 256 }, () => record);
  for (let mebibyte = 0; mebibyte < mebibytes; mebibyte++) wal.appendBatch(batch);
  wal.closeBlocking();
}

function timeOpen(path, options) {
  const begin = performance.now();
  const wal = Wal.openBlocking(path, options);
  const milliseconds = performance.now() - begin;
  wal.closeBlocking();
  return milliseconds;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

try {
  const empty = join(dir, "empty.wal");
  const large = join(dir, "large.wal");
  Wal.openBlocking(empty).closeBlocking();
  makeLarge(large);
  const times = { empty: [], large: [] };
  for (let round = -3; round < rounds; round++) {
    const [e, l] = [timeOpen(empty), timeOpen(large)];
    // The first rounds warm up code and caches.
    if (round < 0) continue;
    times.empty.push(e);
    times.large.push(l);
  }
  const [e, l] = [median(times.empty), median(times.large)];
  console.log(`open an empty log         ${e.toFixed(3)} ms (median of ${rounds})`);
  console.log(
    `open one of ${String(mebibytes).padStart(5)} MiB     ${l.toFixed(3)} ms (median of ${rounds})`,
  );
  console.log(`ratio                     ${(l / e).toFixed(2)}`);
  console.log(
    `the same, verify: "full"  ${median([0, 1, 2].map(() => timeOpen(large, { verify: "full" }))).toFixed(0)} ms`,
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
}
