/**
 * Replays a log and tells how far this process's memory has grown by it.
 *
 *   node replay.js <log> open | for-of | for-await | keep
 *
 * What is told is the growth of the peak (getrusage, maxrss), not of a sample: no moment between
 * two samples can hide anything.
 */
import { Wal } from "wal-db";

const [, , log = "", way = ""] = process.argv;

let records = 0;
let bytes = 0;

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

const before = peakBytes();
const wal = await Wal.open(log, { verify: way === "open" ? "full" : "tail" });
if (way === "open") {
  records = wal.recovery.records;
  bytes = wal.recovery.end;
} else if (way === "for-of") {
  for (const record of wal) {
    records++;
    bytes += record.data.length;
  }
} else if (way === "for-await") {
  for await (const record of wal) {
    records++;
    bytes += record.data.length;
  }
} else {
  // What the test must notice: someone who holds on to all that was read.
  const kept: Uint8Array[] = [];
  for (const record of wal) kept.push(record.data);
  records = kept.length;
}
await wal.close();
console.log(JSON.stringify({ records, bytes, grownBytes: peakBytes() - before }));
