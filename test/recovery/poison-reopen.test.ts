/**
 * After a flush that failed: nothing more is taken, and a reopen in the same boot does not trust the
 * cache. Linux marks the pages of a failed write-back clean: they read right, a second flush says
 * yes, and they are not on the disk (Rebello et al., "Can Applications Recover from fsync
 * Failures?", USENIX ATC 2020). So what stands past the mark is written once more.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Wal, WalError } from "wal-db";
import { library } from "../support/library.ts";
import { claimOf } from "../support/plain-format.ts";
import { type DiskCall, RecordingDisk } from "../support/recording-disk.ts";
import { logsDisk } from "../support/logs-disk.ts";
import type { SimulatedDisk } from "wal-db/testing";

const path = "/logs/app.wal";
const markPath = `${path}.mark`;

/** A log with three records committed, whose flush of the next `lost` ones failed. */
function poisonedLog(lost: string[]): { sim: SimulatedDisk; wal: Wal; mark: number; end: number } {
  const sim = logsDisk();
  const wal = library.open(sim, path);
  for (const word of ["one", "two", "three"]) wal.appendAndSyncBlocking(word);
  const mark = wal.end;
  for (const record of lost) wal.append(record);
  sim.inject({ call: "flush", nth: 1, effect: { kind: "fail", errno: "EIO" } });
  assert.throws(() => wal.syncBlocking(), { code: "WAL_POISONED", errno: "EIO" });
  return { sim, wal, mark, end: wal.end };
}

function texts(wal: Wal): string[] {
  return [...wal].map((record) => record.text());
}

function checkRewritten(calls: readonly DiskCall[], from: number, to: number): void {
  const changes = calls.filter((call) => ["write", "flush", "truncate"].includes(call.name));
  const logWrites = changes.filter((call) => call.name === "write" && call.path === path);
  let covered = from;
  for (const call of logWrites) {
    assert.equal(call.position, covered, "in order, without a gap");
    covered += call.bytes?.length ?? 0;
  }
  assert.equal(covered, to, "up to the end");
  const order = changes.map((call) => `${call.name} ${call.path === markPath ? "mark" : "log"}`);
  assert.deepEqual(order, [...logWrites.map(() => "write log"), "flush log", "write mark"]);
}

for (const [name, size] of [
  ["a few bytes", 10],
  ["more than is written at a time", 2_500_000],
] as const) {
  test(`reopened after a failed flush, ${name}: written again in place, flushed, then the mark`, async () => {
    const lost = ["four", "five".padEnd(size, "5"), "six"];
    const { sim, mark, end } = poisonedLog(lost);
    assert.equal(claimOf(sim.files()[markPath] ?? new Uint8Array(0)), mark);
    sim.kill();
    const before = sim.files()[path];
    const durableBefore = sim.durableFiles()[path]?.length;
    assert.equal(durableBefore, mark, "the simulated disk has lost them");

    const recording = new RecordingDisk(sim);
    const wal = library.open(recording.disk, path);
    assert.equal(wal.recovery.scannedFrom, mark);
    assert.equal(wal.recovery.records, 3);
    assert.equal(wal.durable, end);
    checkRewritten(recording.calls, mark, end);
    assert.ok(Buffer.from(sim.files()[path] ?? []).equals(before ?? new Uint8Array(1)), "the same bytes");
    wal.closeBlocking();

    sim.crash({ keep: "none" });
    assert.deepEqual(texts(library.open(sim, path)), ["one", "two", "three", ...lost]);

    const other = poisonedLog(lost);
    other.sim.kill();
    const ahead = new RecordingDisk(other.sim);
    await (await library.openAsync(ahead.disk, path)).close();
    checkRewritten(ahead.calls, mark, end);
  });
}

test("with verify: 'full' as well, and behind a tail that is cut", () => {
  const { sim, mark, end } = poisonedLog(["four"]);
  const fd = sim.open(path, "r+");
  sim.write(fd, new Uint8Array([1, 2, 3]), 0, 3, end);
  sim.kill();
  const recording = new RecordingDisk(sim);
  library.open(recording.disk, path, { verify: "full" });
  const lines = recording.lines("/logs").slice(1);
  assert.deepEqual(lines, [
    `truncate app.wal ${end}`,
    `write app.wal ${mark}+${end - mark}`,
    "flush app.wal",
    "write app.wal.mark 0+16",
  ]);
});

test("a cleanly closed log is not written again", () => {
  const sim = logsDisk();
  const wal = library.open(sim, path);
  wal.append("one");
  wal.closeBlocking();
  const recording = new RecordingDisk(sim);
  library.open(recording.disk, path);
  assert.deepEqual(recording.lines("/logs"), ["flushDirectory .", "flush app.wal"]);
});

test("the poison: the first cause, told to everyone; what was committed is still read; close is quiet", async () => {
  const sim = logsDisk();
  const recording = new RecordingDisk(sim);
  const wal = await library.openAsync(recording.disk, path);
  await wal.appendAndSync("one");
  const durable = wal.durable;
  sim.inject({ call: "flush", nth: 1, effect: { kind: "fail", errno: "EIO" } });
  const waiters = ["two", "three", "four"].map((record) => wal.appendAndSync(record));
  const told = await Promise.all(waiters.map((waiter) => waiter.catch((error: unknown) => error)));
  for (const error of told) {
    assert.ok(error instanceof WalError);
    assert.equal(error.code, "WAL_POISONED");
    assert.equal((error.cause as WalError).errno, "EIO");
    assert.equal(error.cause, (told[0] as WalError).cause, "one cause");
  }
  const flushes = recording.calls.filter((call) => call.name === "flush").length;
  const writes = recording.calls.filter((call) => call.name === "write").length;
  for (let i = 0; i < 3; i++) {
    assert.throws(() => wal.append("more"), { code: "WAL_POISONED", cause: (told[0] as WalError).cause });
    assert.throws(() => wal.appendBatch(["more"]), { code: "WAL_POISONED" });
    assert.throws(() => wal.syncBlocking(), { code: "WAL_POISONED" });
    await assert.rejects(wal.sync(), { code: "WAL_POISONED", cause: (told[0] as WalError).cause });
    await assert.rejects(wal.appendAndSync("more"), { code: "WAL_POISONED" });
  }
  assert.equal(wal.durable, durable);
  assert.equal(texts(wal)[0], "one");
  assert.equal(wal.read(wal.head).text(), "one");
  await wal.close();
  await wal.close();
  wal.closeBlocking();
  assert.equal(recording.calls.filter((call) => call.name === "flush").length, flushes, "no flush again");
  assert.equal(recording.calls.filter((call) => call.name === "write").length, writes, "no write again");
  assert.throws(() => wal.append("more"), { code: "WAL_CLOSED" });
  // The lock is free.
  library.open(sim, path).closeBlocking();
});
