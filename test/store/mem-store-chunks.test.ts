import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { MemStore } from "wal-db";
import { memStoreChunkBytes } from "#internal/limits.js";

// MemStore was one buffer that doubled: half of an append's time went into copying it and into
// fresh pages for the copy. Now it is chunks, and every border between two is a place for an error.

const spaceBytes = 4 * memStoreChunkBytes;

/** An offset or length that likes to be near a border. */
const place = fc.oneof(
  fc.nat(spaceBytes),
  fc
    .tuple(fc.nat(4), fc.integer({ min: -9, max: 9 }))
    .map(([chunk, by]) => Math.max(0, chunk * memStoreChunkBytes + by)),
);

const operation = fc.oneof(
  fc.record({
    kind: fc.constant("write" as const),
    at: place,
    size: place,
    fill: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({ kind: fc.constant("truncate" as const), at: place }),
  fc.record({ kind: fc.constant("read" as const), at: place, size: place }),
);

test("a MemStore holds what one array of bytes would", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
      const store = new MemStore();
      const model = new Uint8Array(3 * spaceBytes);
      let length = 0;
      for (const op of operations) {
        if (op.kind === "write") {
          const bytes = new Uint8Array(op.size).fill(op.fill);
          store.writeAt(op.at, bytes);
          model.set(bytes, op.at);
          length = Math.max(length, op.at + op.size);
        } else if (op.kind === "truncate") {
          store.truncate(op.at);
          length = Math.min(length, op.at);
          model.fill(0, length);
        } else {
          const into = new Uint8Array(op.size);
          const expected = model.subarray(op.at, Math.max(op.at, Math.min(length, op.at + op.size)));
          assert.equal(store.readAt(op.at, into), expected.length);
          assert.equal(Buffer.compare(into.subarray(0, expected.length), expected), 0);
        }
        assert.equal(store.length, length);
      }
      assert.equal(Buffer.compare(store.toBytes(), model.subarray(0, length)), 0);
      const again = new MemStore(store.toBytes());
      assert.equal(Buffer.compare(again.toBytes(), store.toBytes()), 0);
    }),
    { numRuns: 150 },
  );
});
