import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Lsn, MemStore, type RecordInput, Wal } from "wal-db";
import { HandStore } from "../support/hand-store.ts";
import { Random } from "#internal/testing/random.js";
import { frameOf, logOf } from "../support/plain-format.ts";
import { scratchDir } from "../support/scratch.ts";

const bytesOf = (record: RecordInput): Uint8Array =>
  typeof record === "string" ? Uint8Array.from(Buffer.from(record, "utf8")) : Uint8Array.from(record);

function openMem(): { readonly wal: Wal; readonly store: MemStore } {
  const store = new MemStore();
  return { wal: Wal.withStoreBlocking(store), store };
}

function sameBytes(actual: Uint8Array, expected: Uint8Array, about?: string): void {
  assert.equal(Buffer.compare(actual, expected), 0, about);
}

test("records stand back to back from 0, at the LSNs that append returned", () => {
  const { wal, store } = openMem();
  assert.deepEqual([wal.isEmpty, wal.end, wal.head, wal.durable], [true, 0, 0, 0]);
  const payloads = [0, 1, 7, 8, 9, 300, 0].map((n) => new Random(n).bytes(n));
  let end = 0;
  for (const payload of payloads) {
    assert.equal(wal.append(payload), end);
    end += 8 + payload.length;
    assert.equal(wal.end, end);
  }
  assert.equal(wal.isEmpty, false);
  assert.equal(wal.durable, 0, "appended is not durable");
  sameBytes(store.toBytes(), logOf(payloads));
  wal.closeBlocking();
});

test("the bytes are in the file when append returns", (t) => {
  const path = join(scratchDir(t), "log.wal");
  const wal = Wal.openBlocking(path);
  wal.append("one");
  sameBytes(readFileSync(path), frameOf(bytesOf("one")));
  wal.append(new Uint8Array(300_000).fill(5));
  assert.equal(readFileSync(path).length, 11 + 300_008);
  wal.closeBlocking();
});

test("the caller's buffer may be changed right after append", () => {
  for (const size of [5, 5_000, 300_000]) {
    const { wal, store } = openMem();
    const buffer = new Uint8Array(size).fill(1);
    wal.append(buffer);
    buffer.fill(2);
    wal.append(buffer);
    buffer.fill(3);
    wal.appendBatch([buffer, buffer]);
    buffer.fill(4);
    const written = [1, 2, 3, 3].map((value) => new Uint8Array(size).fill(value));
    sameBytes(store.toBytes(), logOf(written));
    assert.deepEqual(
      Array.from(wal, ({ data }) => data[0]),
      [1, 2, 3, 3],
    );
    wal.closeBlocking();
  }
});

test("views into larger buffers, and Buffers, are taken as the bytes that they show", () => {
  const { wal } = openMem();
  const whole = new Random(70).bytes(400_000);
  const inputs = [
    whole.subarray(3, 50),
    Buffer.from(whole.buffer, 7, 100),
    Buffer.from(whole.buffer, 9, 300_000),
    new Uint8Array(whole.buffer, 11, 0),
  ];
  for (const input of inputs) wal.append(input);
  for (const [i, record] of [...wal].entries()) sameBytes(record.data, inputs[i] ?? new Uint8Array(1));
  wal.closeBlocking();
});

const strings: Readonly<Record<string, string>> = {
  empty: "",
  ascii: "credit 100",
  nul: "a\0b",
  "multi-byte": "Grüße, 語, 🦉, \u0301",
  "lone surrogates": "a\ud83eb\udd89c",
  "byte order mark": "\ufeffmarked",
  "long ascii": "0123456789".repeat(50_000),
  "long multi-byte": "語🦉é".repeat(40_000),
  "long lone surrogates": "\ud83e".repeat(50_000),
};

for (const [name, text] of Object.entries(strings)) {
  test(`strings are taken as UTF-8: ${name}`, () => {
    const { wal } = openMem();
    wal.append("before");
    const lsn = wal.append(text);
    wal.append("after");
    sameBytes(wal.read(lsn).data, bytesOf(text));
    assert.equal(wal.read(lsn).text(), Buffer.from(text, "utf8").toString("utf8"));
    assert.deepEqual(
      Array.from(wal, (r) => r.length),
      [6, Buffer.byteLength(text), 5],
    );
    wal.closeBlocking();
  });
}

test("large records: written in place, the same bytes as copied ones", async (t) => {
  const random = new Random(71);
  const block = random.bytes(4096);
  const payloads = [262_143, 262_144, 262_145, 1_000_000, 3_000_000].map((n) => {
    const payload = new Uint8Array(n);
    for (let at = 0; at < n; at += block.length) payload.set(block.subarray(0, n - at), at);
    payload[n - 1] = n & 0xff;
    return payload;
  });
  const path = join(scratchDir(t), "log.wal");
  const wal = await Wal.open(path);
  const lsns = payloads.map((payload) => wal.append(payload));
  const batch = wal.appendBatch(payloads);
  for (const [i, lsn] of [...lsns, ...batch].entries()) {
    sameBytes(wal.read(lsn).data, payloads[i % payloads.length] ?? new Uint8Array(1), `record ${i}`);
  }
  await wal.close();
  const again = await Wal.open(path, { verify: "full" });
  assert.deepEqual([again.recovery.damage, again.recovery.records], [null, 10]);
  assert.deepEqual(
    Array.from(again, (r) => r.lsn),
    [...lsns, ...batch],
  );
  await again.close();
});

/*
 * A payload in shared memory may be changed by another thread at any moment: between its checksum
 * and its write too. It is copied first, so that what is written verifies, whatever was caught. For
 * a Buffer that copy was made with slice(), which for a Buffer, and only for it, copies nothing.
 */
for (const kind of ["Uint8Array", "Buffer"] as const) {
  test(`a large payload in shared memory that changes during the append still verifies: ${kind}`, () => {
    const store = new HandStore();
    const wal = Wal.withStoreBlocking(store);
    for (const size of [100, 262_144, 500_000]) {
      const memory = new SharedArrayBuffer(size);
      const shared = kind === "Buffer" ? Buffer.from(memory) : new Uint8Array(memory);
      // As another thread would, between the header's write and the payload's.
      store.onWrite = (nth) => void shared.fill(nth);
      wal.append(shared);
      wal.appendBatch([shared, shared]);
    }
    store.onWrite = null;
    assert.equal([...wal].length, 9);
    assert.equal(wal.read(Lsn(0)).data.buffer instanceof SharedArrayBuffer, false);
    wal.closeBlocking();
  });
}

test("a batch is one write, back to back, and returns every LSN", () => {
  const store = new HandStore();
  const wal = Wal.withStoreBlocking(store);
  wal.append("first");
  store.countFromHere();
  const records: RecordInput[] = [
    "a",
    "",
    new Uint8Array(5000).fill(7),
    "語",
    new Uint8Array(0),
    "z".repeat(70_000),
  ];
  const lsns = wal.appendBatch(records);
  assert.equal(store.writes, 1);
  let at = 13;
  for (const [i, record] of records.entries()) {
    assert.equal(lsns[i], at);
    sameBytes(wal.read(Lsn(at)).data, bytesOf(record));
    at += 8 + bytesOf(record).length;
  }
  assert.deepEqual([lsns.length, wal.end, wal.stats().appends], [records.length, at, 7]);
  wal.closeBlocking();
});

test("a batch may be any iterable, and may be empty", () => {
  const { wal } = openMem();
  assert.deepEqual(wal.appendBatch([]), []);
  assert.deepEqual([wal.end, wal.stats().appends, wal.stats().appendedBytes], [0, 0, 0]);
  assert.deepEqual(wal.appendBatch(new Set(["a", "b"])), [0, 9]);
  const made = (function* (): Generator<string> {
    yield "c";
    yield "d";
  })();
  assert.deepEqual(wal.appendBatch(made), [18, 27]);
  assert.deepEqual(
    Array.from(wal, (r) => r.text()),
    ["a", "b", "c", "d"],
  );
  wal.closeBlocking();
});

test("an iterable that appends, syncs or throws while a batch is gathered does no harm", () => {
  const { wal } = openMem();
  const busy = (function* (): Generator<string> {
    yield "batch 1";
    wal.append("in between");
    yield "batch 2";
  })();
  const [first] = wal.appendBatch(busy);
  assert.equal(first, 18, "behind what was appended meanwhile");
  const cause = new Error("the caller's own");
  const failing = (function* (): Generator<string> {
    yield "lost";
    throw cause;
  })();
  assert.throws(() => wal.appendBatch(failing), cause);
  const closing = (function* (): Generator<string> {
    yield "late";
    wal.closeBlocking();
  })();
  const end = wal.end;
  assert.throws(() => wal.appendBatch(closing), { code: "WAL_CLOSED" });
  assert.equal(wal.end, end);
});

test("appendAndSync and its blocking form return the LSN, and the record is durable then", async () => {
  const { wal } = openMem();
  assert.equal(await wal.appendAndSync("one"), 0);
  assert.equal(wal.durable, 11);
  assert.equal(wal.appendAndSyncBlocking("two"), 11);
  assert.equal(wal.durable, 22);
  await wal.close();
});

test("append, then appendBatch, then append: the shared frame buffer shows none of the others' bytes", () => {
  const { wal, store } = openMem();
  const random = new Random(72);
  const written: Uint8Array[] = [];
  for (let round = 0; round < 300; round++) {
    const records = Array.from({ length: 1 + random.next(5) }, () =>
      random.bytes(random.next(round < 290 ? 90 : 9000)),
    );
    if (records.length === 1) wal.append(records[0] ?? "");
    else wal.appendBatch(records);
    written.push(...records);
  }
  sameBytes(store.toBytes(), logOf(written));
  wal.closeBlocking();
});
