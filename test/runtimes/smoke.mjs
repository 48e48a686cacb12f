/**
 * The main job on one runtime, with nothing but the package and node:fs, node:assert: what
 * runtimes.mjs runs on each. Usage: RUNTIME smoke.mjs DIR
 */
import assert from "node:assert/strict";
import { appendFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { MappedStore } from "wal-db/mapped";
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

assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
assert.throws(() => Lsn(-1), RangeError);
await single();
await segmented();
await stores();
await mapped();
await endedWhileMapped();
await threads(dir);
await endAlive(() => console.log("smoke: all holds"));
