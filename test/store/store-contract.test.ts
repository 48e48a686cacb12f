import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { FileStore, MemStore, SegmentedStore, type WalStore } from "wal-db";
import { openFileStore } from "#internal/store/file-store.js";
import { MappedStore } from "wal-db/mapped";
import { openSegmentedStore } from "#internal/store/segmented-store.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { Random } from "../support/random.ts";
import { fastScratchDir, scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

/** What WalStore promises, held against every store there is. */
const stores: Readonly<Record<string, (t: TestContext) => WalStore>> = {
  MemStore: () => new MemStore(),
  FileStore: (t) => FileStore.open(join(scratchDir(t), "log.wal")),
  "FileStore on a disk that moves three bytes at a time and is interrupted": (t) =>
    openFileStore(join(scratchDir(t), "log.wal"), { disk: hesitantDisk() }),
  "SegmentedStore of 1 byte": (t) => SegmentedStore.open(join(fastScratchDir(t), "log"), 1),
  "SegmentedStore of 7 bytes": (t) => SegmentedStore.open(join(fastScratchDir(t), "log"), 7),
  "SegmentedStore of 512 bytes": (t) => SegmentedStore.open(join(fastScratchDir(t), "log"), 512),
  "SegmentedStore of one segment": (t) => SegmentedStore.open(join(scratchDir(t), "log"), 1 << 20),
  "SegmentedStore on a disk that moves three bytes at a time and is interrupted": (t) =>
    openSegmentedStore(join(fastScratchDir(t), "log"), 7, { disk: hesitantDisk() }),
  "MappedStore of 7 bytes": (t) => MappedStore.open(join(fastScratchDir(t), "log"), 7),
  "MappedStore of 5000 bytes": (t) => MappedStore.open(join(fastScratchDir(t), "log"), 5000),
  "MappedStore of one segment": (t) => MappedStore.open(join(scratchDir(t), "log"), 1 << 20),
};

/** How much is written to see it grow: a file for each byte is not quick. */
function growthOf(name: string): number {
  if (/three bytes|of 7 bytes/.test(name)) return 20_000;
  return name.includes("of 1 byte") ? 2000 : 300_000;
}

function hesitantDisk(): FaultDisk {
  const disk = new FaultDisk();
  for (const call of ["read", "readAhead", "write"] as const) {
    disk.faults[call] = (nth) => (nth % 5 === 0 ? { errno: "EINTR" } : { most: 3 });
  }
  return disk;
}

function read(store: WalStore, offset: number, length: number): Uint8Array {
  const into = new Uint8Array(length).fill(0xee);
  const got = store.readAt(offset, into);
  assert.deepEqual(into.subarray(got), new Uint8Array(length - got).fill(0xee), "the rest is left alone");
  return into.subarray(0, got);
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

for (const [name, open] of Object.entries(stores)) {
  const check = (what: string, body: (store: WalStore) => void | Promise<void>): void => {
    test(`${name}: ${what}`, async (t) => {
      const store = open(t);
      try {
        await body(store);
      } finally {
        store.close();
      }
    });
  };

  check("begins empty", (store) => {
    assert.deepEqual([store.length, store.head], [0, 0]);
    assert.equal(read(store, 0, 10).length, 0);
  });

  check("gives back what was written, also over what was there", (store) => {
    store.writeAt(0, bytes(1, 2, 3, 4, 5, 6, 7));
    store.writeAt(7, bytes(8, 9));
    store.writeAt(2, bytes(30, 40));
    assert.equal(store.length, 9);
    assert.deepEqual(read(store, 0, 9), bytes(1, 2, 30, 40, 5, 6, 7, 8, 9));
  });

  check("a gap reads as zeros", (store) => {
    store.writeAt(20, bytes(1));
    assert.equal(store.length, 21);
    assert.deepEqual(read(store, 0, 21), bytes(...new Uint8Array(20), 1));
  });

  check("a read at the end is short, past the end empty", (store) => {
    store.writeAt(0, bytes(1, 2, 3));
    assert.deepEqual(read(store, 1, 10), bytes(2, 3));
    assert.equal(read(store, 3, 10).length, 0);
    assert.equal(read(store, 1000, 10).length, 0);
    assert.equal(read(store, 0, 0).length, 0);
  });

  check("truncation discards for good: a gap made later holds zeros, not what stood there", (store) => {
    store.writeAt(0, new Uint8Array(50).fill(9));
    store.truncate(10);
    assert.equal(store.length, 10);
    assert.equal(read(store, 10, 5).length, 0);
    store.writeAt(30, bytes(1));
    assert.deepEqual(read(store, 8, 30), bytes(9, 9, ...new Uint8Array(20), 1));
    store.truncate(0);
    assert.equal(store.length, 0);
  });

  check("truncateBefore answers with the head, never past what was asked, and the rest is there", (store) => {
    store.writeAt(0, bytes(1, 2, 3));
    const head = store.truncateBefore(2);
    assert.ok(head === 0 || head === 2, `${head}`);
    assert.equal(store.head, head);
    assert.equal(store.length, 3);
    assert.deepEqual(read(store, 2, 3), bytes(3));
  });

  check("grows without losing a byte", (store) => {
    const random = new Random(50);
    const whole = random.bytes(growthOf(name));
    for (let at = 0; at < whole.length;) {
      const length = 1 + random.next(30_000);
      store.writeAt(at, whole.subarray(at, at + length));
      at = Math.min(whole.length, at + length);
    }
    assert.equal(store.length, whole.length);
    assert.equal(Buffer.compare(read(store, 0, whole.length), whole), 0);
  });

  check("the bytes are the store's own once written", (store) => {
    const buffer = bytes(1, 2, 3);
    store.writeAt(0, buffer);
    buffer.fill(9);
    const seen = read(store, 0, 3);
    seen.fill(8);
    assert.deepEqual(read(store, 0, 3), bytes(1, 2, 3));
  });

  check("flushes, in both forms and side by side", async (store) => {
    store.writeAt(0, bytes(1));
    const pending = store.flush();
    store.writeAt(1, bytes(2));
    store.flushBlocking();
    await pending;
    store.truncate(1);
    await store.flush();
    assert.deepEqual(read(store, 0, 5), bytes(1));
  });

  check("reading ahead, where it is offered, reads the same", async (store) => {
    store.writeAt(0, bytes(1, 2, 3, 4, 5, 6, 7, 8));
    const into = new Uint8Array(12);
    const got = store.readAhead === undefined ? store.readAt(2, into) : await store.readAhead(2, into);
    assert.deepEqual(into.subarray(0, got), bytes(3, 4, 5, 6, 7, 8));
  });
}

test("MemStore: its image can be taken and given back, and neither is a view of the other", () => {
  const store = new MemStore();
  store.writeAt(0, bytes(1, 2, 3));
  const image = store.toBytes();
  assert.deepEqual(image, bytes(1, 2, 3));
  const second = new MemStore(image);
  image.fill(9);
  second.writeAt(3, bytes(4));
  assert.deepEqual(second.toBytes(), bytes(1, 2, 3, 4));
  assert.deepEqual(store.toBytes(), bytes(1, 2, 3));
});

test("MemStore: an image is bytes", () => {
  assert.throws(() => new MemStore("image" as unknown as Uint8Array), walFault("WAL_INVALID_ARGUMENT"));
});
