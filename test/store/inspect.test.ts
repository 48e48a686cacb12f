/** What can be told of a log without opening it: also where open would refuse, and beside a live writer. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect, type Lsn, Wal, WalError } from "wal-db";
import { scratchDir } from "../support/scratch.js";

test("a file: its bytes, mark, quarantines, readers, and who holds it", async (t) => {
  const path = join(scratchDir(t), "app.wal");
  const wal = await Wal.open(path);
  await wal.appendAndSync("one");
  wal.append("two");
  writeFileSync(`${path}.quarantine-11`, "saved");
  writeFileSync(`${path}.quarantine-4`, "earlier");
  wal.reader("replica", 11 as Lsn);
  const held = inspect(path);
  await wal.close();
  assert.equal(held.kind, "file");
  assert.deepEqual([held.head, held.length, held.mark, held.segmentSize], [0, 22, 11, null]);
  assert.deepEqual(held.segments, [{ path, start: 0, end: 22 }]);
  assert.deepEqual(
    held.quarantines.map(({ offset, bytes }) => [offset, bytes]),
    [
      [4, 7],
      [11, 5],
    ],
  );
  assert.deepEqual(held.readers, [{ name: "replica", position: 11 }]);
  const isLinux = process.platform === "linux";
  assert.deepEqual(
    held.lock,
    isLinux ? { state: "held", pid: process.pid } : { state: "unknown", pid: null },
  );
  assert.equal(inspect(path).lock.state, isLinux ? "free" : "unknown");
});

test("looking takes no lock from whoever opens meanwhile", async (t) => {
  const path = join(scratchDir(t), "app.wal");
  await (await Wal.open(path)).close();
  for (let round = 0; round < 50; round++) {
    inspect(path);
    const wal = Wal.openBlocking(path);
    inspect(path);
    wal.closeBlocking();
  }
});

test("segments: the size that they show, the head, and a directory that shows none", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.openSegmented(dir, { segmentSize: 16 });
  const lsns = wal.appendBatch(["one", "two", "three", "four"]);
  assert.equal(inspect(dir).lock.state, process.platform === "linux" ? "held" : "unknown");
  await wal.truncateBefore(lsns[2] as Lsn);
  await wal.close();
  const { kind, segmentSize, head, segments, length } = inspect(dir);
  assert.deepEqual([kind, segmentSize, head, length], ["segmented", 16, 22, 47]);
  assert.deepEqual(
    segments.map(({ start, end }) => [start, end]),
    [
      [16, 32],
      [32, 47],
    ],
  );
  const single = join(scratchDir(t), "log");
  const small = await Wal.openSegmented(single, { segmentSize: 4096 });
  small.append("alone");
  await small.close();
  assert.equal(inspect(single).segmentSize, null);
  assert.equal(inspect(single, { segmentSize: 4096 }).segmentSize, 4096);
});

test("a log that open refuses is reported, and a torn head is null", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.openSegmented(dir, { segmentSize: 16 });
  wal.appendBatch(["one", "two", "three"]);
  await wal.close();
  writeFileSync(join(dir, "head"), "torn");
  assert.equal(inspect(dir).head, null);
});

function refused(call: () => unknown, code: string, errno?: string): void {
  assert.throws(call, (error) => error instanceof WalError && error.code === code && error.errno === errno);
}

test("what is no log, and what is no option, is refused", (t) => {
  const dir = scratchDir(t);
  refused(() => inspect(join(dir, "missing")), "WAL_IO", "ENOENT");
  refused(() => inspect("/dev/null"), "WAL_INVALID_ARGUMENT");
  refused(() => inspect(dir, { segmentSize: 0 }), "WAL_INVALID_ARGUMENT");
  refused(() => inspect(dir, { size: 1 } as object), "WAL_INVALID_ARGUMENT");
});
