import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Lsn, MemStore, type RecordInput, Wal } from "wal-db";
import { fileStoresOn } from "#internal/files.js";
import { settingsOf } from "#internal/options.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { HandStore, turn } from "../support/hand-store.ts";
import { scanPlain } from "../support/plain-format.ts";
import { scratchDir } from "../support/scratch.ts";
import { systemError, walFault } from "../support/wal-fault.ts";

/** What is appended, and by how many writes. */
const appends: Readonly<Record<string, { readonly run: (wal: Wal) => unknown; readonly writes: number }>> = {
  "a record": { run: (wal) => wal.append("the one that fails"), writes: 1 },
  "an empty record": { run: (wal) => wal.append(""), writes: 1 },
  "a batch": { run: (wal) => wal.appendBatch(["one", new Uint8Array(5000), "three"]), writes: 1 },
  "a large record, written in place": {
    run: (wal) => wal.append(new Uint8Array(300_000).fill(3)),
    writes: 2,
  },
  "a blocking append and sync": { run: (wal) => wal.appendAndSyncBlocking("fails"), writes: 1 },
};

/** How much of the failing write is left in the store. */
const leftovers: Readonly<Record<string, (length: number) => number>> = {
  nothing: () => 0,
  "one byte": () => 1,
  "a header": () => 8,
  "all but one byte": (length) => length - 1,
  "all of it": (length) => length,
};

for (const [what, { run, writes }] of Object.entries(appends)) {
  for (const [leftover, leave] of Object.entries(leftovers)) {
    for (let nth = 1; nth <= writes; nth++) {
      test(`ENOSPC: ${what}, write ${nth} of ${writes} leaves ${leftover}: the log is as it was`, async () => {
        const store = new HandStore();
        const wal = Wal.withStoreBlocking(store);
        wal.append("before");
        const image = store.toBytes();
        const { end } = wal;
        const stats = wal.stats();
        store.countFromHere();
        store.onWrite = (n, offset, bytes) => {
          if (n !== nth) return;
          store.leave(offset, bytes.subarray(0, leave(bytes.length)));
          throw systemError("ENOSPC");
        };
        const told = walFault("WAL_IO", { errno: "ENOSPC", path: "(memory)", offset: end });
        assert.throws(() => run(wal), told);
        store.onWrite = null;

        assert.deepEqual([wal.end, wal.stats()], [end, stats]);
        assert.deepEqual(store.toBytes(), image, "nothing of it is left");
        assert.deepEqual(
          Array.from(wal, (r) => r.text()),
          ["before"],
        );
        await wal.sync();
        assert.equal(wal.append("after"), end, "the next append lands where the failed one would have");
        run(wal);
        const written = store.toBytes();
        await wal.close();

        const again = Wal.withStoreBlocking(new MemStore(written));
        assert.deepEqual([again.recovery.damage, again.recovery.discarded], [null, 0]);
        assert.deepEqual(Array.from(again, (r) => r.text()).slice(0, 2), ["before", "after"]);
        assert.deepEqual(
          Array.from(again, ({ lsn, data }) => ({ lsn, payload: data })),
          scanPlain(written).records,
        );
        again.closeBlocking();
      });
    }
  }
}

test("an asynchronous appendAndSync that meets a full disk rejects, and appended nothing", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  store.onWrite = () => {
    throw systemError("ENOSPC");
  };
  await assert.rejects(wal.appendAndSync("fails"), walFault("WAL_IO", { errno: "ENOSPC", offset: Lsn(0) }));
  store.onWrite = null;
  assert.equal(await wal.appendAndSync("works"), 0);
  await wal.close();
});

test("every write of a run fails in turn: what was acknowledged is there, in order, and nothing else", () => {
  const total = 24;
  for (let nth = 1; nth <= total; nth++) {
    const store = new HandStore();
    const wal = Wal.withStoreBlocking(store);
    store.countFromHere();
    store.onWrite = (n, offset, bytes) => {
      if (n < nth || n > nth + 1) return;
      store.leave(offset, bytes.subarray(0, bytes.length >> 1));
      throw systemError("ENOSPC");
    };
    const kept: string[] = [];
    const keep = (records: string[], append: () => void): void => {
      try {
        append();
        kept.push(...records);
      } catch (error) {
        walFault("WAL_IO", { errno: "ENOSPC" })(error);
      }
    };
    for (let i = 0; i < 10; i++) {
      keep([`single ${i}`], () => wal.append(`single ${i}`));
      keep([`pair ${i}`, `mate ${i}`], () => wal.appendBatch([`pair ${i}`, `mate ${i}`]));
      if (i % 5 !== 0) continue;
      keep(["x".repeat(300_000)], () => wal.append(Buffer.from("x".repeat(300_000))));
    }
    assert.ok(kept.length < 32 || nth > store.writes, `write ${nth} did fail`);
    const again = Wal.withStoreBlocking(new MemStore(store.toBytes()));
    assert.deepEqual(
      Array.from(again, (r) => r.text()),
      kept,
      `write ${nth}`,
    );
    assert.equal(again.recovery.damage, null);
    again.closeBlocking();
    wal.closeBlocking();
  }
});

test("a write that failed and cannot be taken back poisons the log, from that offset", async () => {
  for (const record of ["fails", new Uint8Array(300_000)] as RecordInput[]) {
    const store = new HandStore();
    const wal = Wal.withStoreBlocking(store);
    wal.append("before");
    await wal.sync();
    const { end } = wal;
    store.onWrite = (_, offset, bytes) => {
      store.leave(offset, bytes.subarray(0, 3));
      throw systemError("ENOSPC");
    };
    store.onTruncate = () => {
      throw systemError("EIO");
    };
    const told = walFault(
      "WAL_POISONED",
      { errno: "EIO", offset: end, path: "(memory)" },
      /ENOSPC.*EIO.*open it again/s,
    );
    assert.throws(() => wal.append(record), told);
    store.onWrite = null;
    store.onTruncate = null;
    for (let later = 0; later < 3; later++) {
      await turn();
      assert.throws(() => wal.append("later"), told);
      assert.throws(() => wal.appendBatch(["later"]), told);
      await assert.rejects(wal.sync(), told);
      await assert.rejects(wal.appendAndSync("later"), told);
    }
    assert.deepEqual([wal.end, wal.durable], [end, end]);
    assert.deepEqual(
      Array.from(wal, (r) => r.text()),
      ["before"],
    );
    const flushes = store.flushCalls + store.blockingFlushCalls;
    await wal.close();
    assert.equal(store.flushCalls + store.blockingFlushCalls, flushes, "closing asks for nothing more");

    const again = Wal.withStoreBlocking(new MemStore(store.toBytes()));
    assert.deepEqual(
      Array.from(again, (r) => r.text()),
      ["before"],
      "what is left of it is cut",
    );
    assert.equal(again.recovery.damage?.kind, "torn");
    again.closeBlocking();
  }
});

test("a write that fails while a flush is under way is taken back, and the flush still counts", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  store.byHand = true;
  const flying = wal.appendAndSync("before");
  await new Promise((resolve) => setImmediate(resolve));
  store.onWrite = () => {
    throw systemError("ENOSPC");
  };
  assert.throws(() => wal.append("fails"), walFault("WAL_IO", { errno: "ENOSPC" }));
  store.onWrite = null;
  store.flight(0).land();
  await flying;
  assert.deepEqual([wal.durable, wal.end], [14, 14]);
  assert.equal(wal.append("after"), 14);
  store.byHand = false;
  await wal.close();
});

test("what a store throws that is no Error is WAL_IO as well", () => {
  for (const what of [undefined, null, "full", 28, { code: "ENOSPC" }] as unknown as Error[]) {
    const store = new HandStore();
    const wal = Wal.withStoreBlocking(store);
    store.onWrite = () => {
      throw what;
    };
    const errno = typeof what === "object" && what !== null ? "ENOSPC" : undefined;
    assert.throws(() => wal.append("x"), walFault("WAL_IO", { errno, offset: Lsn(0) }));
    store.onWrite = null;
    assert.equal(wal.append("x"), 0);
    wal.closeBlocking();
  }
});

test("on a file: ENOSPC on the n-th write, whole or in part, and nothing is invented after reopening", async (t) => {
  for (const most of [0, 1, 9]) {
    for (let nth = 1; nth <= 6; nth++) {
      const path = join(scratchDir(t), "log.wal");
      const disk = new FaultDisk();
      const wal = await Wal.withStore(fileStoresOn(disk).openFile(path, settingsOf(undefined)));
      let calls = 0;
      let failing = false;
      disk.faults.write = () => {
        calls++;
        if (calls !== nth && !failing) return undefined;
        if (failing || most === 0) {
          failing = false;
          return { errno: "ENOSPC" };
        }
        failing = true;
        return { most };
      };
      const kept: string[] = [];
      for (let i = 0; i < 8; i++) {
        const { end } = wal;
        try {
          const lsn = wal.append(`record number ${i}`);
          assert.equal(lsn, end);
          kept.push(`record number ${i}`);
        } catch (error) {
          walFault("WAL_IO", { errno: "ENOSPC", path, offset: end })(error);
          assert.equal(readFileSync(path).length, end, "what was written of it is gone");
        }
      }
      assert.equal(kept.length, 7);
      wal.closeBlocking();
      const again = Wal.openBlocking(path, { verify: "full" });
      assert.deepEqual(
        Array.from(again, (r) => r.text()),
        kept,
      );
      assert.deepEqual([again.recovery.damage, again.recovery.discarded], [null, 0]);
      again.closeBlocking();
    }
  }
});

// What a store rejects with need not be an error. A value without a text threw within the handler of the
// failure: the waiters were never told, and the process ended on an unhandled rejection.
test("a flush that rejects with a value that has no text poisons, and every waiter is told", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  store.byHand = true;
  const synced = wal.appendAndSync("one");
  await turn();
  store.flight(0).fail(Object.create(null));
  await assert.rejects(synced, walFault("WAL_POISONED"));
  await wal.close();
});
