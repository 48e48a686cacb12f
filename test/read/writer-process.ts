/**
 * The process that is followed: lives a life of appends, syncs, cuts at either end and reopenings,
 * then appends a record that says that it was the last, and goes.
 *
 *   node writer-process.js <file | segments> <log> <seed> <steps>
 */
import { type Lsn, Wal } from "wal-db";
import { Random } from "#internal/testing/random.js";
import { lastText, segmentBytes } from "./followed-log.ts";

const [, , kind = "", log = "", seed = "", steps = ""] = process.argv;
const random = new Random(Number(seed));

function open(): Promise<Wal> {
  return kind === "segments" ? Wal.openSegmented(log, { segmentSize: segmentBytes }) : Wal.open(log);
}

let wal = await open();
const lsns: Lsn[] = [];
for (let step = 0; step < Number(steps); step++) {
  const what = random.next(20);
  if (what < 11) {
    // Few lengths: what replaces a record is often as long as it was.
    const texts = Array.from({ length: 1 + random.next(5) }, () => `${step}`.padEnd(8 + 40 * random.next(2)));
    lsns.push(...wal.appendBatch(texts));
  } else if (what < 14) {
    await wal.sync();
  } else if (what < 17) {
    const keep = lsns.length - 1 - random.next(12);
    const lsn = lsns[keep];
    if (lsn === undefined || lsn < wal.head) continue;
    lsns.length = keep + 1;
    await wal.truncateAfter(lsn);
  } else if (what === 17) {
    const lsn = lsns[lsns.length - 1 - random.next(40)];
    if (lsn !== undefined && lsn > wal.head) await wal.truncateBefore(lsn);
  } else if (what === 18) {
    await wal.close();
    wal = await open();
  } else {
    await new Promise((resolve) => setTimeout(resolve, random.next(4)));
  }
}
await wal.appendAndSync(lastText);
await wal.close();
