import assert from "node:assert/strict";
import { test } from "node:test";
import { type Lsn, MemStore, Wal, WalError } from "wal-db";
import { stageBytesMax, stagedRecordBytesMax } from "#internal/limits.js";

/** A store that counts its writes and its flushes, and has so much room. */
class CountingStore extends MemStore {
  writes: number[] = [];
  flushes = 0;
  room: number = Number.POSITIVE_INFINITY;
  failFlush = false;

  override writeAt(offset: number, bytes: Uint8Array): void {
    if (offset + bytes.length > this.room) throw Object.assign(new Error("no room"), { code: "ENOSPC" });
    this.writes.push(bytes.length);
    super.writeAt(offset, bytes);
  }

  override flush(): Promise<void> {
    this.flushes++;
    return this.failFlush ? Promise.reject(Object.assign(new Error("lost"), { code: "EIO" })) : super.flush();
  }
}

async function opened(): Promise<{ store: CountingStore; wal: Wal }> {
  const store = new CountingStore();
  const wal = await Wal.withStore(store);
  store.writes = [];
  store.flushes = 0;
  return { store, wal };
}

const textsOf = (wal: Wal): string[] => Array.from(wal, (record) => record.text());

test("callers of one turn share one write and one flush, and each gets the LSN of its own record", async () => {
  const { store, wal } = await opened();
  const texts = Array.from({ length: 200 }, (_, i) => `record ${i}`);
  const lsns = await Promise.all(texts.map((text) => wal.appendAndSync(text)));
  assert.equal(store.writes.length, 1);
  assert.equal(store.flushes, 1);
  assert.deepEqual(
    lsns.map((lsn) => wal.read(lsn).text()),
    texts,
  );
  assert.deepEqual(textsOf(wal), texts);
  const { appends, appendedBytes, syncs, commits } = wal.stats();
  assert.deepEqual([appends, appendedBytes, syncs, commits], [200, wal.end, 200, 200]);
  await wal.close();
});

test("a stage is written when it is full, so that it is bounded; the next begins behind it", async () => {
  const { store, wal } = await opened();
  const texts = Array.from({ length: 500 }, (_, i) => `record ${i}`.padEnd(1000));
  const lsns = await Promise.all(texts.map((text) => wal.appendAndSync(text)));
  assert.ok(store.writes.length >= (500 * 1008) / (stageBytesMax + 1008) - 1);
  assert.ok(Math.max(...store.writes) <= stageBytesMax + stagedRecordBytesMax + 16);
  assert.equal(store.flushes, 1);
  assert.deepEqual(
    lsns,
    texts.map((_, i) => i * 1008),
  );
  assert.deepEqual(textsOf(wal), texts);
  await wal.close();
});

test("what is appended in between stands behind what was staged before it", async () => {
  const { wal } = await opened();
  const one = wal.appendAndSync("one");
  const two = wal.append("two");
  const three = wal.appendAndSync("three");
  const [four] = wal.appendBatch(["four"]);
  const five = wal.appendAndSync("five");
  const large = wal.appendAndSync("x".repeat(stagedRecordBytesMax + 1));
  assert.deepEqual([await one, two, await three, four], [0, 11, 22, 35]);
  assert.ok((await five) < (await large));
  assert.deepEqual(textsOf(wal).slice(0, 5), ["one", "two", "three", "four", "five"]);
  await wal.close();
});

test("whoever looks sees what was staged: end, iter, read, stats, follow, isEmpty", async () => {
  const looks: ((wal: Wal) => unknown)[] = [
    (wal) => assert.equal(wal.end, 14),
    (wal) => assert.deepEqual(textsOf(wal), ["staged"]),
    (wal) => assert.equal(wal.read(0 as Lsn).text(), "staged"),
    (wal) => assert.equal(wal.stats().appends, 1),
    (wal) => assert.equal(wal.isEmpty, false),
    async (wal) => {
      for await (const record of wal.follow()) {
        assert.equal(record.text(), "staged");
        break;
      }
    },
  ];
  for (const look of looks) {
    const { wal } = await opened();
    const pending = wal.appendAndSync("staged");
    await look(wal);
    assert.equal(await pending, 0);
    await wal.close();
  }
});

test("calls of the same turn that need it on the disk, or gone, find it", async () => {
  const { wal } = await opened();
  const one = wal.appendAndSync("one");
  wal.syncBlocking();
  assert.equal(wal.durable, 11);
  await one;
  const two = wal.appendAndSync("two");
  const synced = wal.sync();
  await Promise.all([two, synced]);
  const three = wal.appendAndSync("three");
  wal.truncateAfterBlocking(0 as Lsn);
  await three;
  assert.deepEqual(textsOf(wal), ["one"]);
  const last = wal.appendAndSync("last");
  wal.closeBlocking();
  assert.equal(await last, 11);
});

test("closing in the same turn commits what was staged; staging after it is refused", async () => {
  const { store, wal } = await opened();
  const one = wal.appendAndSync("one");
  const closing = wal.close();
  await assert.rejects(wal.appendAndSync("two"), { code: "WAL_CLOSED" });
  assert.equal(await one, 0);
  await closing;
  assert.equal(store.writes.length, 1);
});

test("a record is copied at once", async () => {
  const { wal } = await opened();
  const bytes = new TextEncoder().encode("before");
  const pending = wal.appendAndSync(bytes);
  bytes.fill(0x21);
  assert.equal(wal.read(await pending).text(), "before");
  await wal.close();
});

test("a record that is refused spoils nothing, and needs no flush", async () => {
  const store = new CountingStore();
  const wal = await Wal.withStore(store, { maxRecordSize: 10 });
  store.flushes = 0;
  await assert.rejects(wal.appendAndSync("much too large"), { code: "WAL_RECORD_TOO_LARGE" });
  await assert.rejects(wal.appendAndSync(null as never), { code: "WAL_INVALID_ARGUMENT" });
  assert.equal(store.flushes, 0);
  const outcomes = await Promise.allSettled(
    ["one", "much too large", "two"].map((t) => wal.appendAndSync(t)),
  );
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(textsOf(wal), ["one", "two"]);
  await wal.close();
});

test("without room for all of a stage, as many as fit are there, and only the others are told", async () => {
  const { store, wal } = await opened();
  store.room = 3 * 18;
  const texts = Array.from({ length: 5 }, (_, i) => `record 00${i}`);
  const outcomes = await Promise.allSettled(texts.map((text) => wal.appendAndSync(text)));
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason.code)),
    [0, 18, 36, "WAL_IO", "WAL_IO"],
  );
  assert.equal((outcomes[4] as PromiseRejectedResult).reason.errno, "ENOSPC");
  store.room = Number.POSITIVE_INFINITY;
  assert.equal(await wal.appendAndSync("room again"), 54);
  assert.deepEqual(textsOf(wal), [...texts.slice(0, 3), "room again"]);
  await wal.close();
});

test("a flush that fails is told to all of a stage", async () => {
  const { store, wal } = await opened();
  store.failFlush = true;
  const outcomes = await Promise.allSettled(["one", "two"].map((text) => wal.appendAndSync(text)));
  for (const outcome of outcomes) {
    assert.equal(outcome.status, "rejected");
    assert.ok(outcome.reason instanceof WalError);
    assert.equal(outcome.reason.code, "WAL_POISONED");
  }
  await wal.close();
});

test("two logs staged in the same turn do not mix", async () => {
  const [a, b] = [await opened(), await opened()];
  const pending: Promise<Lsn>[] = [];
  for (let i = 0; i < 50; i++) {
    pending.push(a.wal.appendAndSync(`a ${i}`), b.wal.appendAndSync(`b ${"longer ".repeat(i)}${i}`));
  }
  await Promise.all(pending);
  assert.deepEqual(
    textsOf(a.wal),
    Array.from({ length: 50 }, (_, i) => `a ${i}`),
  );
  assert.deepEqual(
    textsOf(b.wal),
    Array.from({ length: 50 }, (_, i) => `b ${"longer ".repeat(i)}${i}`),
  );
  await a.wal.close();
  await b.wal.close();
});
