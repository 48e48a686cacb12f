/**
 * The process that gets killed: appends in every way there is, and tells what was acknowledged.
 *
 *   node writer.js <file | segments | mapped> <log> <seed> <seed of this round>
 *
 *   o <records>    the log is open and holds so many
 *   a <records>    so many are appended: the call has returned, the bytes are in the page cache
 *   d <records>    so many are durable: sync or appendAndSync has resolved
 */
import { writeSync } from "node:fs";
import { type LogKind, openLog } from "./open-log.ts";
import { payloadOf, Random } from "./script.ts";

const [, , kind = "", log = "", seedText = "", roundText = ""] = process.argv;
const seed = Number(seedText);
const random = new Random(Number(roundText));

// Few wait at a time, so that the log is not one burst, and many, so that groups are large.
const waitingMax = 1 + random.below(300);

const wal = await openLog(kind as LogKind, log, {
  verify: random.below(4) === 0 ? "full" : "tail",
});
let appended = 0;
for (const _ of wal) appended++;
let durable = 0;
let toldDurable = 0;
let waiting = 0;

/** Blocking: what is told was in the pipe before the next call is made. */
function tell(what: "o" | "a" | "d", records: number): void {
  writeSync(1, `${what} ${records}\n`);
}

function next(): Uint8Array {
  return payloadOf(seed, appended);
}

function wait(commit: Promise<unknown>): void {
  const records = appended;
  waiting++;
  void commit.then(() => {
    waiting--;
    durable = Math.max(durable, records);
  });
}

function step(): void {
  switch (random.below(8)) {
    case 0:
    case 1:
      wal.append(next());
      appended++;
      break;
    case 2: {
      const batch = Array.from({ length: random.below(12) }, (_, i) => payloadOf(seed, appended + i));
      wal.appendBatch(batch);
      appended += batch.length;
      break;
    }
    case 3:
      wait(wal.sync());
      return;
    case 4:
      if (random.below(20) !== 0) return;
      wal.appendAndSyncBlocking(next());
      appended++;
      durable = appended;
      break;
    default: {
      const commit = wal.appendAndSync(next());
      appended++;
      wait(commit);
      // Promises nothing before it resolves: it may wait to be written with the next.
      return;
    }
  }
  tell("a", appended);
}

tell("o", appended);
for (;;) {
  for (let n = random.below(40); n > 0; n--) {
    if (waiting >= waitingMax) break;
    step();
  }
  await new Promise((resolve) => setImmediate(resolve));
  if (durable === toldDurable) continue;
  toldDurable = durable;
  tell("d", durable);
}
