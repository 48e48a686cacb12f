/** What stands beside a log: positions of readers and of the archive, when the log or the disk fails. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Lsn, Wal } from "wal-db";
import { openSegmentedStore } from "#internal/store/segmented-store.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

// Reading those positions came after recovery and outside of its care: what failed there was thrown as
// it came from node:fs, and the files of other readers stayed open.
for (const name of ["reader-b", "archived"]) {
  test(`${name} that is a folder: open says so, and nothing stays open`, async (t) => {
    const disk = new FaultDisk();
    const dir = join(scratchDir(t), "log");
    const wal = await Wal.openSegmented(dir, { segmentSize: 64 });
    wal.reader("a");
    await wal.close();
    mkdirSync(join(dir, name));
    const opened = Wal.withStore(openSegmentedStore(dir, 64, { disk }));
    await assert.rejects(opened, walFault("WAL_IO", { errno: "EISDIR", path: dir }));
    assert.deepEqual(disk.openFiles, []);
  });
}

test("a segment below the head that cannot be removed at open: WAL_IO, and nothing stays open", async (t) => {
  const disk = new FaultDisk();
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.openSegmented(dir, { segmentSize: 32 });
  for (let i = 0; i < 8; i++) wal.append("12345678");
  wal.reader("a");
  await wal.truncateBefore(wal.end);
  await wal.close();
  writeFileSync(join(dir, "00000000000000000000.wal"), new Uint8Array(32));
  disk.faults.remove = () => ({ errno: "EIO" });
  const opened = Wal.withStore(openSegmentedStore(dir, 32, { disk }));
  await assert.rejects(opened, walFault("WAL_IO", { errno: "EIO", path: dir }));
  assert.deepEqual(disk.openFiles, []);
});

// A power cut may leave the file of a new reader empty. Open wrote a position into it, and on a full
// disk the log did not open.
test("an empty file of a reader does not keep a log from opening on a full disk", async (t) => {
  const disk = new FaultDisk();
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.openSegmented(dir, { segmentSize: 64 });
  wal.append("one");
  await wal.close();
  writeFileSync(join(dir, "reader-a"), "");
  disk.faults.write = () => ({ errno: "ENOSPC" });
  const after = await Wal.withStore(openSegmentedStore(dir, 64, { disk }));
  assert.equal(after.reader("a", Lsn(11)).position, 0, "it may need all that is there");
  assert.throws(() => after.reader("b"), walFault("WAL_IO", {}, /full/));
  disk.faults.write = () => undefined;
  assert.equal(after.reader("b", Lsn(11)).position, 11);
  await after.close();
  assert.deepEqual(disk.openFiles, []);
});

// The first reader whose position could not be flushed ended the release of all the others.
test("a position that cannot be flushed at close: WAL_IO, and nothing stays open", async (t) => {
  const disk = new FaultDisk();
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.withStore(openSegmentedStore(dir, 64, { disk }), { archive: () => {} } as object);
  await wal.appendAndSync("one");
  for (const name of ["a", "b"]) wal.reader(name, Lsn(0)).advance(wal.end);
  disk.faults.flushAll = () => ({ errno: "EIO" });
  await assert.rejects(wal.close(), walFault("WAL_IO", { errno: "EIO" }));
  assert.deepEqual(disk.openFiles, []);
});
