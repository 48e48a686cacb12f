import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32c, Lsn, MemStore, Wal, type WalRecord } from "wal-db";
import {
  copyFixture,
  type ExpectedImage,
  expectedImages,
  fileImages,
  fixturesDir,
} from "../support/fixtures.ts";
import { scratchDir } from "../support/scratch.ts";

/** Images that an independent writer of the format made, each with what must be read from it. */

function told(records: Iterable<WalRecord>): { lsn: number; length: number; crc32c: number }[] {
  return Array.from(records, ({ lsn, length, data }) => ({ lsn, length, crc32c: crc32c(data) }));
}

function expectedOf(name: string): ExpectedImage {
  const image = expectedImages[name];
  assert.ok(image);
  return image;
}

test("the images are there", () => {
  assert.ok(fileImages.length >= 17, `${fileImages.length} images`);
});

for (const name of fileImages) {
  test(`${name}: opened from a file`, async (t) => {
    const { records, end } = expectedOf(name);
    const wal = await Wal.open(copyFixture(name, scratchDir(t)));
    assert.deepEqual(told(wal), records);
    assert.equal(wal.end, end);
    assert.deepEqual([wal.recovery.end, wal.recovery.records, wal.durable], [end, records.length, end]);
    const ahead: WalRecord[] = [];
    for await (const record of wal) ahead.push(record);
    assert.deepEqual(told(ahead), records);
    for (const { lsn, length } of records) assert.equal(wal.read(Lsn(lsn)).length, length);
    await wal.close();
  });

  test(`${name}: opened in memory, blocking; gone on with, and opened again`, () => {
    const { records, end } = expectedOf(name);
    const store = new MemStore(readFileSync(join(fixturesDir, name)));
    const wal = Wal.withStoreBlocking(store);
    assert.deepEqual(told(wal), records);
    assert.equal(wal.append("and on"), end);
    wal.closeBlocking();
    const again = Wal.withStoreBlocking(new MemStore(store.toBytes()));
    const read = [...again];
    assert.deepEqual(told(read.slice(0, -1)), records);
    assert.equal(read.at(-1)?.text(), "and on");
    assert.deepEqual([again.recovery.damage, again.recovery.discarded], [null, 0]);
    again.closeBlocking();
  });
}

test("what is written here is, byte for byte, what the other writer wrote", () => {
  for (const name of ["intact.wal", "many.wal"]) {
    const image = readFileSync(join(fixturesDir, name));
    const source = Wal.withStoreBlocking(new MemStore(image));
    const store = new MemStore();
    const copy = Wal.withStoreBlocking(store);
    for (const record of source) copy.append(record.data);
    assert.equal(Buffer.compare(store.toBytes(), image), 0, name);
    copy.closeBlocking();
    source.closeBlocking();
  }
});
