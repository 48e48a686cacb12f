import assert from "node:assert/strict";
import { test } from "node:test";
import { MemStore, Wal } from "wal-db";
import { HandStore, stateOf, turn } from "../support/hand-store.ts";
import { systemError, walFault } from "../support/wal-fault.ts";

/** A log on a store whose flushes the test ends by hand. */
async function openByHand(store: HandStore = new HandStore()): Promise<{ wal: Wal; store: HandStore }> {
  const wal = await Wal.withStore(store);
  store.byHand = true;
  store.flushCalls = 0;
  return { wal, store };
}

/** Lands whatever departs until `promise` is settled. */
async function landUntil(store: HandStore, promise: Promise<unknown>): Promise<void> {
  while ((await stateOf(promise)) === "pending") for (const flight of store.flights.splice(0)) flight.land();
  await promise;
}

test("a sync resolves when its flush has, not before, and durable follows", async () => {
  const { wal, store } = await openByHand();
  wal.append("one");
  const sync = wal.sync();
  assert.equal(await stateOf(sync), "pending");
  assert.equal(wal.durable, 0);
  store.flight(0).land();
  await sync;
  assert.equal(wal.durable, wal.end);
});

test("an appendAndSync resolves when its flush has, not before, whatever the size of its record", async () => {
  for (const size of [0, 100, 10_000, 300_000]) {
    const { wal, store } = await openByHand();
    const appended = wal.appendAndSync(new Uint8Array(size));
    assert.equal(await stateOf(appended), "pending", `${size} bytes`);
    assert.equal(wal.durable, 0);
    store.flight(0).land();
    assert.equal(await appended, 0);
    assert.equal(wal.durable, 8 + size);
  }
});

test("what is appended while a flush is under way is not called durable by it", async () => {
  const { wal, store } = await openByHand();
  wal.append("before");
  const first = wal.sync();
  await turn();
  const boundary = wal.end;
  assert.equal(store.flight(0).covers, boundary);
  const during = wal.appendAndSync("during");
  const alsoDuring = wal.sync();
  store.flight(0).land();
  await first;
  assert.equal(wal.durable, boundary);
  assert.equal(await stateOf(during), "pending");
  assert.equal(await stateOf(alsoDuring), "pending");
  assert.equal(store.flight(1).covers, wal.end, "the second flush began after it was written");
  store.flight(1).land();
  assert.equal(await during, boundary);
  await alsoDuring;
  assert.equal(wal.durable, wal.end);
});

test("what is acknowledged lies below what a finished flush covered, at every moment, and comes in order", async () => {
  const { wal, store } = await openByHand();
  const acknowledged: number[] = [];
  let landed = 0;
  const waiters: Promise<unknown>[] = [];
  for (let i = 0; i < 200; i++) {
    const ends = wal.end + 8 + `record ${i}`.length;
    const done = wal.appendAndSync(`record ${i}`).then(() => {
      assert.ok(ends <= landed, `record ${i} ends at ${ends}, flushed is ${landed}`);
      assert.ok(ends <= wal.durable && wal.durable <= landed);
      return acknowledged.push(i);
    });
    waiters.push(done);
    if (i % 3 === 0) await turn();
    if (i % 7 !== 0) continue;
    for (const flight of store.flights.splice(0)) {
      landed = Math.max(landed, flight.covers);
      flight.land();
    }
  }
  landed = wal.end;
  await landUntil(store, Promise.all(waiters));
  assert.equal(acknowledged.length, 200);
  assert.deepEqual(
    acknowledged,
    acknowledged.toSorted((a, b) => a - b),
  );
});

test("500 concurrent appendAndSync on a slow store need at most 4 flushes", async () => {
  const { wal, store } = await openByHand();
  const waiters = Array.from({ length: 500 }, (_, i) => wal.appendAndSync(`record ${i}`));
  await landUntil(store, Promise.all(waiters));
  assert.ok(store.flushCalls >= 1 && store.flushCalls <= 4, `${store.flushCalls} flushes`);
  const { flushLatency, groupSize, ...counts } = wal.stats();
  assert.deepEqual([flushLatency.count, groupSize.sum], [store.flushCalls, 500]);
  assert.deepEqual(counts, {
    archive: null,
    flushUnderWayMs: null,
    appends: 500,
    appendedBytes: wal.end,
    syncs: 500,
    flushes: store.flushCalls,
    commits: 500,
  });
});

test("500 that come over several turns while a flush is under way share the next", async () => {
  const { wal, store } = await openByHand();
  const waiters = [wal.appendAndSync("first")];
  await turn();
  assert.equal(store.flushCalls, 1);
  for (let i = 1; i < 500; i++) {
    waiters.push(wal.appendAndSync(`record ${i}`));
    if (i % 50 === 0) await turn();
  }
  await landUntil(store, Promise.all(waiters));
  assert.equal(store.flushCalls, 2);
});

test("at most one flush is in flight", async () => {
  const { wal, store } = await openByHand();
  const waiters: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    waiters.push(wal.appendAndSync("x"));
    await turn();
    assert.ok(store.flights.length <= 1, "one at a time");
    if (i % 5 === 4) store.flights.pop()?.land();
  }
  await landUntil(store, Promise.all(waiters));
});

test("a sync with nothing new needs no flush, in either form", async () => {
  const { wal, store } = await openByHand();
  await wal.sync();
  wal.syncBlocking();
  assert.deepEqual([store.flushCalls, store.blockingFlushCalls], [0, 0]);
  wal.append("x");
  wal.syncBlocking();
  assert.deepEqual([store.flushCalls, store.blockingFlushCalls], [0, 1]);
  await wal.sync();
  wal.syncBlocking();
  await Promise.all([wal.sync(), wal.sync()]);
  assert.deepEqual([store.flushCalls, store.blockingFlushCalls], [0, 1]);
  assert.equal(wal.stats().flushes, 1);
});

test("a sync that the flush under way covers in full waits for that one", async () => {
  const { wal, store } = await openByHand();
  wal.append("x");
  const first = wal.sync();
  await turn();
  const second = wal.sync();
  assert.equal(await stateOf(second), "pending");
  store.flight(0).land();
  await Promise.all([first, second]);
  await turn();
  assert.equal(store.flushCalls, 1);
});

test("callers of one turn share a flush, whichever of them came first", async () => {
  const { wal, store } = await openByHand();
  const waiters = [wal.appendAndSync("a"), wal.sync(), wal.appendAndSync("b"), wal.sync()];
  await turn();
  store.flight(0).land();
  await Promise.all(waiters);
  assert.equal(store.flushCalls, 1);
});

test("EIO rejects every waiter, of this flight and the next, and nothing flushes again, even later", async () => {
  const { wal, store } = await openByHand();
  wal.append("a");
  const first = [wal.sync(), wal.sync()];
  await turn();
  const next = [wal.appendAndSync("b"), wal.sync()];
  store.flight(0).fail(systemError("EIO"));
  const told = walFault("WAL_POISONED", { errno: "EIO", path: "(memory)" }, /open it again/);
  for (const waiter of [...first, ...next]) await assert.rejects(waiter, told);
  assert.equal(wal.durable, 0, "nothing was called durable");

  for (let later = 0; later < 3; later++) {
    await turn();
    assert.throws(() => wal.append("c"), told);
    assert.throws(() => wal.append(new Uint8Array(300_000)), told);
    assert.throws(() => wal.appendBatch(["c"]), told);
    assert.throws(() => wal.appendAndSyncBlocking("c"), told);
    assert.throws(() => wal.syncBlocking(), told);
    await assert.rejects(wal.sync(), told);
    await assert.rejects(wal.appendAndSync("c"), told);
  }
  assert.deepEqual(
    [...wal].map((r) => r.text()),
    ["a", "b"],
    "what was written can still be read",
  );
  await wal.close();
  assert.deepEqual([store.flushCalls, store.blockingFlushCalls, store.closeCalls], [1, 0, 1]);
  assert.deepEqual(store.afterClose, []);
});

test("the first failure is kept as the cause, all the way down", async () => {
  const { wal, store } = await openByHand();
  const eio = systemError("EIO");
  const waiter = wal.appendAndSync("a");
  await turn();
  store.flight(0).fail(eio);
  await assert.rejects(waiter, (error: Error) => {
    const io = error.cause as Error;
    walFault("WAL_IO", { errno: "EIO", path: "(memory)" })(io);
    assert.equal(io.cause, eio);
    return true;
  });
  await wal.close();
});

test("a blocking flush that fails poisons as well", async () => {
  const { wal, store } = await openByHand();
  store.onFlushBlocking = () => {
    throw systemError("EIO");
  };
  wal.append("a");
  assert.throws(() => wal.syncBlocking(), walFault("WAL_POISONED", { errno: "EIO" }));
  store.onFlushBlocking = null;
  assert.throws(() => wal.syncBlocking(), walFault("WAL_POISONED", { errno: "EIO" }));
  await assert.rejects(wal.sync(), walFault("WAL_POISONED", { errno: "EIO" }));
  assert.deepEqual([store.flushCalls, store.blockingFlushCalls], [0, 1]);
  wal.closeBlocking();
});

test("a store whose flush throws instead of rejecting, or throws what is no error, poisons as well", async () => {
  const thrown = [systemError("EIO"), undefined, null, "full", new Error("no code")] as Error[];
  for (const what of thrown) {
    for (const rejects of [false, true]) {
      const { wal, store } = await openByHand();
      store.flush = () => {
        if (rejects) return new Promise((_, reject) => reject(what));
        throw what;
      };
      await assert.rejects(wal.appendAndSync("a"), walFault("WAL_POISONED"));
      await assert.rejects(wal.sync(), walFault("WAL_POISONED"));
      await wal.close();
    }
  }
});

test("a blocking sync beside a flight flushes by itself; the flight's waiters wait for their own", async () => {
  const { wal, store } = await openByHand();
  wal.append("a");
  const flying = wal.sync();
  await turn();
  const lsn = wal.appendAndSyncBlocking("b");
  assert.equal(wal.durable, wal.end);
  assert.ok(lsn < wal.durable);
  assert.equal(store.blockingFlushCalls, 1);
  assert.equal(await stateOf(flying), "pending");
  store.flight(0).land();
  await flying;
  assert.equal(wal.durable, wal.end, "the older flight does not take durable down");
  assert.equal(store.flushCalls, 1);
});

test("a flight that lands after a blocking flush beside it failed is not believed", async () => {
  const { wal, store } = await openByHand();
  wal.append("a");
  const flying = wal.sync();
  await turn();
  store.onFlushBlocking = () => {
    throw systemError("EIO");
  };
  wal.append("b");
  assert.throws(() => wal.syncBlocking(), walFault("WAL_POISONED"));
  store.flight(0).land();
  await assert.rejects(flying, walFault("WAL_POISONED", { errno: "EIO" }));
  assert.equal(wal.durable, 0);
  await wal.close();
});

test("a blocking sync that comes before the group departs leaves it nothing to flush", async () => {
  const { wal, store } = await openByHand();
  wal.append("a");
  const sync = wal.sync();
  wal.syncBlocking();
  await sync;
  assert.deepEqual([store.flushCalls, store.blockingFlushCalls], [0, 1]);
});

test("close during a flight waits for it, and for those who wait for the next", async () => {
  const { wal, store } = await openByHand();
  wal.append("a");
  const flying = wal.sync();
  await turn();
  const next = wal.appendAndSync("b");
  const closing = wal.close();
  assert.throws(() => wal.append("c"), walFault("WAL_CLOSED", {}, /Open it again/));
  await assert.rejects(wal.sync(), walFault("WAL_CLOSED"));
  assert.equal(await stateOf(closing), "pending");
  assert.equal(store.closeCalls, 0);
  store.flight(0).land();
  await flying;
  await turn();
  assert.equal(store.closeCalls, 0, "b is not on stable storage yet");
  store.flight(1).land();
  await next;
  await closing;
  assert.deepEqual([store.closeCalls, store.afterClose], [1, []]);
  assert.equal(wal.durable, wal.end);
});

test("close syncs what nobody has synced", async () => {
  const { wal, store } = await openByHand();
  wal.append("a");
  const closing = wal.close();
  await turn();
  store.flight(0).land();
  await closing;
  assert.deepEqual([store.flushCalls, store.closeCalls, wal.durable], [1, 1, wal.end]);
});

test("close whose sync fails says so once, and releases the store", async () => {
  const { wal, store } = await openByHand();
  wal.append("a");
  const closing = wal.close();
  const again = wal.close();
  await turn();
  store.flight(0).fail(systemError("EIO"));
  await assert.rejects(closing, walFault("WAL_POISONED", { errno: "EIO" }));
  await again;
  await wal.close();
  wal.closeBlocking();
  assert.deepEqual([store.closeCalls, store.afterClose], [1, []]);
});

test("a blocking close whose flush fails says so once, and releases the store", async () => {
  const { wal, store } = await openByHand();
  store.onFlushBlocking = () => {
    throw systemError("EIO");
  };
  wal.append("a");
  assert.throws(() => wal.closeBlocking(), walFault("WAL_POISONED", { errno: "EIO" }));
  wal.closeBlocking();
  await wal.close();
  assert.deepEqual([store.closeCalls, store.blockingFlushCalls, store.afterClose], [1, 1, []]);
});

test("a blocking close during an asynchronous one: the store is released at once, and only once", async () => {
  const { wal, store } = await openByHand();
  wal.append("a");
  const flying = wal.sync();
  await turn();
  const closing = wal.close();
  wal.closeBlocking();
  assert.deepEqual([store.closeCalls, store.blockingFlushCalls], [1, 1]);
  store.flight(0).land();
  await Promise.all([flying, closing]);
  assert.deepEqual([store.closeCalls, store.afterClose], [1, []]);
});

test("a blocking close beside a flight answers those who wait for the next, and then leaves the store alone", async () => {
  const { wal, store } = await openByHand();
  wal.append("a");
  const flying = wal.sync();
  await turn();
  const next = wal.appendAndSync("b");
  wal.closeBlocking();
  store.flight(0).land();
  await Promise.all([flying, next]);
  assert.equal(wal.durable, wal.end);
  assert.deepEqual([store.closeCalls, store.afterClose], [1, []]);
});

test("every later close resolves, in any mixture", async () => {
  const { wal, store } = await openByHand();
  await Promise.all([wal.close(), wal.close()]);
  await wal.close();
  wal.closeBlocking();
  await wal[Symbol.asyncDispose]();
  assert.equal(store.closeCalls, 1);
});

/** A mark's file that fails when told to, and counts. */
class HandMark {
  failing = false;
  writes = 0;
  read(): Uint8Array {
    return new Uint8Array(0);
  }
  write(): void {
    this.writes++;
    if (this.failing) throw systemError("ENOSPC");
  }
  flush(): void {}
}

async function openWithMark(): Promise<{ wal: Wal; store: HandStore; mark: HandMark }> {
  const mark = new HandMark();
  const { wal, store } = await openByHand(Object.assign(new HandStore(), { side: { mark } }));
  return { wal, store, mark };
}

test("the mark is raised after each flush that succeeded, and after no other", async () => {
  const { wal, store, mark } = await openWithMark();
  const writes = mark.writes;
  const first = wal.appendAndSync("a");
  await turn();
  assert.equal(mark.writes, writes, "not while the flush is under way");
  store.flight(0).land();
  await first;
  assert.equal(mark.writes, writes + 1);
  const second = wal.appendAndSync("b");
  await turn();
  store.flight(1).fail(systemError("EIO"));
  await assert.rejects(second, walFault("WAL_POISONED"));
  assert.equal(mark.writes, writes + 1);
  await wal.close();
});

test("a mark that cannot be written costs nobody anything", async () => {
  const { wal, store, mark } = await openWithMark();
  mark.failing = true;
  store.byHand = false;
  await wal.appendAndSync("a");
  await wal.appendAndSync("b");
  await wal.close();
  assert.ok(mark.writes >= 2, "it was tried");
});

/*
 * A flush that landed after a blocking close raised the mark. Where the write of the mark at close
 * had failed, that was a write to a store that was closed: the mark's file was opened again, and
 * written to behind the back of whoever held the lock by then.
 */
test("a flight that lands after a blocking close does not touch the mark", async () => {
  const { wal, store, mark } = await openWithMark();
  wal.append("a");
  const flying = wal.sync();
  await turn();
  mark.failing = true;
  wal.closeBlocking();
  const writes = mark.writes;
  store.flight(0).land();
  await flying;
  assert.equal(mark.writes, writes);
});

test("a plain MemStore commits too", async () => {
  const wal = await Wal.withStore(new MemStore());
  await wal.appendAndSync("a");
  assert.equal(wal.durable, wal.end);
  await wal.close();
});
