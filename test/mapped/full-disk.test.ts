/** A mapped log on a disk that is really full: an error where room is set aside, and never a SIGBUS. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { SegmentedStore, Wal } from "wal-db";
import { MappedStore } from "wal-db/mapped";
import { type SmallDisk, smallDisk } from "../support/small-disk.ts";
import { walFault } from "../support/wal-fault.ts";

const segmentSize = 1024 * 1024;
const noRoom = { code: "WAL_IO", errno: "ENOSPC" };
const record = (i: number): string => `${i} `.padEnd(3000 + ((i * 7919) % 30_000), String(i % 10));

function withDisk(name: string, run: (t: TestContext, disk: SmallDisk) => Promise<void> | void): void {
  test(name, async (t) => {
    const disk = smallDisk(t, 16);
    if (typeof disk === "string") t.skip(disk);
    else await run(t, disk);
  });
}

function checkAll(wal: Wal, count: number): void {
  let i = 0;
  for (const found of wal) assert.equal(found.text(), record(i++));
  assert.equal(i, count);
}

withDisk(
  "filled to the last segment, then by others to the last block: all that was taken is written",
  async (_t, disk) => {
    const dir = join(disk.dir, "log");
    const ballast = join(disk.dir, "ballast");
    writeFileSync(ballast, new Uint8Array(3 * segmentSize).fill(1));
    const wal = await Wal.withStore(MappedStore.open(dir, segmentSize));
    let count = 0;
    const fill = (): void => {
      for (; ; count++) {
        wal.append(record(count));
        if (count % 50 === 0) wal.syncBlocking();
      }
    };
    assert.throws(fill, noRoom);
    assert.ok(count > 300, `only ${count} records`);
    // Others take what is left. The room within the last segment is the log's own.
    disk.fill();
    const { end } = wal;
    const room = segmentSize - (end % segmentSize);
    assert.throws(() => wal.append(Buffer.alloc(room)), noRoom);
    assert.throws(() => wal.appendBatch([Buffer.alloc(room - 100), Buffer.alloc(200)]), noRoom);
    assert.equal(wal.end, end);
    await wal.sync();
    wal.append(Buffer.alloc(room - 8, 7));
    await wal.sync();
    assert.equal(wal.durable % segmentSize, 0);
    assert.throws(() => wal.append(""), noRoom);

    disk.free();
    unlinkSync(ballast);
    await wal.truncateAfter([...wal].at(-2)?.lsn ?? wal.head);
    checkAll(wal, count);
    for (const goal = count + 20; count < goal; count++) wal.append(record(count));
    await wal.close();
    const again = await Wal.withStore(SegmentedStore.open(dir, segmentSize));
    assert.deepEqual([again.recovery.damage, again.recovery.discarded], [null, 0]);
    checkAll(again, count);
    await again.close();
  },
);

withDisk(
  "a closed log opens on a full disk, is read there, and takes nothing until there is room",
  async (_t, disk) => {
    const dir = join(disk.dir, "log");
    const wal = await Wal.withStore(MappedStore.open(dir, segmentSize));
    for (let i = 0; i < 20; i++) wal.append(record(i));
    await wal.close();
    disk.fill();
    const full = await Wal.withStore(MappedStore.open(dir, segmentSize));
    checkAll(full, 20);
    const before = readdirSync(dir).map((name) => [name, statSync(join(dir, name)).size]);
    for (let n = 0; n < 3; n++) assert.throws(() => full.append(record(20)), noRoom);
    assert.deepEqual(
      readdirSync(dir).map((name) => [name, statSync(join(dir, name)).size]),
      before,
    );
    const { bfree } = statfsSync(disk.dir);
    assert.throws(() => full.append(record(20)), noRoom);
    assert.equal(statfsSync(disk.dir).bfree, bfree, "what a failed attempt took is given back");
    disk.free();
    full.append(record(20));
    await full.close();
    const again = await Wal.withStore(MappedStore.open(dir, segmentSize));
    checkAll(again, 21);
    await again.close();
  },
);

withDisk("a log that fills the disk frees its own room", async (_t, disk) => {
  const dir = join(disk.dir, "log");
  const wal = await Wal.withStore(MappedStore.open(dir, segmentSize));
  let count = 0;
  assert.throws(() => {
    for (; ; count++) wal.append(record(count));
  }, walFault("WAL_IO"));
  const lsns = Array.from(wal, ({ lsn }) => lsn);
  await wal.truncateBefore(lsns[count >> 1] ?? wal.head);
  for (let n = 0; n < 100; n++) wal.append(record(count + n));
  await wal.close();
});

/**
 * Recovery writes again what follows the mark, in place. It did so through a map, for which a whole segment was
 * set aside first: on a full disk a log that a killed process had left could not be opened.
 */
for (const which of ["segmented", "mapped"] as const) {
  withDisk(`what a killed process of ${which} left is recovered on a full disk`, async (_t, disk) => {
    const dir = join(disk.dir, "log");
    const left = join(disk.dir, "left");
    const store = which === "mapped" ? MappedStore : SegmentedStore;
    const wal = await Wal.withStore(store.open(dir, segmentSize));
    let count = 0;
    for (; count < 10; count++) wal.append(record(count));
    await wal.sync();
    // Over a border, and not synced.
    for (; wal.end < segmentSize + 50_000; count++) wal.append(record(count));
    cpSync(dir, left, { recursive: true });
    await wal.close();
    // Half of a record, as a kill leaves it in the middle of a copy.
    const last = join(left, "00000000000000000001.wal");
    if (which === "mapped") {
      const fd = openSync(last, "r+");
      writeSync(fd, Buffer.from("half of a record"), 0, 16, wal.end % segmentSize);
      closeSync(fd);
    } else appendFileSync(last, "half");
    disk.fill();
    const again = await Wal.withStore(MappedStore.open(left, segmentSize), { onDamage: "truncate" });
    assert.equal(again.recovery.damage?.kind, "torn");
    checkAll(again, count);
    assert.equal(again.durable, again.end);
    await again.close();
  });
}

/** Without the room being set aside the same writes end the process: so the tests above see what they are to see. */
withDisk("the system does end a process that writes through a map where there is no room", (_t, disk) => {
  const program = fileURLToPath(new URL("./bus-error.js", import.meta.url));
  const ended = (way: string): string | number | null => {
    const { signal, status } = spawnSync(process.execPath, [program, way, join(disk.dir, way)]);
    return signal ?? status;
  };
  disk.fill();
  assert.equal(ended("sparse"), "SIGBUS");
  disk.free();
  assert.equal(ended("sparse"), 0);
  assert.equal(ended("cut"), "SIGBUS");
});
