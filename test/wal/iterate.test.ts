import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type IterOptions, Lsn, MemStore, Wal, WalError, WalRecord } from "wal-db";
import { HandStore } from "../support/hand-store.ts";
import { Random } from "#internal/testing/random.js";
import { logOf } from "../support/plain-format.ts";
import { scratchDir } from "../support/scratch.ts";
import { systemError, walFault } from "../support/wal-fault.ts";

const five = ["a", "bb", "ccc", "", "eeeee"];
/** Where they begin: 0, 9, 19, 30, 38; the end is 51. */
const starts = [0, 9, 19, 30, 38];
const end = 51;

function logOfFive(store: HandStore = new HandStore()): { readonly wal: Wal; readonly store: HandStore } {
  const wal = Wal.withStoreBlocking(store);
  wal.appendBatch(five);
  return { wal, store };
}

const texts = (records: Iterable<WalRecord>): string[] => Array.from(records, (r) => r.text());

async function textsAhead(records: AsyncIterable<WalRecord>): Promise<string[]> {
  const read: string[] = [];
  for await (const record of records) read.push(record.text());
  return read;
}

test("a record tells where it is, how long, what comes next, and what it holds", () => {
  const { wal } = logOfFive();
  const record = wal.read(Lsn(19));
  assert.ok(record instanceof WalRecord);
  assert.deepEqual([record.lsn, record.length, record.next, record.text()], [19, 3, 30, "ccc"]);
  assert.deepEqual(record.data, Uint8Array.from(Buffer.from("ccc")));
  assert.equal(record.data, record.data);
  wal.closeBlocking();
});

test("for, for await, iter() and the iterator by hand say the same", async () => {
  const { wal } = logOfFive();
  assert.deepEqual(texts(wal), five);
  assert.deepEqual(texts(wal.iter()), five);
  assert.deepEqual(await textsAhead(wal), five);
  assert.deepEqual(await textsAhead(wal.iter()), five);
  const byHand = wal.iter();
  for (const text of five) assert.equal(byHand.next().value?.text(), text);
  for (let i = 0; i < 3; i++) assert.deepEqual(byHand.next(), { done: true, value: undefined });
  await wal.close();
});

test("an empty log has no records", async () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  assert.deepEqual([texts(wal), await textsAhead(wal), texts(wal.iter({ from: Lsn(0) }))], [[], [], []]);
  await wal.close();
});

test("from and to: every pair of boundaries", async () => {
  const { wal } = logOfFive();
  const bounds = [...starts, end];
  for (const [i, from] of bounds.entries()) {
    assert.deepEqual(texts(wal.iter({ from: Lsn(from) })), five.slice(i));
    for (const [j, to] of bounds.entries()) {
      const range = { from: Lsn(from), to: Lsn(to) };
      const expected = five.slice(i, Math.max(i, j));
      assert.deepEqual(texts(wal.iter(range)), expected, `${from} to ${to}`);
      assert.deepEqual(await textsAhead(wal.iter(range)), expected, `${from} to ${to}, ahead`);
    }
  }
  await wal.close();
});

test("to need not be a boundary: records that begin below it count, and past the end is the end", () => {
  const { wal } = logOfFive();
  assert.deepEqual(texts(wal.iter({ to: Lsn(10) })), ["a", "bb"]);
  assert.deepEqual(texts(wal.iter({ to: Lsn(1) })), ["a"]);
  assert.deepEqual(texts(wal.iter({ to: Lsn(0) })), []);
  assert.deepEqual(texts(wal.iter({ to: Lsn(1_000_000) })), five);
  wal.closeBlocking();
});

test("from must be a record or the end: within a record is WAL_CORRUPT, past the end a wrong argument", async () => {
  const { wal } = logOfFive();
  const walk = wal.iter({ from: Lsn(20) });
  assert.throws(
    () => walk.next(),
    walFault("WAL_CORRUPT", { offset: Lsn(20), path: "(memory)" }, /onDamage/),
  );
  assert.deepEqual(walk.next(), { done: true, value: undefined }, "and that ends it");
  await assert.rejects(textsAhead(wal.iter({ from: Lsn(20) })), walFault("WAL_CORRUPT", { offset: Lsn(20) }));
  assert.throws(
    () => wal.iter({ from: Lsn(end + 1) }),
    walFault("WAL_INVALID_ARGUMENT", { offset: Lsn(end + 1) }),
  );
  await wal.close();
});

test("bounds, callback and read are held against their kinds", () => {
  const { wal } = logOfFive();
  const iter = (range: unknown): unknown => wal.iter(range as IterOptions);
  for (const bad of ["0", -1, 0.5, Number.NaN, Infinity, null, {}, 2 ** 53, 9n, Symbol("lsn")]) {
    assert.throws(() => iter({ from: bad }), walFault("WAL_INVALID_ARGUMENT", {}, /from is an LSN/));
    assert.throws(() => iter({ to: bad }), walFault("WAL_INVALID_ARGUMENT", {}, /to is an LSN/));
    assert.throws(() => wal.read(bad as Lsn), walFault("WAL_INVALID_ARGUMENT", {}, /lsn is an LSN/));
  }
  assert.throws(() => wal.read(undefined as unknown as Lsn), walFault("WAL_INVALID_ARGUMENT"));
  assert.throws(() => wal.read(Object.create(null) as Lsn), walFault("WAL_INVALID_ARGUMENT"));
  for (const bad of [null, 5, "all"]) assert.throws(() => iter(bad), walFault("WAL_INVALID_ARGUMENT"));
  assert.throws(() => iter({ onDamage: true }), walFault("WAL_INVALID_ARGUMENT", {}, /onDamage of iter/));
  wal.closeBlocking();
});

test("the bounds are taken when the iterator is made: what is appended later is not in it", async () => {
  const { wal } = logOfFive();
  const walk = wal.iter();
  const ahead = wal.iter()[Symbol.asyncIterator]();
  wal.append("later");
  assert.deepEqual(texts(walk), five);
  const read: string[] = [];
  for (let step = await ahead.next(); step.done !== true; step = await ahead.next())
    read.push(step.value.text());
  assert.deepEqual(read, five);
  const endless: string[] = [];
  for (const record of wal) {
    endless.push(record.text());
    wal.append("while reading");
  }
  assert.equal(endless.length, 6, "appending while iterating does not make it endless");
  await wal.close();
});

test("an iteration that is left early can be left, and gone on with from where it stood", async () => {
  const { wal } = logOfFive();
  const walk = wal.iter();
  for (const record of walk) {
    assert.equal(record.text(), "a");
    break;
  }
  assert.deepEqual(walk.next(), { done: true, value: undefined }, "a for that is left closes it");
  const second = wal.iter();
  second.next();
  assert.deepEqual(await textsAhead(second), five.slice(1));
  for await (const record of wal) {
    assert.equal(record.text(), "a");
    break;
  }
  await wal.close();
});

test("earlier records' data stays valid while iterating on, and is nobody else's to change", async (t) => {
  const random = new Random(80);
  const payloads = Array.from({ length: 400 }, () => random.bytes(random.next(3000)));
  const wal = await Wal.open(join(scratchDir(t), "log.wal"));
  wal.appendBatch(payloads);
  const kept = [...wal].map((record) => record.data);
  const keptAhead: Uint8Array[] = [];
  for await (const record of wal) keptAhead.push(record.data);
  wal.appendBatch(payloads);
  assert.equal([...wal].length, 800);
  for (const [i, payload] of payloads.entries()) {
    assert.equal(Buffer.compare(kept[i] ?? new Uint8Array(1), payload), 0, `record ${i}`);
    assert.equal(Buffer.compare(keptAhead[i] ?? new Uint8Array(1), payload), 0, `record ${i}, ahead`);
  }
  await wal.close();
  assert.equal(
    Buffer.compare(kept[0] ?? new Uint8Array(1), payloads[0] ?? new Uint8Array(1)),
    0,
    "and after close",
  );
});

test("changing the data of a record that was read changes nothing in the log", () => {
  const { wal } = logOfFive();
  for (const record of wal) record.data.fill(0);
  wal.read(Lsn(38)).data.fill(0);
  assert.deepEqual(texts(wal), five);
  wal.closeBlocking();
});

test("records across every chunk boundary, larger than a chunk too", () => {
  const sizes = [8000, 184, 0, 8192, 16_000, 70_000, 262_136, 262_144, 1, 600_000, 0, 12];
  const payloads = sizes.map((n, i) => new Uint8Array(n).fill(i + 1));
  const wal = Wal.withStoreBlocking(new MemStore(logOf(payloads)));
  assert.equal(wal.recovery.records, sizes.length);
  assert.deepEqual(
    Array.from(wal, (r) => [r.length, r.data.every((b) => b === r.data[0])]),
    sizes.map((n) => [n, true]),
  );
  wal.closeBlocking();
});

test("read: at the end, past it, within a record, and on bytes that have changed", () => {
  const { wal, store } = logOfFive();
  assert.equal(wal.read(Lsn(0)).text(), "a");
  const cases: readonly (readonly [number, string])[] = [
    [end, "end"],
    [end + 100, "end"],
    [46, "torn-header"],
  ];
  for (const [lsn, reason] of cases) {
    assert.throws(
      () => wal.read(Lsn(lsn)),
      walFault("WAL_CORRUPT", { offset: Lsn(lsn), reason }, /at \d+ in/),
    );
  }
  store.leave(27, Uint8Array.of(0));
  assert.throws(
    () => wal.read(Lsn(19)),
    walFault("WAL_CORRUPT", { offset: Lsn(19), reason: "checksum-mismatch" }),
  );
  wal.closeBlocking();
});

test("damage met while iterating ends it; with onDamage it is told, and reading goes on past it", async () => {
  const { wal, store } = logOfFive();
  store.leave(17, Uint8Array.of(0xff));
  for (const ahead of [false, true]) {
    const seen: string[] = [];
    const walk = wal.iter();
    const failing = ahead
      ? (async (): Promise<void> => {
          for await (const record of walk) seen.push(record.text());
        })()
      : (async (): Promise<void> => {
          for (const record of walk) seen.push(record.text());
        })();
    await assert.rejects(failing, walFault("WAL_CORRUPT", { offset: Lsn(9), reason: "checksum-mismatch" }));
    assert.deepEqual(seen, ["a"]);

    const damages: WalError[] = [];
    const tolerant = wal.iter({ onDamage: (damage) => damages.push(damage) });
    assert.deepEqual(ahead ? await textsAhead(tolerant) : texts(tolerant), ["a", "ccc", "", "eeeee"]);
    assert.deepEqual(
      damages.map((d) => [d.code, d.offset, d.reason, d.length]),
      [["WAL_CORRUPT", 9, "checksum-mismatch", 10]],
    );
  }
  await wal.close();
});

/** Makes the 3 of `ccc` an 11, which leads past the empty record behind it to `eeeee`. */
const lengthBitThatSkips = 23 * 8 + 3;

test("every single flipped bit, met while iterating with onDamage: the records around it are there", () => {
  const { wal, store } = logOfFive();
  const image = store.toBytes();
  for (let bit = 0; bit < end * 8; bit++) {
    const at = bit >> 3;
    const original = image.subarray(at, at + 1);
    store.leave(at, Uint8Array.of((original[0] ?? 0) ^ (1 << (bit & 7))));
    const hit = starts.findLastIndex((start) => start <= at);
    const damages: (readonly [number | undefined, number | undefined])[] = [];
    const read = texts(wal.iter({ onDamage: (d) => damages.push([d.offset, d.length]) }));
    // A flipped length may name a later record's beginning: reading goes on there (record/search.ts).
    const skipped = bit === lengthBitThatSkips ? 2 : 1;
    assert.deepEqual(read, five.toSpliced(hit, skipped), `bit ${bit}`);
    const next = starts[hit + skipped] ?? end;
    assert.deepEqual(damages, [[starts[hit], next - (starts[hit] ?? 0)]], `bit ${bit}`);
    store.leave(at, original);
  }
  wal.closeBlocking();
});

test("bytes that went missing under an open log are damage, not an end", async () => {
  const { wal, store } = logOfFive();
  store.truncate(40);
  assert.throws(() => texts(wal), walFault("WAL_CORRUPT", { offset: Lsn(38), reason: "torn-payload" }));
  /*
   * Where the bytes ended at a record's boundary, an iteration without onDamage once just ended:
   * the damage was told to nobody.
   */
  store.truncate(30);
  assert.throws(() => texts(wal), walFault("WAL_CORRUPT", { offset: Lsn(30), reason: "torn-payload" }));
  await assert.rejects(textsAhead(wal), walFault("WAL_CORRUPT", { offset: Lsn(30) }));
  const damages: WalError[] = [];
  assert.deepEqual(texts(wal.iter({ onDamage: (d) => damages.push(d) })), ["a", "bb", "ccc"]);
  assert.deepEqual(
    damages.map((d) => [d.offset, d.length]),
    [[30, 21]],
  );
  wal.closeBlocking();
});

test("what onDamage throws is thrown, and ends the iteration", () => {
  const { wal, store } = logOfFive();
  store.leave(8, Uint8Array.of(0));
  const cause = new Error("the caller's own");
  const walk = wal.iter({
    onDamage: () => {
      throw cause;
    },
  });
  assert.throws(() => walk.next(), cause);
  assert.equal(walk.next().done, true);
  wal.closeBlocking();
});

test("a store that cannot be read is WAL_IO, not damage", async () => {
  const { wal, store } = logOfFive();
  store.readAt = () => {
    throw systemError("EIO");
  };
  const told = walFault("WAL_IO", { errno: "EIO", path: "(memory)", offset: Lsn(0) });
  assert.throws(() => wal.read(Lsn(0)), told);
  const walk = wal.iter({ onDamage: () => assert.fail("not damage") });
  assert.throws(() => walk.next(), told);
  assert.equal(walk.next().done, true);
  await assert.rejects(textsAhead(wal), told);
  await wal.close();
});

test("an iteration that is under way when the log closes is told so", async () => {
  const { wal } = logOfFive();
  const walk = wal.iter();
  walk.next();
  const ahead = wal.iter()[Symbol.asyncIterator]();
  await ahead.next();
  await wal.close();
  assert.throws(() => walk.next(), walFault("WAL_CLOSED"));
  await assert.rejects(ahead.next(), walFault("WAL_CLOSED"));
  assert.throws(() => wal.iter(), walFault("WAL_CLOSED"));
  assert.throws(() => wal.read(Lsn(0)), walFault("WAL_CLOSED"));
});
