/** A FaultStore is the store underneath, but for what it is told to do else. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { FileStore, MemStore, Wal } from "wal-db";
import { FaultStore } from "wal-db/testing";
import { stateOf, turn } from "../support/hand-store.ts";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test("without faults a log on it is the log underneath, side and all", async (t) => {
  const file = FileStore.open(join(scratchDir(t), "app.wal"));
  const store = new FaultStore(file);
  assert.deepEqual([store.path, store.side], [file.path, file.side]);
  const wal = await Wal.withStore(store);
  await wal.appendAndSync("one");
  const found: string[] = [];
  for await (const record of wal) found.push(record.text());
  assert.deepEqual(found, ["one"]);
  assert.ok(store.calls("writeAt") === 1 && store.calls("flush") > 0 && store.calls("readAt") > 0);
  await wal.close();
  assert.equal(store.calls("close"), 1);
});

test("the n-th write fails with the errno asked for: the record is not in the log, the next one is", async () => {
  const store = new FaultStore(new MemStore());
  const wal = await Wal.withStore(store);
  store.inject({ call: "writeAt", nth: 2, effect: { kind: "fail", errno: "ENOSPC" } });
  wal.append("one");
  assert.throws(() => wal.append("two"), walFault("WAL_IO", { errno: "ENOSPC" }));
  wal.append("three");
  assert.deepEqual(
    Array.from(wal, (record) => record.text()),
    ["one", "three"],
  );
});

test("a write that falls short leaves its front behind, and the log none of it", async () => {
  const store = new FaultStore(new MemStore());
  store.inject({ call: "writeAt", effect: { kind: "short", most: 2 } });
  assert.throws(() => store.writeAt(0, bytes(1, 2, 3)), { code: "ENOSPC" });
  assert.equal(store.length, 2);
  store.truncate(0);
  const wal = await Wal.withStore(store);
  store.inject({ call: "writeAt", effect: { kind: "short", most: 9 } });
  assert.throws(() => wal.append("lost"), walFault("WAL_IO", { errno: "ENOSPC" }));
  wal.append("kept");
  assert.deepEqual(
    Array.from(wal, (record) => record.text()),
    ["kept"],
  );
});

test("reads fail and fall short, ahead too", async (t) => {
  for (const inner of [new MemStore(), FileStore.open(join(scratchDir(t), "app.wal"))]) {
    const store = new FaultStore(inner);
    store.writeAt(0, bytes(1, 2, 3, 4));
    const read = async (): Promise<number> => {
      const into = new Uint8Array(4);
      return store.readAhead === undefined ? store.readAt(0, into) : store.readAhead(0, into);
    };
    store.inject({ call: "readAt", effect: { kind: "short", most: 3 } });
    store.inject({ call: "readAt", nth: 2, effect: { kind: "fail", errno: "EIO" } });
    assert.equal(await read(), 3);
    await assert.rejects(read(), { code: "EIO" });
    assert.equal(await read(), 4);
    store.close();
  }
});

test("a flush that fails poisons the log, blocking or not", async () => {
  for (const blocking of [false, true]) {
    const store = new FaultStore(new MemStore());
    const wal = await Wal.withStore(store);
    wal.append("one");
    store.inject({ call: "flush", effect: { kind: "fail", errno: "EIO" } });
    if (blocking) assert.throws(() => wal.syncBlocking(), walFault("WAL_POISONED"));
    else await assert.rejects(wal.sync(), walFault("WAL_POISONED"));
    assert.equal(store.faultsWaiting, 0);
    assert.throws(() => wal.append("two"), walFault("WAL_POISONED"));
  }
});

test("a flush is held until it is ended by hand, and then says what the store underneath says", async () => {
  const store = new FaultStore(new MemStore());
  const wal = await Wal.withStore(store);
  store.holdFlushes = true;
  wal.append("one");
  const sync = wal.sync();
  assert.equal(await stateOf(sync), "pending");
  assert.deepEqual(
    store.heldFlushes.map((held) => held.covers),
    [wal.end],
  );
  store.heldFlushes[0]?.land();
  await sync;
  assert.equal(wal.durable, wal.end);
  wal.append("two");
  const failing = wal.sync();
  await turn();
  store.heldFlushes[0]?.fail("ENOSPC");
  await assert.rejects(failing, walFault("WAL_POISONED"));
  assert.deepEqual(store.heldFlushes, []);
});

test("a flush is delayed by turns, and faults are taken back", async () => {
  const store = new FaultStore(new MemStore());
  store.inject({ call: "flush", effect: { kind: "delay", turns: 3 } });
  let done = false;
  const flush = store.flush().then(() => {
    done = true;
  });
  await turn();
  assert.equal(done, false);
  await flush;
  store.inject({ call: "truncate", effect: { kind: "fail", errno: "EIO" } });
  store.inject({ call: "truncateBefore", effect: { kind: "fail", errno: "EIO" } });
  assert.throws(() => store.truncate(0), { code: "EIO" });
  assert.throws(() => store.truncateBefore(0), { code: "EIO" });
  store.inject({ call: "truncate", times: Number.POSITIVE_INFINITY, effect: { kind: "fail", errno: "EIO" } });
  store.clearFaults();
  store.truncate(0);
});

test("onCall is told of each call before it is made, and what it throws the call throws", () => {
  const store = new FaultStore(new MemStore());
  const calls: string[] = [];
  store.onCall = (kind) => {
    calls.push(kind);
    if (kind === "truncate") throw new Error("not now");
  };
  store.writeAt(0, bytes(1));
  assert.throws(() => store.truncate(0), /not now/);
  assert.equal(store.length, 1);
  assert.deepEqual(calls, ["writeAt", "truncate"]);
});
