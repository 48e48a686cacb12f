/**
 * The process whose power is cut: uses a log in every way there is, and tells before each call what
 * it is about to do, and after it what was acknowledged. Its lines are in the pipe before it goes on.
 *
 *   node writer.js <folder of the library> <file | segments> <log> <seed> <seed of this round> <first number> <cuts | no-cuts>
 *
 * Before each stands the time, in nanoseconds of the clock that all processes have in common.
 *
 *   o                  the log is open
 *   w <lsn> <number>   record `number` is about to be appended, at `lsn`
 *   + <lsn> <number>   and this one with it
 *   a                  append has returned: what was announced is in the page cache
 *   d <lsn>            everything below was acknowledged: a sync of it has resolved
 *   X <lsn>  x         truncateAfter(lsn) is about to be called; has resolved
 *   B <lsn>  b <head>  truncateBefore(lsn) is about to be called; has resolved, with the new head
 *   e <message>        a call failed, as they do once the power is cut; nothing follows
 */
import { writeSync } from "node:fs";
import type { Lsn } from "wal-db";
import { libraryIn } from "../support/library.ts";
import { Random } from "#internal/testing/random.js";
import { payloadOf, segmentBytes } from "./script.ts";

const [, , dist = "", kind = "", log = "", seedText = "", roundText = "", firstText = "", cutsText = ""] =
  process.argv;
const seed = Number(seedText);
const random = new Random(Number(roundText));
let number = Number(firstText);
const waitingMax = 1 + random.next(20);

function tell(...lines: readonly string[]): void {
  const now = process.hrtime.bigint();
  writeSync(1, lines.map((line) => `${now} ${line}\n`).join(""));
}

function stop(error: unknown): never {
  tell(`e ${String(error).split("\n")[0]}`);
  process.exit(3);
}

const { Wal } = await libraryIn(dist);
const wal =
  kind === "segments"
    ? await Wal.openSegmented(log, { segmentSize: segmentBytes })
    : await Wal.open(log, { verify: random.next(3) === 0 ? "full" : "tail" });
const lsns: Lsn[] = Array.from(wal, (record) => record.lsn);
/** A sync that was asked for before a cut at the end says nothing of what is there after it. */
let cuts = 0;
let waiting = 0;
let dropping = false;

function announce(count: number): string[] {
  let at = wal.end as number;
  const payloads: string[] = [];
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const payload = payloadOf(seed, number);
    lsns.push(at as Lsn);
    lines.push(`${i === 0 ? "w" : "+"} ${at} ${number++}`);
    payloads.push(payload);
    at += 8 + payload.length;
  }
  tell(...lines);
  return payloads;
}

function wait(commit: () => Promise<unknown>): void {
  waiting++;
  const { end } = wal;
  const before = cuts;
  commit().then(() => {
    waiting--;
    if (cuts === before) tell(`d ${end}`);
  }, stop);
}

function isCrowded(): boolean {
  return waiting >= waitingMax;
}

async function truncateAfter(): Promise<void> {
  const keep = Math.max(0, lsns.length - 1 - random.next(Math.min(lsns.length, 40)));
  const lsn = lsns[keep];
  if (lsn === undefined || dropping || cutsText === "no-cuts") return;
  cuts++;
  tell(`X ${lsn}`);
  await wal.truncateAfter(lsn);
  tell("x");
  lsns.length = keep + 1;
}

function truncateBefore(): void {
  const drop = random.next(Math.max(1, Math.floor(lsns.length / 2)));
  const lsn = lsns[drop];
  if (lsn === undefined || dropping) return;
  dropping = true;
  tell(`B ${lsn}`);
  wal.truncateBefore(lsn).then((head) => {
    tell(`b ${head}`);
    dropping = false;
    if (head === lsn) lsns.splice(0, lsns.indexOf(lsn));
  }, stop);
}

async function step(): Promise<void> {
  const kindOfStep = random.next(100);
  if (kindOfStep < 35) {
    for (const payload of announce(1)) wal.append(payload);
    tell("a");
  } else if (kindOfStep < 45) {
    wal.appendBatch(announce(1 + random.next(12)));
    tell("a");
  } else if (kindOfStep < 60) wait(() => wal.sync());
  else if (kindOfStep < 62) {
    wal.syncBlocking();
    tell(`d ${wal.end}`);
  } else if (kindOfStep < 64) {
    for (const payload of announce(1)) wal.appendAndSyncBlocking(payload);
    tell(`d ${wal.end}`);
  } else if (kindOfStep < 67) await truncateAfter();
  else if (kindOfStep < 71) truncateBefore();
  else {
    const [payload = ""] = announce(1);
    const commit = wal.appendAndSync(payload);
    wait(() => commit);
  }
}

tell("o");
try {
  for (;;) {
    for (let n = random.next(30); n > 0; n--) {
      if (isCrowded()) break;
      await step();
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
} catch (error) {
  stop(error);
}
