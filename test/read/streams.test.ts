/** A log as the beginning and as the end of a stream, of Node and of the web. */
import assert from "node:assert/strict";
import { Readable, Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ReadableStream, TransformStream } from "node:stream/web";
import { test } from "node:test";
import { MemStore, type RecordInput, Wal, type WalRecord } from "wal-db";
import { appendAllAheadBytesMax } from "#internal/limits.js";
import { HandStore, stateOf, turn } from "../support/hand-store.js";
import { systemError, walFault } from "../support/wal-fault.js";

async function logOf(...texts: string[]): Promise<Wal> {
  const wal = await Wal.withStore(new MemStore());
  wal.appendBatch(texts);
  return wal;
}

function textsOf(wal: Wal): string[] {
  return Array.from(wal, (record) => record.text());
}

function collector(into: string[]): Writable {
  return new Writable({
    objectMode: true,
    write(record: WalRecord, _encoding, done) {
      into.push(record.text());
      setImmediate(done);
    },
  });
}

test("Readable.from(wal.iter()) through a pipeline", async () => {
  const wal = await logOf("one", "two", "three");
  const texts: string[] = [];
  await pipeline(Readable.from(wal.iter()), collector(texts));
  await pipeline(wal, collector(texts));
  assert.deepEqual(texts, ["one", "two", "three", "one", "two", "three"]);
  await wal.close();
});

test("Readable.from(wal.follow()) ends when the log is closed, and ends the follower when it is destroyed", async () => {
  const wal = await logOf("one");
  const texts: string[] = [];
  const piped = pipeline(Readable.from(wal.follow()), collector(texts));
  await turn();
  wal.append("two");
  await turn();
  await wal.close();
  await piped;
  assert.deepEqual(texts, ["one", "two"]);

  const other = await logOf();
  const follower = other.follow();
  const readable = Readable.from(follower);
  readable.resume();
  await turn();
  readable.destroy();
  assert.equal((await follower.next()).done, true);
  await other.close();
});

test("an abort of the signal ends a pipeline from a log", async () => {
  const wal = await logOf("one");
  const controller = new AbortController();
  const texts: string[] = [];
  const { signal } = controller;
  const piped = pipeline(Readable.from(wal.follow({ signal })), collector(texts), { signal });
  await turn();
  controller.abort();
  await assert.rejects(piped, { name: "AbortError" });
  await wal.close();
});

test("ReadableStream.from(wal.follow()), and its cancel", async () => {
  const wal = await logOf("one", "two");
  const follower = wal.follow();
  const upper = new TransformStream<WalRecord, string>({
    transform: (record, controller) => controller.enqueue(record.text().toUpperCase()),
  });
  const reader = ReadableStream.from(follower).pipeThrough(upper).getReader();
  assert.equal((await reader.read()).value, "ONE");
  assert.equal((await reader.read()).value, "TWO");
  const waiting = reader.read();
  assert.equal(await stateOf(waiting), "pending");
  wal.append("three");
  assert.equal((await waiting).value, "THREE");
  await reader.cancel();
  assert.equal((await follower.next()).done, true);
  await wal.close();
});

test("a consumer that takes none makes the log read none", async () => {
  const wal = await Wal.withStore(new MemStore());
  for (let i = 0; i < 1000; i++) wal.append(`${i}`);
  let asked = 0;
  const follower = wal.follow();
  const next = follower.next.bind(follower);
  follower.next = () => {
    asked++;
    return next();
  };
  const readable = Readable.from(follower, { highWaterMark: 4 });
  readable.once("readable", () => {});
  for (let i = 0; i < 50; i++) await turn();
  assert.ok(asked > 0 && asked <= 6, `${asked} records were asked for`);
  readable.destroy();
  await wal.close();
});

/* ---- into a log ---- */

test("appendAll: from arrays, generators, streams; all durable when it resolves", async () => {
  const wal = await Wal.withStore(new MemStore());
  assert.equal(await wal.appendAll(["one", new Uint8Array([0x32])]), 2);
  assert.equal(wal.durable, wal.end);
  assert.equal(await wal.appendAll([]), 0);
  const split = new Transform({
    readableObjectMode: true,
    transform(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trimEnd().split("\n")) this.push(line);
      done();
    },
  });
  await pipeline(Readable.from([Buffer.from("3\n4\n")]), split, (lines: AsyncIterable<string>) =>
    wal.appendAll(lines),
  );
  assert.equal(await wal.appendAll(ReadableStream.from(["5", "6"])), 2);
  assert.deepEqual(textsOf(wal), ["one", "2", "3", "4", "5", "6"]);
  assert.equal(wal.durable, wal.end);
  await wal.close();
});

test("appendAll takes no more while too much waits for a flush, and flushes while it takes", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  store.byHand = true;
  const record = new Uint8Array(appendAllAheadBytesMax / 4);
  let taken = 0;
  async function* source(): AsyncGenerator<RecordInput, void, undefined> {
    while (taken < 20) {
      taken++;
      yield record;
      await turn();
    }
  }
  const all = wal.appendAll(source());
  for (let i = 0; i < 60; i++) await turn();
  assert.equal(taken, 4);
  assert.equal(await stateOf(all), "pending");
  // The flush that began with the first record speaks for that one alone.
  assert.equal(store.flights.length, 1);
  assert.equal(store.flight(0).covers, record.length + 8);
  store.flight(0).land();
  for (let i = 0; i < 60; i++) await turn();
  assert.ok(taken > 4 && taken < 20, `${taken} were taken`);
  for (let flight = 1; (await stateOf(all)) === "pending"; flight++) {
    store.flight(flight).land();
    for (let i = 0; i < 30; i++) await turn();
  }
  assert.equal(await all, 20);
  assert.equal(wal.durable, wal.end);
  store.byHand = false;
  await wal.close();
});

test("a slow source: each record is durable without waiting for the next", async () => {
  const wal = await Wal.withStore(new MemStore());
  let give: ((record: string | null) => void) | undefined;
  async function* source(): AsyncGenerator<string, void, undefined> {
    for (;;) {
      const record = await new Promise<string | null>((resolve) => {
        give = resolve;
      });
      if (record === null) return;
      yield record;
    }
  }
  const all = wal.appendAll(source());
  for (const record of ["one", "two"]) {
    await turn();
    give?.(record);
    await turn();
    assert.equal(wal.durable, wal.end);
    assert.ok(wal.end > 0);
  }
  await turn();
  give?.(null);
  assert.equal(await all, 2);
  await wal.close();
});

async function* broken(): AsyncGenerator<string, void, undefined> {
  yield "two";
  throw new Error("the source broke");
}

test("what goes wrong on either side ends both", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store, { maxRecordSize: 8 });
  let ended = 0;
  function* source(...records: string[]): Generator<string, void, undefined> {
    try {
      yield* records;
    } finally {
      ended++;
    }
  }
  await assert.rejects(
    wal.appendAll(source("one", "far too long", "three")),
    walFault("WAL_RECORD_TOO_LARGE"),
  );
  assert.equal(ended, 1);
  assert.deepEqual(textsOf(wal), ["one"]);

  await assert.rejects(wal.appendAll(broken()), /the source broke/);
  assert.deepEqual(textsOf(wal), ["one", "two"]);

  store.byHand = true;
  const lost = wal.appendAll(source("three"));
  const lostFault = assert.rejects(lost, walFault("WAL_POISONED"));
  await turn();
  store.flights.at(-1)?.fail(systemError("EIO"));
  await lostFault;
  assert.equal(ended, 2);
  await assert.rejects(wal.appendAll(["four"]), walFault("WAL_POISONED"));
  await wal.close();
  await assert.rejects(wal.appendAll(["four"]), walFault("WAL_CLOSED"));
});

test("what is no source of records is refused", async () => {
  const wal = await Wal.withStore(new MemStore());
  for (const bad of ["a string", new Uint8Array(3), 7, null, undefined, {}]) {
    await assert.rejects(wal.appendAll(bad as never), walFault("WAL_INVALID_ARGUMENT"));
  }
  assert.equal(wal.isEmpty, true);
  await wal.close();
});
