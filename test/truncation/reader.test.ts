import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MemStore, Wal, type Lsn } from "wal-db";
import { openSegmentedStore } from "#internal/store/segmented-store.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { library } from "../support/library.ts";
import { scratchDir } from "../support/scratch.ts";
import { logDir, openOn } from "../support/simulated-log.ts";
import { walFault } from "../support/wal-fault.ts";
import { logsDisk } from "../support/logs-disk.ts";

const texts = Array.from({ length: 10 }, (_, i) => `record ${i}`);

const kinds: Readonly<Record<string, (dir: string) => Wal>> = {
  "one file": (dir) => Wal.openBlocking(join(dir, "app.wal")),
  segments: (dir) => Wal.openSegmentedBlocking(join(dir, "log"), { segmentSize: 32 }),
};

for (const [kind, open] of Object.entries(kinds)) {
  test(`${kind}: a reader is known by its name across restarts`, (t) => {
    const dir = scratchDir(t);
    let wal = open(dir);
    const lsns = wal.appendBatch(texts);
    const reader = wal.reader("replica-1");
    assert.deepEqual([reader.name, reader.position], ["replica-1", 0]);
    reader.advance(lsns[4] as Lsn);
    assert.equal(wal.reader("replica-1"), reader, "the same one");
    assert.equal(wal.reader("late", lsns[7]).position, lsns[7]);
    wal.closeBlocking();

    wal = open(dir);
    assert.equal(wal.reader("replica-1").position, lsns[4]);
    assert.equal(wal.reader("late", lsns[1]).position, lsns[7], "`from` is for a new one");
    const all = wal.readers().map(({ name, position }) => [name, position]);
    assert.deepEqual(all, [
      ["late", lsns[7]],
      ["replica-1", lsns[4]],
    ]);
    wal.reader("late").remove();
    assert.deepEqual(
      wal.readers().map(({ name }) => name),
      ["replica-1"],
    );
    wal.closeBlocking();

    wal = open(dir);
    assert.equal(wal.reader("late", lsns[1]).position, lsns[1], "forgotten, and so new");
    wal.closeBlocking();
  });

  test(`${kind}: a cut takes positions above it down, durably`, (t) => {
    const dir = scratchDir(t);
    let wal = open(dir);
    const lsns = wal.appendBatch(texts);
    wal.reader("ahead").advance(lsns[8] as Lsn);
    wal.reader("behind").advance(lsns[2] as Lsn);
    wal.truncateAfterBlocking(lsns[4] as Lsn);
    for (let round = 0; round < 2; round++) {
      assert.equal(wal.reader("ahead").position, lsns[5]);
      assert.equal(wal.reader("behind").position, lsns[2]);
      wal.closeBlocking();
      wal = open(dir);
    }
    wal.closeBlocking();
  });
}

test("names and positions that are none are refused", (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = Wal.openSegmentedBlocking(dir, { segmentSize: 32 });
  const lsns = wal.appendBatch(texts);
  for (const name of ["", ".hidden", "a/b", "../up", "x".repeat(65), "a b", "é", 7, null]) {
    assert.throws(() => wal.reader(name as string), walFault("WAL_INVALID_ARGUMENT"), String(name));
  }
  const beyond = (wal.end + 1) as Lsn;
  assert.throws(() => wal.reader("r", beyond), walFault("WAL_INVALID_ARGUMENT"));
  const reader = wal.reader("r", lsns[3]);
  for (const lsn of [0, lsns[2], beyond, 1.5, Number.NaN, "9"]) {
    assert.throws(() => reader.advance(lsn as Lsn), walFault("WAL_INVALID_ARGUMENT"), String(lsn));
  }
  assert.equal(reader.position, lsns[3]);
  assert.deepEqual(
    readdirSync(dir).filter((name) => name.startsWith("reader")),
    ["reader-r"],
  );
  wal.truncateBeforeBlocking(lsns[5] as Lsn);
  assert.throws(() => wal.reader("low", lsns[4]), walFault("WAL_INVALID_ARGUMENT"));
  wal.closeBlocking();
});

test("a store that keeps no names says so", async () => {
  const wal = await Wal.withStore(new MemStore());
  assert.throws(() => wal.reader("r"), walFault("WAL_UNSUPPORTED"));
  await wal.close();
});

/*
 * A reader that was advanced after it was removed made its file anew: the log was kept for it again,
 * and nobody knew. One advanced after close wrote beside a log that might be another's by then.
 */
test("a reader that was removed, or whose log is closed, advances no more", (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = Wal.openSegmentedBlocking(dir, { segmentSize: 32 });
  const lsns = wal.appendBatch(texts);
  const removed = wal.reader("removed");
  removed.remove();
  assert.throws(() => removed.advance(lsns[2] as Lsn), walFault("WAL_INVALID_ARGUMENT", {}, /removed/));
  assert.equal(readdirSync(dir).includes("reader-removed"), false);
  const kept = wal.reader("kept");
  wal.closeBlocking();
  assert.throws(() => kept.advance(lsns[2] as Lsn), walFault("WAL_CLOSED"));
  assert.throws(() => kept.remove(), walFault("WAL_CLOSED"));
  assert.throws(() => wal.reader("new"), walFault("WAL_CLOSED"));
  const again = Wal.openSegmentedBlocking(dir, { segmentSize: 32 });
  assert.equal(again.reader("kept").position, 0);
  again.closeBlocking();
});

/*
 * A position may be on the disk before the records it has passed are. After a power cut it stood past
 * the end, and records that were appended up to there were never seen by that reader.
 */
test("after a power cut no position is past the end of the log", () => {
  for (const segmentSize of [null, 32]) {
    const sim = logsDisk();
    let wal = openOn(library, sim, segmentSize);
    const first = wal.appendAndSyncBlocking("first");
    wal.appendBatch(texts);
    const reader = wal.reader("r");
    reader.advance(wal.end);
    // The system happens to write the position back, and nothing else.
    sim.writeBack((path) => path.endsWith("reader-r"));
    sim.crash({ keep: "none" });
    wal = openOn(library, sim, segmentSize);
    const end = wal.read(first).next;
    assert.equal(wal.end, end);
    const position = wal.reader("r").position;
    assert.equal(position, end);
    wal.appendBatch(["next", "one more"]);
    assert.deepEqual(
      [...wal.iter({ from: position })].map((record) => record.text()),
      ["next", "one more"],
    );
    // And it stays so.
    sim.crash({ keep: "none" });
    wal = openOn(library, sim, segmentSize);
    assert.equal(wal.reader("r").position, end);
  }
});

test("a position that cannot be written stays where it was; a new reader is refused", (t) => {
  const disk = new FaultDisk();
  const dir = scratchDir(t);
  const wal = Wal.withStoreBlocking(openSegmentedStore(dir, 32, { disk }));
  const lsns = wal.appendBatch(texts);
  const reader = wal.reader("r");
  disk.faults.write = () => ({ errno: "ENOSPC" });
  reader.advance(lsns[3] as Lsn);
  assert.equal(reader.position, 0);
  assert.throws(() => wal.reader("new"), walFault("WAL_IO"));
  disk.faults.write = () => undefined;
  reader.advance(lsns[3] as Lsn);
  assert.equal(reader.position, lsns[3]);
  wal.closeBlocking();
  assert.deepEqual(disk.openFiles, []);
});

// The bare error of the system came through where a position could not be opened or removed: no
// WalError, no code to go by. Found by the I/O-error loop (test/system/io-errors.test.ts).
test("a reader whose file cannot be opened or removed: WAL_IO, and it can be tried again", (t) => {
  const disk = new FaultDisk();
  const wal = library.open(disk, join(scratchDir(t), "log"));
  const told = walFault("WAL_IO", { errno: "EIO" }, /reader replica/);
  disk.faults.open = () => ({ errno: "EIO" });
  assert.throws(() => wal.reader("replica"), told);
  delete disk.faults.open;
  const reader = wal.reader("replica");
  disk.faults.remove = () => ({ errno: "EIO" });
  assert.throws(() => reader.remove(), told);
  delete disk.faults.remove;
  reader.remove();
  wal.closeBlocking();
  assert.deepEqual(disk.openFiles, []);
});

/*
 * Simulator, seed 883: the position of a new reader could not be written, and its file not be removed.
 * The call threw, and the reader stayed, at 0, known to nobody: `retain` dropped nothing until restart.
 */
test("a reader that could be neither made nor removed does not hold the log", async (t) => {
  const disk = new FaultDisk();
  const dir = scratchDir(t);
  const wal = Wal.withStoreBlocking(openSegmentedStore(dir, 32, { disk }));
  const lsns = wal.appendBatch(texts);
  disk.faults.write = () => ({ errno: "ENOSPC" });
  disk.faults.remove = () => ({ errno: "EIO" });
  const both = /could not be written.*could not be removed either.*EIO/;
  assert.throws(() => wal.reader("late", lsns[8]), walFault("WAL_IO", {}, both));
  delete disk.faults.write;
  delete disk.faults.remove;
  assert.equal(await wal.retain({ maxBytes: 0 }), wal.end);
  assert.equal(wal.reader("late", wal.end).position, wal.end, "it can be asked for again");
  wal.closeBlocking();
  assert.deepEqual(disk.openFiles, []);
});

// Written and not flushed, and not to be removed: found there, it was taken for one that is kept.
test("a reader that is asked for again after its first flush failed is flushed then", () => {
  const sim = logsDisk();
  let wal = openOn(library, sim, 32);
  const lsns = wal.appendBatch(texts);
  wal.syncBlocking();
  // The second: the first is that of the empty file.
  const effect = { kind: "fail", errno: "EIO", pages: "dirty" } as const;
  sim.inject({ call: "flush", path: `${logDir}/reader-r`, nth: 2, effect });
  sim.inject({ call: "remove", effect: { kind: "fail", errno: "EIO" } });
  assert.throws(() => wal.reader("r", lsns[3]), walFault("WAL_IO", {}, /removed either/));
  sim.clearFaults();
  assert.equal(wal.reader("r", lsns[5]).position, lsns[3]);
  sim.crash({ keep: "none" });
  wal = openOn(library, sim, 32);
  assert.equal(wal.reader("r", wal.end).position, lsns[3]);
});
