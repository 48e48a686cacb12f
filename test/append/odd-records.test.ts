/**
 * A record whose class extends Uint8Array, and overrides what the log would ask it. A length below zero made
 * the next record of the same turn stand on the one before, whose caller was told an LSN where nothing
 * intact began; one that was no number lost all of them, acknowledged; one that called the log itself
 * broke the batch it was in. And a class with a constructor of its own could not be logged from 256 KiB
 * on: `subarray` called that constructor.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c, type Lsn, MemStore, Wal } from "wal-db";
import { payloadInPlaceBytesMin } from "#internal/limits.js";
import { walFault } from "../support/wal-fault.ts";

function liar(says: unknown): Uint8Array {
  return Object.defineProperty(Uint8Array.of(1, 2, 3), "length", { get: () => says });
}

for (const says of [-100, Number.NaN, "abc", 1000, 0]) {
  test(`a record that says its length is ${String(says)} harms neither itself nor those of its turn`, async () => {
    const wal = await Wal.withStore(new MemStore());
    const lsns = await Promise.all(["before", liar(says), "behind"].map((one) => wal.appendAndSync(one)));
    assert.deepEqual(
      lsns.map((lsn) => wal.read(lsn).text()),
      ["before", "\u0001\u0002\u0003", "behind"],
    );
    const batch = wal.appendBatch(["before", liar(says), "behind"]);
    assert.deepEqual(
      batch.map((lsn) => wal.read(lsn).text()),
      ["before", "\u0001\u0002\u0003", "behind"],
    );
    assert.equal(wal.read(wal.append(liar(says))).text(), "\u0001\u0002\u0003");
    await wal.close();
  });
}

test("a record that calls the log when it is asked for its length does not break the batch it is in", async () => {
  const wal = await Wal.withStore(new MemStore());
  const caller = Object.defineProperty(Uint8Array.of(65), "length", {
    get: () => {
      wal.append("from within");
      return 1;
    },
  });
  const batch = wal.appendBatch(["one", caller, "three"]);
  assert.deepEqual(
    batch.map((lsn) => wal.read(lsn).text()),
    ["one", "A", "three"],
  );
  await wal.close();
});

test("a record of a class with a constructor of its own is logged, however large, and checksummed", async () => {
  class Packet extends Uint8Array {
    readonly kind: string;
    constructor(kind: string, bytes: number) {
      super(bytes);
      this.kind = kind;
    }
  }
  const wal = await Wal.withStore(new MemStore());
  for (const bytes of [10, 300, payloadInPlaceBytesMin, payloadInPlaceBytesMin + 1]) {
    const packet = new Packet("letter", bytes).fill(7);
    const lsns: Lsn[] = [wal.append(packet), await wal.appendAndSync(packet)];
    for (const lsn of lsns) assert.deepEqual(wal.read(lsn).data, new Uint8Array(bytes).fill(7));
    assert.equal(crc32c(packet), crc32c(new Uint8Array(bytes).fill(7)));
  }
  await wal.close();
});

test("a proxy of bytes is no record, and says so as the log does", async () => {
  const wal = await Wal.withStore(new MemStore());
  const proxy = new Proxy(new Uint8Array(5), {});
  assert.throws(() => wal.append(proxy), walFault("WAL_INVALID_ARGUMENT"));
  assert.throws(() => wal.appendBatch(["a", proxy]), walFault("WAL_INVALID_ARGUMENT"));
  await assert.rejects(wal.appendAndSync(proxy), walFault("WAL_INVALID_ARGUMENT"));
  assert.equal(wal.end, 0);
  await wal.close();
});

test("a record whose buffer was transferred, or shrank under it, is refused, alone", async () => {
  const wal = await Wal.withStore(new MemStore());
  const transferred = new Uint8Array(10);
  structuredClone(transferred, { transfer: [transferred.buffer] });
  const buffer = new ArrayBuffer(100, { maxByteLength: 200 });
  const shrunk = new Uint8Array(buffer, 50);
  buffer.resize(10);
  for (const gone of [transferred, shrunk]) {
    assert.throws(() => wal.append(gone), walFault("WAL_INVALID_ARGUMENT", {}, /transferred/));
    assert.throws(() => wal.appendBatch(["a", gone]), walFault("WAL_INVALID_ARGUMENT"));
    const [before, refused, behind] = await Promise.allSettled(
      ["before", gone, "behind"].map((one) => wal.appendAndSync(one)),
    );
    assert.equal(refused?.status, "rejected");
    for (const one of [before, behind]) assert.equal(one?.status, "fulfilled");
  }
  assert.deepEqual(
    Array.from(wal, (record) => record.text()),
    ["before", "behind", "before", "behind"],
  );
  await wal.close();
});
