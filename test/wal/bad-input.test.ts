import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Lsn, MemStore, type RecordInput, Wal, type WalOptions, type WalStore } from "wal-db";
import { HandStore, turn } from "../support/hand-store.ts";
import { scratchDir } from "../support/scratch.ts";
import { systemError, walFault } from "../support/wal-fault.ts";

const notRecords: readonly (readonly [string, unknown])[] = [
  ["undefined", undefined],
  ["null", null],
  ["a number", 5],
  ["a bigint", 5n],
  ["a boolean", true],
  ["a symbol", Symbol("record")],
  ["a function", () => "record"],
  ["an object", {}],
  ["an object without a prototype", Object.create(null)],
  ["an object that says it is long", { length: 1e9 }],
  ["an array", [1, 2, 3]],
  ["a long array", Array.from({ length: 300_000 }, () => 1)],
  ["an ArrayBuffer", new ArrayBuffer(8)],
  ["a SharedArrayBuffer", new SharedArrayBuffer(8)],
  ["a DataView", new DataView(new ArrayBuffer(8))],
  ["a Uint16Array", new Uint16Array(8)],
  ["a large Float64Array", new Float64Array(300_000)],
  ["a String object", Object("record")],
];

for (const [name, value] of notRecords) {
  test(`${name} is no record`, async () => {
    const store = new HandStore();
    const wal = Wal.withStoreBlocking(store);
    wal.append("before");
    const record = value as RecordInput;
    const told = walFault("WAL_INVALID_ARGUMENT", {}, /A record is a Uint8Array or a string/);
    assert.throws(() => wal.append(record), told);
    assert.throws(() => wal.appendAndSyncBlocking(record), told);
    assert.throws(() => wal.appendBatch(["one", record, "two"]), told);
    await assert.rejects(wal.appendAndSync(record), told);
    assert.equal(store.writes, 1, "nothing was written");
    assert.equal(wal.append("after"), 14);
    assert.deepEqual(wal.stats().appends, 2);
    wal.closeBlocking();
  });
}

test("a batch is an iterable of records, not one record, nor anything else", () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  for (const bad of [
    "text",
    new Uint8Array(3),
    undefined,
    null,
    5,
    {},
    { length: 1 },
    { [Symbol.iterator]: 5 },
  ]) {
    const batch = bad as unknown as Iterable<RecordInput>;
    assert.throws(() => wal.appendBatch(batch), walFault("WAL_INVALID_ARGUMENT", {}, /iterable, of records/));
  }
  assert.equal(wal.end, 0);
  wal.closeBlocking();
});

test("a record above maxRecordSize is refused by every call, with what was asked and what is allowed", async () => {
  const store = new HandStore();
  const wal = Wal.withStoreBlocking(store, { maxRecordSize: 300_000 });
  wal.append(new Uint8Array(300_000));
  const { end } = wal;
  for (const record of [new Uint8Array(300_001), "x".repeat(300_001), "é".repeat(150_001)]) {
    const length = Buffer.byteLength(record);
    const told = walFault("WAL_RECORD_TOO_LARGE", { max: 300_000, length }, /larger maxRecordSize/);
    assert.throws(() => wal.append(record), told);
    assert.throws(() => wal.appendAndSyncBlocking(record), told);
    assert.throws(() => wal.appendBatch(["fits", record]), told);
    await assert.rejects(wal.appendAndSync(record), told);
  }
  assert.deepEqual([wal.end, store.writes, wal.stats().appends], [end, 2, 1]);
  assert.equal(wal.append("é".repeat(150_000)), end);
  wal.closeBlocking();
});

test("a closed log says so at every call", async () => {
  const wal = await Wal.withStore(new MemStore());
  const end = wal.append("x") + 9;
  await wal.close();
  const told = walFault("WAL_CLOSED", { path: "(memory)" }, /Open it again/);
  const calls: (() => unknown)[] = [
    () => wal.append("y"),
    () => wal.appendBatch(["y"]),
    () => wal.appendBatch([]),
    () => wal.appendAndSyncBlocking("y"),
    () => wal.syncBlocking(),
    () => wal.iter(),
    () => wal.read(Lsn(0)),
    () => [...wal],
  ];
  for (const call of calls) assert.throws(call, told, call.toString());
  await assert.rejects(wal.sync(), told);
  await assert.rejects(wal.appendAndSync("y"), told);
  assert.deepEqual(
    [wal.end, wal.durable, wal.head, wal.isEmpty],
    [end, end, 0, false],
    "it still tells where it was",
  );
  assert.equal(wal.stats().appends, 1);
});

test("paths are checked before anything is touched", async () => {
  const bad: unknown[] = [
    undefined,
    null,
    "",
    5,
    {},
    "a\0b",
    new URL("https://example.com/log.wal"),
    Buffer.from("log"),
  ];
  for (const path of bad as string[]) {
    await assert.rejects(Wal.open(path), walFault("WAL_INVALID_ARGUMENT", {}, /path|file: URL/));
    assert.throws(() => Wal.openBlocking(path), walFault("WAL_INVALID_ARGUMENT", {}, /path|file: URL/));
  }
});

const badOptions: readonly (readonly [string, unknown, RegExp])[] = [
  ["options null", null, /options are an object/],
  ["options a string", "refuse", /options are an object/],
  ["options a function", () => {}, /options are an object/],
  ...[0, -1, 0.5, Number.NaN, Infinity, 2 ** 32, "64", null, Symbol("size"), Object.create(null)].map(
    (size, i) => [`maxRecordSize ${i}`, { maxRecordSize: size }, /maxRecordSize is a whole number/] as const,
  ),
  ...["keep", "", null, true, Symbol("x"), Object.create(null)].map(
    (policy, i) => [`onDamage ${i}`, { onDamage: policy }, /onDamage is one of "quarantine"/] as const,
  ),
  ...["none", null, false, Symbol("x")].map(
    (verify, i) => [`verify ${i}`, { verify }, /verify is one of "tail", "full"/] as const,
  ),
  ["readOnly a string", { readOnly: "yes" }, /readOnly is true or false/],
  ["lock null", { lock: null }, /lock is true or false/],
  ["onProgress a number", { onProgress: 5 }, /onProgress is a function/],
  ["onProgress null", { onProgress: null }, /onProgress is a function/],
  ["signal a controller", { signal: new AbortController() }, /signal is an AbortSignal/],
  ["signal null", { signal: null }, /signal is an AbortSignal/],
];

for (const [name, value, message] of badOptions) {
  test(`options: ${name}`, async (t) => {
    const options = value as WalOptions;
    const told = walFault("WAL_INVALID_ARGUMENT", {}, message);
    const path = join(scratchDir(t), "missing", "log.wal");
    const store = new HandStore();
    await assert.rejects(Wal.open(path, options), told);
    assert.throws(() => Wal.openBlocking(path, options), told);
    await assert.rejects(Wal.withStore(store, options), told);
    assert.throws(() => Wal.withStoreBlocking(store, options), told);
    assert.equal(store.closeCalls, 0, "the store is still the caller's");
    Wal.withStoreBlocking(store).closeBlocking();
  });
}

test("options that are undefined are as if they were not given", async () => {
  const none = {
    maxRecordSize: undefined,
    onDamage: undefined,
    verify: undefined,
    lock: undefined,
    signal: undefined,
  };
  const wal = await Wal.withStore(new MemStore(), none);
  wal.append(new Uint8Array(1_000_000));
  await wal.close();
});

/* ---- stores that break the contract ---- */

const methods = [
  "writeAt",
  "readAt",
  "truncate",
  "truncateBefore",
  "flush",
  "flushBlocking",
  "close",
] as const;

test("what is no store is refused, and what it lacks is named", async () => {
  for (const bad of [undefined, null, 5, "log.wal", () => {}] as unknown as WalStore[]) {
    await assert.rejects(Wal.withStore(bad), walFault("WAL_INVALID_ARGUMENT", {}, /Not a WalStore/));
    assert.throws(() => Wal.withStoreBlocking(bad), walFault("WAL_INVALID_ARGUMENT", {}, /Not a WalStore/));
  }
  for (const method of methods) {
    const store = Object.assign(new MemStore(), { [method]: undefined });
    await assert.rejects(
      Wal.withStore(store),
      walFault("WAL_INVALID_ARGUMENT", {}, new RegExp(`${method}\\b`)),
    );
  }
});

function storeWith(changes: Partial<Record<keyof WalStore, unknown>>, image?: Uint8Array): WalStore {
  const store = new MemStore(image);
  for (const [name, value] of Object.entries(changes)) Object.defineProperty(store, name, { value });
  return store;
}

const anImage = Buffer.from("c74b674800000000".repeat(5), "hex");
const lies: readonly (readonly [string, WalStore])[] = [
  ...[Number.NaN, -1, 0.5, Infinity, undefined, "40", 2 ** 53].flatMap((value) => [
    [`length ${String(value)}`, storeWith({ length: value })] as const,
    [`head ${String(value)}`, storeWith({ head: value })] as const,
  ]),
  ["a head past its length", storeWith({ head: 100 }, anImage)],
  ...[Number.NaN, -1, 0.5, 1e9, undefined, "8", null].map(
    (value) => [`readAt answers ${String(value)}`, storeWith({ readAt: () => value }, anImage)] as const,
  ),
  ["readAt answers a promise", storeWith({ readAt: () => Promise.resolve(8) }, anImage)],
  ["readAt finds nothing, though its length is 40", storeWith({ readAt: () => 0 }, anImage)],
  ["a length beyond its bytes", storeWith({ length: 1000 }, anImage)],
];

for (const [name, store] of lies) {
  test(`a store that lies is named as such, and nothing hangs: ${name}`, async () => {
    let closes = 0;
    store.close = () => void closes++;
    const told = walFault("WAL_IO", { reason: "store-contract", path: "(memory)" }, /broke its contract/);
    await assert.rejects(Wal.withStore(store), told);
    assert.throws(() => Wal.withStoreBlocking(store), told);
    assert.equal(closes, 2, "a store that was taken over is closed");
  });
}

test("a store that begins to lie once the log is open", async () => {
  for (const value of [Number.NaN, -1, 1e9, undefined]) {
    const store = new MemStore(anImage);
    const wal = Wal.withStoreBlocking(store);
    store.readAt = () => value as number;
    const told = walFault("WAL_IO", { reason: "store-contract" }, /readAt\(0\)/);
    assert.throws(() => wal.read(Lsn(0)), told);
    assert.throws(() => [...wal], told);
    await assert.rejects(async () => {
      for await (const record of wal) assert.fail(`a record at ${record.lsn}`);
    }, told);
    wal.closeBlocking();
  }
});

test("a store whose length or head cannot be asked for", () => {
  for (const name of ["length", "head"] as const) {
    const store = new MemStore();
    Object.defineProperty(store, name, {
      get: () => {
        throw systemError("EIO");
      },
    });
    assert.throws(() => Wal.withStoreBlocking(store), walFault("WAL_IO", { errno: "EIO", path: "(memory)" }));
  }
});

test("a store that calls its own log while it writes for it is told not to, and the log is none the worse", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  const told: unknown[] = [];
  const attempt = (call: () => unknown): void => {
    try {
      call();
      told.push("allowed");
    } catch (error) {
      told.push(error);
    }
  };
  const rejected: Promise<unknown>[] = [];
  store.onWrite = () => {
    attempt(() => wal.append("from within"));
    attempt(() => wal.append(new Uint8Array(300_000)));
    attempt(() => wal.appendBatch(["from within"]));
    attempt(() => wal.appendAndSyncBlocking("from within"));
    rejected.push(wal.appendAndSync("from within").catch((error: unknown) => told.push(error)));
  };
  assert.equal(wal.append("outer"), 0);
  store.onWrite = null;
  await Promise.all(rejected);
  assert.equal(told.length, 5);
  for (const error of told) walFault("WAL_INVALID_ARGUMENT", {}, /A store only holds bytes/)(error);
  assert.equal(wal.append("next"), 13);
  assert.deepEqual(
    Array.from(wal, (r) => r.text()),
    ["outer", "next"],
  );
  await wal.close();
});

test("a sync from within a write does not call the half-written record durable", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  let durable = -1;
  store.onWrite = () => {
    wal.syncBlocking();
    durable = wal.durable;
  };
  wal.append("outer");
  store.onWrite = null;
  assert.deepEqual([durable, wal.durable, wal.end], [0, 0, 13]);
  await wal.close();
});

test("one store, one log", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  await assert.rejects(
    Wal.withStore(store),
    walFault("WAL_LOCKED", { path: "(memory)" }, /Close that one first/),
  );
  assert.throws(() => Wal.withStoreBlocking(store), walFault("WAL_LOCKED"));
  assert.equal(store.closeCalls, 0, "and the first log's store is not closed under it");
  wal.append("still works");
  await wal.close();
});

test("a log cannot grow past the last offset that is a safe integer", async () => {
  const last = Number.MAX_SAFE_INTEGER;
  const store = storeWith({ head: last - 20, length: last - 20 });
  const wal = Wal.withStoreBlocking(store);
  assert.throws(() => wal.append(new Uint8Array(13)), walFault("WAL_UNSUPPORTED", {}, /beyond/));
  assert.equal(wal.end, last - 20);
  await turn();
  wal.closeBlocking();
});

test("Lsn is a non-negative safe integer", () => {
  assert.equal(Lsn(0), 0);
  assert.equal(Lsn(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
  for (const bad of [-1, 0.5, Number.NaN, Infinity, 2 ** 53, "0", null, undefined, 5n]) {
    assert.throws(() => Lsn(bad as number), RangeError);
  }
});
