import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { MemStore, Wal, WalError, type WalStats } from "wal-db";
import { HandStore, turn } from "../support/hand-store.ts";
import { logOf } from "../support/plain-format.ts";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

const megabyteLog = logOf(Array.from({ length: 1000 }, (_, i) => new Uint8Array(1000).fill(i)));

test("open makes the log, and finds it again by path and by URL", async (t) => {
  const path = join(scratchDir(t), "log.wal");
  const wal = await Wal.open(path);
  assert.deepEqual(wal.recovery, {
    head: 0,
    scannedFrom: 0,
    records: 0,
    end: 0,
    discarded: 0,
    mark: null,
    damage: null,
  });
  await wal.appendAndSync("one");
  await wal.close();
  const byUrl = Wal.openBlocking(pathToFileURL(path));
  assert.deepEqual(
    Array.from(byUrl, (r) => r.text()),
    ["one"],
  );
  assert.deepEqual([byUrl.end, byUrl.durable, byUrl.recovery.damage], [11, 11, null]);
  byUrl.closeBlocking();
});

test("the report is what open found, and does not change with the log", async () => {
  const wal = await Wal.withStore(new MemStore(logOf([new Uint8Array(4)])));
  const { recovery } = wal;
  wal.append("more");
  assert.equal(wal.recovery, recovery);
  assert.deepEqual([recovery.records, recovery.end], [1, 12]);
  assert.ok(Object.isFrozen(recovery));
  await wal.close();
});

test("a signal that has aborted before the open: its reason, and nothing is made, nothing kept", async (t) => {
  const dir = scratchDir(t);
  const reason = new Error("changed my mind");
  const signal = AbortSignal.abort(reason);
  await assert.rejects(Wal.open(join(dir, "log.wal"), { signal }), reason);
  assert.throws(() => Wal.openBlocking(join(dir, "log.wal"), { signal }), reason);
  assert.deepEqual(readdirSync(dir), []);
  for (const image of [new Uint8Array(0), megabyteLog]) {
    const store = new HandStore(image);
    await assert.rejects(Wal.withStore(store, { signal }), reason);
    assert.throws(() => Wal.withStoreBlocking(store, { signal }), reason);
    assert.equal(store.closeCalls, 2, "a store that was taken over is closed");
    assert.equal(store.writes + store.flushCalls, 0);
  }
});

test("a signal that aborts during the open: its reason, nothing changed, and the log can be opened again", async (t) => {
  const path = join(scratchDir(t), "log.wal");
  const first = await Wal.open(path);
  first.appendBatch(Array.from({ length: 1000 }, () => new Uint8Array(1000)));
  await first.close();
  const before = readFileSync(path);

  const controller = new AbortController();
  let progress = 0;
  const opening = Wal.open(path, {
    verify: "full",
    signal: controller.signal,
    onProgress: () => {
      progress++;
      if (progress === 2) controller.abort();
    },
  });
  await assert.rejects(opening, { name: "AbortError" });
  assert.equal(progress, 2, "it went no further");
  assert.equal(Buffer.compare(readFileSync(path), before), 0);
  const wal = await Wal.open(path, { signal: new AbortController().signal });
  assert.equal([...wal].length, 1000);
  await wal.close();
});

test("a signal that aborts once the log is open changes nothing", async () => {
  const controller = new AbortController();
  const wal = await Wal.withStore(new MemStore(), { signal: controller.signal });
  controller.abort();
  await wal.appendAndSync("x");
  await wal.close();
});

test("onProgress goes up, from nothing to all, in both forms", async () => {
  for (const blocking of [false, true]) {
    const told: [number, number][] = [];
    const options = { onProgress: (done: number, total: number) => void told.push([done, total]) };
    const store = new MemStore(megabyteLog);
    const wal = blocking ? Wal.withStoreBlocking(store, options) : await Wal.withStore(store, options);
    assert.deepEqual(told[0], [0, megabyteLog.length]);
    assert.deepEqual(told.at(-1), [megabyteLog.length, megabyteLog.length]);
    assert.ok(told.length >= 4, `${told.length} steps for ${megabyteLog.length} bytes`);
    for (const [i, [done, total]] of told.entries()) {
      assert.equal(total, megabyteLog.length);
      assert.ok(done >= (told[i - 1]?.[0] ?? 0) && done <= total);
    }
    wal.closeBlocking();
  }
});

test("what onProgress throws ends the open, and the store is released", async () => {
  const cause = new Error("the caller's own");
  const onProgress = (): void => {
    throw cause;
  };
  const store = new HandStore(megabyteLog);
  await assert.rejects(Wal.withStore(store, { onProgress }), cause);
  assert.throws(() => Wal.withStoreBlocking(store, { onProgress }), cause);
  assert.equal(store.closeCalls, 2);
});

test("opening without blocking lets other things happen while it reads", async () => {
  let turns = 0;
  const count = setInterval(() => turns++, 0);
  const wal = await Wal.withStore(new MemStore(megabyteLog));
  clearInterval(count);
  assert.equal(wal.recovery.records, 1000);
  assert.ok(turns >= 1, "at least one timer had its turn");
  await wal.close();
});

test("nothing is called durable before the flush of what was recovered", async () => {
  const store = new HandStore(logOf([new Uint8Array(4)]));
  store.byHand = true;
  let opened = false;
  const opening = Wal.withStore(store).then((wal) => {
    opened = true;
    return wal;
  });
  for (let i = 0; i < 1000 && store.flights.length === 0; i++) await turn();
  assert.equal(opened, false);
  assert.equal(store.flight(0).covers, 12);
  store.flight(0).land();
  const wal = await opening;
  assert.equal(wal.durable, 12);
  store.byHand = false;
  await wal.close();

  const failing = new HandStore(logOf([new Uint8Array(4)]));
  failing.onFlushBlocking = () => {
    throw Object.assign(new Error("EIO: injected"), { code: "EIO" });
  };
  assert.throws(() => Wal.withStoreBlocking(failing), walFault("WAL_IO", { errno: "EIO" }, /recovered/));
  assert.equal(failing.closeCalls, 1);
});

test("stats count what was asked and what was done, and are a copy", async () => {
  const wal = await Wal.withStore(new MemStore());
  const counts = (): Partial<WalStats> => {
    const { flushLatency: _latency, groupSize: _size, ...others } = wal.stats();
    return others;
  };
  const none = {
    archive: null,
    appends: 0,
    appendedBytes: 0,
    syncs: 0,
    flushes: 0,
    commits: 0,
    flushUnderWayMs: null,
  };
  assert.deepEqual(counts(), none);
  wal.append("12345");
  wal.append(new Uint8Array(300_000));
  wal.appendBatch(["a", "b"]);
  assert.deepEqual(counts(), { ...none, appends: 4, appendedBytes: 13 + 300_008 + 18 });
  await wal.appendAndSync("c");
  wal.appendAndSyncBlocking("d");
  wal.syncBlocking();
  await wal.sync();
  assert.deepEqual(counts(), {
    ...none,
    appends: 6,
    appendedBytes: wal.end,
    syncs: 4,
    flushes: 2,
    commits: 4,
  });
  const copy = wal.stats();
  copy.appends = 99;
  assert.equal(wal.stats().appends, 6);
  await wal.close();
  assert.equal(wal.stats().syncs, 4, "closing is no sync that anybody asked for");
});

test("close makes what was appended durable, and lets the file go", async (t) => {
  const path = join(scratchDir(t), "log.wal");
  for (const close of ["close", "closeBlocking", "dispose"] as const) {
    const wal = await Wal.open(path);
    wal.append(close);
    if (close === "close") await wal.close();
    else if (close === "closeBlocking") wal.closeBlocking();
    else await wal[Symbol.asyncDispose]();
    assert.equal(wal.durable, wal.end);
    assert.throws(() => wal.append("late"), walFault("WAL_CLOSED", { path }));
  }
  const wal = Wal.openBlocking(path);
  assert.deepEqual(
    Array.from(wal, (r) => r.text()),
    ["close", "closeBlocking", "dispose"],
  );
  wal.closeBlocking();
});

test("a log can be opened and closed many times without holding on to descriptors", async (t) => {
  if (!existsSync("/proc/self/fd")) {
    t.skip("no /proc/self/fd here");
    return;
  }
  const path = join(scratchDir(t), "log.wal");
  await (await Wal.open(path)).close();
  const before = readdirSync("/proc/self/fd").length;
  for (let i = 0; i < 30; i++) {
    const wal = i % 2 === 0 ? await Wal.open(path) : Wal.openBlocking(path);
    await wal.appendAndSync("x");
    for await (const record of wal) if (record.lsn > 0) break;
    await wal.close();
  }
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(readdirSync("/proc/self/fd").length <= before, "no more than before");
});

test("WalError: what it is, and what it carries", () => {
  const cause = new Error("below");
  const error = new WalError("WAL_IO", "what happened", { path: "log.wal", errno: "EIO", cause });
  assert.ok(error instanceof WalError && error instanceof Error);
  assert.deepEqual(
    [error.name, error.code, error.message, error.path, error.errno, error.cause],
    ["WalError", "WAL_IO", "what happened", "log.wal", "EIO", cause],
  );
  assert.equal("offset" in error, false, "a fact that is not known is not there");
  assert.match(String(error.stack), /WalError: what happened/);
  for (const other of [new Error("x"), { code: "WAL_IO" }, null, undefined, "WAL_IO", Object.create(null)]) {
    assert.equal(other instanceof WalError, false);
  }
});

test("two copies of the package agree on what a WalError is; a subclass is still its own", async () => {
  const errors = new URL("errors.js?a-second-copy", import.meta.resolve("wal-db")).href;
  const copy = (await import(errors)) as { readonly WalError: typeof WalError };
  assert.notEqual(copy.WalError, WalError);
  const theirs = new copy.WalError("WAL_IO", "theirs");
  const ours = new WalError("WAL_IO", "ours");
  assert.ok(theirs instanceof WalError);
  assert.ok(ours instanceof copy.WalError);
  class Special extends WalError {}
  assert.equal(ours instanceof Special, false);
  assert.ok(new Special("WAL_IO", "special") instanceof Special);
  assert.ok(new Special("WAL_IO", "special") instanceof copy.WalError);
});

// A store that cannot read ahead is read one turn of the event loop later. The log may be closed in it.
test("for await: a log closed in the turn before a read is not read", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  wal.append("one");
  const next = wal[Symbol.asyncIterator]().next();
  wal.closeBlocking();
  await assert.rejects(next, walFault("WAL_CLOSED"));
  assert.deepEqual(store.afterClose, []);
});
