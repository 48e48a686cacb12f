/**
 * A short life of a log, as a process that can be killed: run under strace by strace.test.ts, and
 * with limits by other tests here. Tells on standard output what it may be held to:
 *
 *   lsn <i> <lsn>        record i was appended
 *   acknowledged <n>     the first n records are on stable storage
 *   error <code> <errno> a call threw
 *   closed
 *
 * All calls block, so that they are made on one thread, in one order.
 */
import { writeSync } from "node:fs";
import { Wal, WalError, type WalOptions } from "wal-db";

export interface SessionPlan {
  readonly path: string;
  readonly options?: WalOptions;
  /** How many records there are to be in the end. */
  readonly records: number;
}

/** Record i: no two alike, of several sizes. */
export function sessionRecord(i: number): string {
  return `record ${i} `.padEnd(10 + ((i * 613) % 1900), String(i % 10));
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function attempt(call: () => void): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    say(`error ${error.code} ${error.errno ?? "-"}`);
    return false;
  }
}

function appendOne(wal: Wal, i: number): boolean {
  const end = wal.end;
  const append = (): void => say(`lsn ${i} ${wal.append(sessionRecord(i))}`);
  if (attempt(append)) return true;
  // A write that failed leaves the log as it was: once more, to the same place.
  if (wal.end !== end) say("error moved -");
  return attempt(append);
}

function live(plan: SessionPlan): void {
  let wal: Wal | undefined;
  if (!attempt(() => (wal = Wal.openBlocking(plan.path, plan.options)))) return;
  if (wal === undefined) return;
  const log = wal;
  let count = plan.records === 0 ? 0 : [...log].length;
  while (count < plan.records) {
    if (!appendOne(log, count)) break;
    count++;
    if (count % 2 === 0) {
      if (!attempt(() => log.syncBlocking())) break;
      say(`acknowledged ${count}`);
    }
  }
  if (attempt(() => log.closeBlocking())) say("closed");
}

const [, script, plan] = process.argv;
if (plan !== undefined && script?.endsWith("session.js")) live(JSON.parse(plan) as SessionPlan);
