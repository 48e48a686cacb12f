/**
 * The main job on one runtime, with nothing but the package and node:fs, node:assert: what
 * runtimes.mjs runs on each. Usage: RUNTIME smoke.mjs DIR
 */
import assert from "node:assert/strict";
import { appendFileSync, readdirSync } from "node:fs";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { batch, compressed, encrypted, json, validated } from "wal-db/codecs";
import { MappedStore } from "wal-db/mapped";
import * as pack from "wal-db/pack-io";
import { convert, crc32c, FileStore, Lsn, MemStore, SegmentedStore, Wal, WalError } from "wal-db";
import { endAlive, threads } from "./threads.mjs";

const dir = process.argv[2];
const texts = Array.from({ length: 1000 }, (_, number) => `record ${number} ${"x".repeat(number % 300)}`);

async function holds(wal, expected) {
  assert.deepEqual(
    Array.from(wal, (record) => record.text()),
    expected,
  );
  const ahead = [];
  for await (const record of wal) ahead.push(record.text());
  assert.deepEqual(ahead, expected);
}

async function rejects(code, call) {
  await assert.rejects(
    async () => call(),
    (error) => error instanceof WalError && error.code === code,
  );
}

async function single() {
  const path = join(dir, "single.wal");
  const wal = await Wal.open(path);
  const lsns = await Promise.all(texts.slice(0, 500).map((text) => wal.appendAndSync(text)));
  assert.ok(wal.stats().flushes <= 4, "a burst shares its flushes");
  wal.appendBatch(texts.slice(500, 900));
  for (const text of texts.slice(900)) wal.append(new TextEncoder().encode(text));
  wal.appendAndSyncBlocking("the last");
  assert.equal(wal.durable, wal.end);
  assert.equal(wal.read(lsns[7]).text(), texts[7]);
  await holds(wal, [...texts, "the last"]);
  await rejects("WAL_LOCKED", () => Wal.open(path));
  const view = await Wal.open(path, { readOnly: true });
  await holds(view, [...texts, "the last"]);
  await view.close();
  await wal.close();
  await rejects("WAL_CLOSED", () => wal.append("late"));

  appendFileSync(path, new Uint8Array([1, 2, 3, 4, 5]));
  const again = Wal.openBlocking(path);
  assert.equal(again.recovery.damage?.kind, "torn");
  await again.truncateAfter(lsns[99]);
  await holds(again, texts.slice(0, 100));
  again.closeBlocking();

  appendFileSync(path, "garbage that is longer than a header of a record");
  const third = await Wal.open(path);
  assert.equal(readdirSync(dir).filter((name) => name.includes("quarantine")).length, 1);
  await third.close();
}

async function segmented() {
  const path = join(dir, "segments");
  const archived = [];
  const options = { segmentSize: 1000, archive: (segment) => void archived.push(segment.checksum) };
  const wal = await Wal.openSegmented(path, options);
  const lsns = wal.appendBatch(texts);
  await wal.sync();
  await rejects("WAL_LOCKED", () => Wal.openSegmented(path, { segmentSize: 1000 }));
  assert.equal(await wal.truncateBefore(lsns[500]), lsns[500]);
  await wal.retain({ maxBytes: 50_000 });
  assert.ok(wal.end - wal.head <= 50_000);
  const kept = Array.from(wal, (record) => record.text());
  assert.deepEqual(kept, texts.slice(-kept.length));
  await wal.close();
  assert.ok(archived.length > 0);
  await convert(path, join(dir, "converted"), { segmentSize: 4096 });
  const converted = await Wal.withStore(SegmentedStore.open(join(dir, "converted"), 4096));
  await holds(converted, kept);
  await converted.close();
}

async function stores() {
  const store = new MemStore();
  const wal = await Wal.withStore(store);
  wal.append("in memory");
  await wal.close();
  const again = Wal.withStoreBlocking(new MemStore(store.toBytes()));
  await holds(again, ["in memory"]);
  const file = await Wal.withStore(FileStore.open(join(dir, "store.wal")));
  await file.appendAndSync("in a file");
  await file[Symbol.asyncDispose]();
}

/** Segments in memory maps: the first written by this store, the second prepared ahead, read by the other. */
async function mapped() {
  const path = join(dir, "mapped");
  const wal = await Wal.withStore(MappedStore.open(path, 200_000));
  wal.appendBatch(texts);
  for (const text of texts) wal.append(text);
  await wal.sync();
  await rejects("WAL_LOCKED", () => Wal.withStore(MappedStore.open(path, 200_000)));
  await holds(wal, [...texts, ...texts]);
  await wal.truncateAfter(wal.appendAndSyncBlocking("cut here"));
  await wal.close();
  const again = await Wal.openSegmented(path, { segmentSize: 200_000 });
  assert.equal(again.recovery.damage, null);
  await holds(again, [...texts, ...texts, "cut here"]);
  await again.close();
}

/**
 * Threads that are terminated while native calls of theirs are out. On Bun the answer came to a thread that was
 * gone, and ended the process with SIGSEGV.
 */
async function endedWhileMapped() {
  for (let n = 0; n < 12; n++) {
    const worker = new Worker(new URL("./mapped-writer.mjs", import.meta.url), {
      workerData: join(dir, `ended-${n}`),
    });
    await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    await new Promise((resolve) => setTimeout(resolve, n));
    await worker.terminate();
  }
}

/** Typed records, and the codecs that lean on the runtime: zlib, crypto, text. */
async function typed() {
  const key = new Uint8Array(32).fill(7);
  const value = { text: "é€🦀".repeat(100), list: [1, 2, null] };
  const codec = encrypted(compressed(batch(json())), [key]);
  const wal = await Wal.open(join(dir, "typed.wal"));
  const events = wal.typed(codec);
  const lsn = await events.appendAndSync([value, value]);
  events.appendBatch([[], [value]]);
  for (const algorithm of ["deflate", "brotli"])
    wal.appendTyped([value], encrypted(compressed(batch(json()), { algorithm }), key));
  assert.deepEqual(
    Array.from(events, (record) => record.value.length),
    [2, 0, 1, 1, 1],
  );
  const ahead = [];
  for await (const record of events) ahead.push(record.value.length);
  assert.deepEqual(ahead, [2, 0, 1, 1, 1]);
  assert.deepEqual(wal.read(lsn).decode(codec), [value, value]);
  const fits = {
    "~standard": {
      version: 1,
      vendor: "x",
      validate: (value) => (value === 1 ? { value } : { issues: [{ message: "no" }] }),
    },
  };
  await rejects("WAL_ENCODING", () => wal.appendTyped(2, validated(fits, json())));
  await rejects("WAL_ENCODING", () => wal.read(lsn).decode(encrypted(json(), new Uint8Array(32))));
  await rejects("WAL_ENCODING", () => wal.appendTyped(1n, json()));
  await rejects("WAL_ENCODING", () => wal.appendTyped(1, { encode: async () => key, decode: () => 1 }));
  const forged = wal.read(lsn).data.slice();
  forged[40] ^= 1;
  await rejects("WAL_ENCODING", () => codec.decode(forged));
  const small = compressed(json(), { maxInflatedSize: 1000 });
  const bomb = compressed(json()).encode("x".repeat(1e6));
  await rejects("WAL_ENCODING", () => small.decode(bomb));
  await rejects("WAL_ENCODING", () => small.decode(bomb.subarray(0, 20)));
  await rejects("WAL_ENCODING", () => small.decode(new Uint8Array([1, 255, 255])));
  console.log(`smoke: compressed writes algorithm ${bomb[0]}`);
  await wal.close();
}

function refused(kind, call) {
  assert.throws(call, (error) => error instanceof pack.PackIoError && error.kind === kind);
}

/** Codecs: what differs among engines is text, what becomes of a NaN, and how deep the stack is. */
function packed() {
  const { bytes, enumeration, f32, f32Bits, f64, f64Bits, i128, lazy, map, option, set, string } = pack;
  const { since, struct, tuple, u32, u64, unit, vec, versioned } = pack;
  const event = enumeration({ Quit: unit, Say: struct({ text: string, at: u64 }) });
  const all = versioned(2, {
    id: u32,
    text: vec(string),
    big: tuple(i128, u64, f64, f32),
    seen: map(string, set(u32)),
    last: option(event),
    raw: since(2, bytes, new Uint8Array([1])),
  });
  const value = {
    id: 0xffff_ffff,
    text: ["", "é€🦀\ufeff", "a".repeat(100), "é".repeat(1000)],
    big: [-(2n ** 127n), 2n ** 64n - 1n, -0, 1.5],
    seen: new Map([
      ["b", new Set([3, 1])],
      ["a", new Set()],
    ]),
    last: { tag: "Say", value: { text: "hi", at: 7n } },
    raw: new Uint8Array(100).fill(9),
  };
  const encoded = all.encode(value);
  const back = all.decode(encoded);
  assert.deepEqual([...back.seen.keys()], ["a", "b"]);
  assert.deepEqual({ ...back, seen: null }, { ...value, seen: null });
  assert.deepEqual(all.encode(back), encoded);
  assert.equal(all.encodeInto(value, new Uint8Array(encoded.length)), encoded.length);

  refused("InvalidUtf8", () => string.encode("\ud800"));
  refused("InvalidUtf8", () => string.encode("\ud800".repeat(100)));
  refused("InvalidUtf8", () => string.decode(new Uint8Array([2, 0xc3, 0x28])));
  refused("InvalidLength", () => vec(unit).decode(new Uint8Array([0xff, 0xff, 0xff, 0xff, 3])));
  const chain = struct({ next: option(lazy(() => chain)) });
  refused("InvalidLength", () => chain.decode(new Uint8Array(300).fill(1)));
  refused("InvalidLength", () => pack.decode(chain, new Uint8Array(1e6).fill(1), { maxDepth: 1e6 }));

  const nan = new Uint8Array([1, 0, 0, 0, 0, 0, 0xf0, 0x7f]);
  assert.deepEqual(f64Bits.encode(f64Bits.decode(nan)), nan);
  const small = new Uint8Array([1, 0, 0x80, 0x7f]);
  assert.deepEqual(f32Bits.encode(f32Bits.decode(small)), small);
  const canonical = new Uint8Array([0, 0, 0, 0, 0, 0, 0xf8, 0x7f]);
  assert.deepEqual(f64.encode(NaN), canonical);
  assert.deepEqual(f64.encode(f64.decode(nan)), "Bun" in globalThis ? canonical : nan);
  assert.deepEqual(
    f32.encode(f32.decode(small)),
    "Bun" in globalThis ? new Uint8Array([0, 0, 0xc0, 0x7f]) : small,
  );
}

packed();
/** What the log tells on its channels, to somebody who listens, and who uses the log from within. */
async function channels() {
  const names = ["open", "recovery", "append", "flush", "segment", "truncate", "damage", "poison"];
  const heard = [];
  const listeners = names.map((name) => [`wal-db:${name}`, (message) => void heard.push([name, message])]);
  for (const [name, listener] of listeners) subscribe(name, listener);
  const wal = await Wal.openSegmented(join(dir, "told"), { segmentSize: 1000 });
  const told = (wanted) => heard.filter(([name]) => name === wanted).map(([, message]) => message);
  assert.deepEqual([told("open").length, told("recovery").length], [1, 1]);
  const within = () => void (wal.end < 2000 && wal.appendAndSyncBlocking("x".repeat(500)));
  subscribe("wal-db:flush", within);
  const lsns = await Promise.all([1, 2, 3].map((n) => wal.appendAndSync(String(n))));
  await wal.sync();
  unsubscribe("wal-db:flush", within);
  await wal.truncateAfter(lsns[2]);
  assert.equal(told("flush")[0].groupSize, 3);
  assert.equal(
    told("append").reduce((sum, { records }) => sum + records, 0),
    wal.stats().appends,
  );
  assert.ok(told("segment").length > 0 && told("truncate").length === 1);
  assert.ok(told("flush").every(({ path, thread }) => path === join(dir, "told") && thread === 0));
  const { flushLatency, groupSize } = wal.stats();
  assert.ok(flushLatency.p50 > 0 && groupSize.max === 3);
  await wal.close();
  for (const [name, listener] of listeners) unsubscribe(name, listener);
  const before = heard.length;
  const again = await Wal.openSegmented(join(dir, "told"), { segmentSize: 1000 });
  await again.close();
  assert.equal(heard.length, before);
}

assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
assert.throws(() => Lsn(-1), RangeError);
await single();
await segmented();
await stores();
await mapped();
await endedWhileMapped();
await typed();
await channels();
await threads(dir);
await endAlive(() => console.log("smoke: all holds"));
