/** A disk that is really full: ext4 on a loop device, filled to the last block. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Lsn, Wal, WalError } from "wal-db";
import { folderImage } from "../support/folder-image.ts";
import { claimOf, joined, logOf, markSlot, scanPlain } from "../support/plain-format.ts";
import { type SmallDisk, smallDisk } from "../support/small-disk.ts";

function withDisk(name: string, run: (t: TestContext, disk: SmallDisk) => Promise<void> | void): void {
  test(name, async (t) => {
    const disk = smallDisk(t, 12);
    if (typeof disk === "string") t.skip(disk);
    else await run(t, disk);
  });
}

const record = (i: number): string => `${i} `.padEnd(3000 + ((i * 7919) % 30_000), String(i % 10));

/** Appends until the disk is full; the failure. */
function fillWith(wal: Wal, from: number): { count: number; error: WalError; end: number } {
  for (let i = from; ; i++) {
    const end = wal.end;
    try {
      wal.append(record(i));
      if (i % 50 === 0) wal.syncBlocking();
    } catch (error) {
      assert.ok(error instanceof WalError);
      return { count: i, error, end };
    }
  }
}

function checkAll(wal: Wal, count: number): void {
  let i = 0;
  for (const found of wal) assert.equal(found.text(), record(i++));
  assert.equal(i, count);
}

withDisk("append until the disk is full, read, make room, go on at the same place", async (_t, disk) => {
  const path = join(disk.dir, "app.wal");
  writeFileSync(join(disk.dir, "ballast"), new Uint8Array(2 * 1024 * 1024).fill(1));
  const wal = await Wal.open(path);
  const full = fillWith(wal, 0);
  assert.equal(full.error.code, "WAL_IO");
  assert.equal(full.error.errno, "ENOSPC");
  assert.equal(full.error.offset, full.end);
  assert.equal(full.error.path, path);
  assert.ok(full.count > 50, `only ${full.count} records`);
  // As it was: the end, the file, what is read, and what was appended can be made durable.
  assert.equal(wal.end, full.end);
  assert.equal(statSync(path).size, full.end);
  checkAll(wal, full.count);
  await wal.sync();
  assert.equal(wal.durable, full.end);
  // And again: a full disk is no poison.
  for (let i = 0; i < 3; i++) {
    assert.throws(() => wal.append(record(full.count).repeat(3)), { code: "WAL_IO", errno: "ENOSPC" });
    assert.throws(() => wal.appendBatch([record(1), record(2).repeat(9)]), {
      code: "WAL_IO",
      errno: "ENOSPC",
    });
    await assert.rejects(wal.appendAndSync(record(2).repeat(20)), { code: "WAL_IO", errno: "ENOSPC" });
    assert.equal(statSync(path).size, full.end);
  }
  // A payload that is written from where it is, in two writes.
  assert.throws(() => wal.append(new Uint8Array(3_000_000)), { code: "WAL_IO", errno: "ENOSPC" });
  assert.equal(statSync(path).size, full.end);

  writeFileSync(join(disk.dir, "ballast"), "");
  assert.equal(wal.append(record(full.count)), full.end, "the same offset");
  const again = fillWith(wal, full.count + 1);
  assert.equal(again.error.errno, "ENOSPC");
  await wal.close();

  const reopened = await Wal.open(path);
  assert.equal(reopened.recovery.damage, null);
  checkAll(reopened, again.count);
  await reopened.close();
});

withDisk("a new log on a full disk: refused or made, never half", (_t, disk) => {
  const path = join(disk.dir, "new.wal");
  disk.fill();
  let wal: Wal | null = null;
  try {
    wal = Wal.openBlocking(path);
  } catch (error) {
    assert.ok(error instanceof WalError);
    assert.equal(error.errno, "ENOSPC");
  }
  if (wal !== null) {
    const log = wal;
    // Its inode had room; a record has not.
    assert.throws(() => log.append("x".repeat(5000)), { code: "WAL_IO", errno: "ENOSPC" });
    assert.equal(log.isEmpty, true);
    log.closeBlocking();
  }
  disk.free();
  const later = Wal.openBlocking(path);
  later.appendAndSyncBlocking("room now");
  later.closeBlocking();
});

// On a full disk the head could not be replaced, for want of a block for the new one: a log in
// segments could not free its own room.
withDisk("a log in segments that has filled the disk frees its own room, and goes on", async (_t, disk) => {
  const dir = join(disk.dir, "log");
  const segmentSize = 256 * 1024;
  let wal = await Wal.openSegmented(dir, { segmentSize });
  let count = 0;
  let first = 0;
  for (let round = 0; round < 3; round++) {
    const full = fillWith(wal, count);
    assert.equal(full.error.errno, "ENOSPC");
    count = full.count;
    await wal.sync();
    // What is left over is less than a record, and now not a byte.
    disk.fill();
    const end = wal.end;
    const lsns = [...wal].map((each) => each.lsn);
    const half = lsns.length >> 1;
    const before = statfsSync(disk.dir).bfree;
    const head = lsns[half] as Lsn;
    assert.equal(await wal.truncateBefore(head), head);
    first += half;
    const freed = statfsSync(disk.dir);
    const floor = Math.floor((head - (lsns[0] as Lsn)) / segmentSize - 1) * segmentSize;
    assert.ok((freed.bfree - before) * freed.bsize >= floor, `${before}, then ${freed.bfree} blocks free`);
    assert.equal(wal.append(record(count)), end, "the same offset");
    count++;
    await wal.sync();
    disk.free();
    await wal.close();
    wal = await Wal.openSegmented(dir, { segmentSize });
    assert.equal(wal.recovery.damage, null);
    assert.equal(wal.head, head);
    let i = first;
    for (const found of wal) assert.equal(found.text(), record(i++));
    assert.equal(i, count);
  }
  await wal.close();
});

const sound = logOf([0, 1, 2, 3].map(record));
const bounds = scanPlain(sound).records.map((each) => each.lsn);
const noise = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 97 + 13) % 253);

withDisk("an intact log opens on a full disk, with and without its mark", (_t, disk) => {
  for (const mark of [null, joined(markSlot(0, 1), markSlot(bounds[2] ?? 0, 2))]) {
    const path = join(disk.dir, mark === null ? "unmarked.wal" : "marked.wal");
    writeFileSync(path, sound);
    if (mark !== null) writeFileSync(`${path}.mark`, mark);
    disk.fill();
    const wal = Wal.openBlocking(path);
    checkAll(wal, 4);
    assert.equal(wal.durable, sound.length);
    wal.closeBlocking();
    const reader = Wal.openBlocking(path, { readOnly: true });
    checkAll(reader, 4);
    reader.closeBlocking();
    disk.free();
  }
});

withDisk("a torn tail is cut on a full disk", (_t, disk) => {
  const path = join(disk.dir, "app.wal");
  writeFileSync(path, sound.slice(0, -9));
  writeFileSync(`${path}.mark`, joined(markSlot(0, 1), markSlot(bounds[2] ?? 0, 2)));
  disk.fill();
  const wal = Wal.openBlocking(path);
  assert.equal(wal.end, bounds[3]);
  assert.equal(wal.recovery.damage?.kind, "torn");
  checkAll(wal, 3);
  wal.closeBlocking();
  assert.equal(claimOf(new Uint8Array(readFileSync(`${path}.mark`))), bounds[3]);
  disk.free();
});

withDisk(
  "what must go to quarantine and has no room there: said, and nothing is changed",
  async (_t, disk) => {
    const path = join(disk.dir, "app.wal");
    const image = joined(sound, noise);
    writeFileSync(path, image);
    writeFileSync(`${path}.mark`, joined(markSlot(0, 1), markSlot(sound.length, 2)));
    disk.fill();
    const before = folderImage(disk.dir);
    for (let i = 0; i < 2; i++) {
      await assert.rejects(Wal.open(path), (error: unknown) => {
        assert.ok(error instanceof WalError);
        assert.equal(error.code, "WAL_IO");
        assert.equal(error.errno, "ENOSPC");
        assert.equal(error.offset, sound.length);
        assert.match(error.message, /onDamage: 'truncate'/);
        return true;
      });
      assert.deepEqual(folderImage(disk.dir), before);
    }
    const reader = await Wal.open(path, { readOnly: true });
    checkAll(reader, 4);
    await reader.close();

    disk.free();
    const wal = await Wal.open(path);
    const saved = `${path}.quarantine-${sound.length}`;
    assert.equal(wal.recovery.damage?.quarantine, saved);
    assert.deepEqual(new Uint8Array(readFileSync(saved)), noise);
    checkAll(wal, 4);
    await wal.close();
  },
);

withDisk("the way out that the error names works on the full disk itself", (_t, disk) => {
  const path = join(disk.dir, "app.wal");
  writeFileSync(path, joined(sound, noise));
  disk.fill();
  assert.throws(() => Wal.openBlocking(path), { errno: "ENOSPC" });
  const wal = Wal.openBlocking(path, { onDamage: "truncate" });
  assert.equal(wal.end, sound.length);
  assert.equal(wal.recovery.damage?.quarantine, null);
  // What was cut off is room for what comes.
  wal.appendAndSyncBlocking("there is room again");
  wal.closeBlocking();
  assert.ok(!existsSync(`${path}.quarantine-${sound.length}`));
});
