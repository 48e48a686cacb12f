/**
 * After SQLite's I/O-error tests: a program that uses every call of the library, run again and again,
 * with the first call of a kind failing, then the second, and so on until a run meets no fault. Each
 * time whoever is told of it gets a WalError, nothing stays open, and the log opens again with all that
 * was acknowledged.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Lsn, type Wal, WalError } from "wal-db";
import { convertOn } from "#internal/convert.js";
import { FaultDisk, type FaultyCall } from "../support/fault-disk.ts";
import { turn } from "../support/hand-store.ts";
import { library } from "../support/library.ts";
import { contentOf, LogDriver, type Step } from "../support/log-driver.ts";
import { fastScratchDir } from "../support/scratch.ts";

/** The payload that is written in place spans a few, so do the records that are cut off. */
const segmentBytes = 64 * 1024;
const long = process.env["WAL_DB_LONG"] === "1";
type Kind = "file" | "segments";

const calls = [
  "open",
  "statOpen",
  "read",
  "readAhead",
  "write",
  "truncate",
  "flushData",
  "flushAll",
  "flushDirectory",
  "rename",
  "remove",
] as const satisfies readonly FaultyCall[];

function opened(kind: Kind, disk: FaultDisk, dir: string): Promise<Wal> | Wal {
  const path = join(dir, "log");
  if (kind === "file") return library.openAsync(disk, path);
  return library.openSegmented(disk, path, segmentBytes, { archive: () => {} });
}

/** What is done to the log in order: by the model's steps, and by calls that leave the records as they are. */
type Act = Step | ((wal: Wal, disk: FaultDisk, dir: string) => Promise<void> | void);

async function followTwo(wal: Wal): Promise<void> {
  let count = 0;
  for await (const record of wal.follow()) {
    assert.ok(record.next <= wal.end);
    if (++count === 2) return;
  }
}

const program: readonly Act[] = [
  { do: "append", sizes: [30, 0, 700, 300_000] },
  { do: "sync" },
  { do: "batch", sizes: [100, 200, 300] },
  (wal) => wal.reader("slow").advance(wal.head),
  { do: "appendAndSync", sizes: [90, 70_000, 70_000] },
  (wal) => void [...wal],
  async (wal) => {
    for await (const record of wal.iter({ onDamage: assert.fail })) assert.ok(record.length >= 0);
  },
  (wal) => assert.equal(wal.read(wal.head).lsn, wal.head),
  followTwo,
  { do: "truncateAfter", at: 0.8 },
  { do: "append", sizes: [400, 50] },
  (wal) => wal.reader("slow").remove(),
  async (wal) => void (await wal.archived()),
  { do: "truncateBefore", at: 0.4 },
  async (wal) => void (await wal.retain({ maxBytes: 1_000_000 })),
  { do: "batch", sizes: [600, 600] },
  (wal) => wal.reader("quick", wal.end).advance(wal.end),
];

interface Outcome {
  readonly faults: number;
  readonly driver: LogDriver;
}

function asWalError(error: unknown, what: string): void {
  if (error instanceof WalError) return;
  assert.fail(`${what}: not a WalError: ${error instanceof Error ? error.stack : String(error)}`);
}

/** What was under way at the close may end after it, and lets go of its file then. */
async function checkClosed(disk: FaultDisk, what: string): Promise<void> {
  for (let turns = 0; turns < 10_000 && disk.openFiles.length > 0; turns++) await turn();
  assert.deepEqual(disk.openFiles, [], `${what}: left open`);
}

/** Runs the program; `stop` at the first fault, or go on with what comes after it. */
async function run(
  kind: Kind,
  disk: FaultDisk,
  dir: string,
  blocking: boolean,
  stop: boolean,
  what: string,
): Promise<Outcome> {
  const driver = new LogDriver();
  let faults = 0;
  const attempt = async (call: () => Promise<void> | void): Promise<boolean> => {
    try {
      await call();
      return true;
    } catch (error) {
      asWalError(error, what);
      faults++;
      return false;
    }
  };
  let wal: Wal | undefined;
  await attempt(async () => void (wal = await opened(kind, disk, dir)));
  if (wal === undefined) return { faults, driver };
  const log = wal;
  for (const act of program) {
    if (faults > 0 && stop) break;
    // The model knows what one fault may leave, and not what comes of going on.
    if (typeof act === "function") await attempt(() => act(log, disk, dir));
    else if (faults === 0) await attempt(() => driver.run(log, act, blocking));
    else await attempt(() => carryOn(log, act));
  }
  await attempt(() => (blocking ? log.closeBlocking() : log.close()));
  return { faults, driver };
}

/** The call alone, without its bookkeeping. */
async function carryOn(wal: Wal, step: Step): Promise<void> {
  const last = [...wal].at(-1)?.lsn ?? (0 as Lsn);
  if (step.do === "append") wal.append("and on");
  else if (step.do === "batch") wal.appendBatch(["and", "on"]);
  else if (step.do === "appendAndSync") await wal.appendAndSync("and on");
  else if (step.do === "sync") await wal.sync();
  else if (step.do === "truncateAfter") await wal.truncateAfter(last);
  else await wal.truncateBefore(last);
}

/** With no fault any more. */
async function reopen(
  kind: Kind,
  disk: FaultDisk,
  dir: string,
  outcome: Outcome | null,
  what: string,
): Promise<void> {
  const wal = await opened(kind, disk, dir);
  try {
    const found = contentOf(wal);
    outcome?.driver.model.afterCrash(found, "kill", what);
    await wal.appendAndSync("the last");
    assert.equal([...wal].length, found.records.length + 1, what);
  } finally {
    await wal.close();
  }
  await checkClosed(disk, what);
}

async function loop(
  kind: Kind,
  call: FaultyCall,
  errno: string,
  blocking: boolean,
  dir: (n: number) => string,
): Promise<number> {
  for (let nth = 1; ; nth++) {
    let met = false;
    // The short form does the one or the other.
    for (const stop of long ? [true, false] : [nth % 2 === 1]) {
      const what = `${kind}, ${errno} at ${call} ${nth}, ${blocking ? "blocking" : "async"}, ${stop ? "then reopened" : "and on"}`;
      const disk = new FaultDisk();
      const folder = dir(nth);
      disk.faults[call] = (n) => {
        if (n !== nth) return undefined;
        met = true;
        return { errno };
      };
      const outcome = await run(kind, disk, folder, blocking, stop, what);
      await checkClosed(disk, what);
      disk.faults[call] = () => undefined;
      // Going on after a fault, the model knows only that the log opens and takes records.
      await reopen(kind, disk, folder, stop ? outcome : null, what);
      if (!met) assert.equal(outcome.faults, 0, what);
    }
    if (!met) return nth - 1;
  }
}

for (const kind of ["file", "segments"] as const) {
  for (const blocking of [false, true]) {
    test(`every call of every kind fails once: a log in ${kind}, ${blocking ? "blocking" : "asynchronous"}`, async (t) => {
      const counts: string[] = [];
      for (const call of calls) {
        const errnos = long && (call === "write" || call === "open") ? ["EIO", "ENOSPC"] : ["EIO"];
        for (const errno of errnos) {
          const faults = await loop(kind, call, errno, blocking, () => fastScratchDir(t));
          counts.push(`${call} ${errno}: ${faults}`);
        }
      }
      t.diagnostic(counts.join(", "));
    });
  }
}

test("every call of every kind fails once: conversion leaves the source as it was, and nothing else or all", async (t) => {
  let faults = 0;
  for (const call of calls) {
    for (let nth = 1; ; nth++) {
      const dir = fastScratchDir(t);
      const disk = new FaultDisk();
      const wal = library.open(disk, join(dir, "log"));
      wal.appendBatch(["a", "b".repeat(90_000), "c"]);
      wal.closeBlocking();
      const fresh = new FaultDisk();
      let met = false;
      fresh.faults[call] = (n) => {
        if (n !== nth) return undefined;
        met = true;
        return { errno: "EIO" };
      };
      const what = `${call} ${nth}`;
      let error: unknown = null;
      await convertOn(fresh, join(dir, "log"), join(dir, "to"), { segmentSize: segmentBytes }).catch(
        (thrown: unknown) => (error = thrown),
      );
      if (error !== null) asWalError(error, what);
      await checkClosed(fresh, what);
      const isThere = disk.stat(join(dir, "to")).kind === "directory";
      if (error === null) assert.ok(isThere, what);
      if (isThere) {
        const made = library.openSegmented(disk, join(dir, "to"), segmentBytes, { onDamage: "refuse" });
        assert.deepEqual(
          Array.from(made, (record) => record.length),
          [1, 90_000, 1],
          what,
        );
        made.closeBlocking();
      }
      const again = library.open(disk, join(dir, "log"), { onDamage: "refuse", verify: "full" });
      assert.equal([...again].length, 3, what);
      again.closeBlocking();
      if (!met) break;
      faults++;
    }
  }
  t.diagnostic(`${faults} faults`);
});
