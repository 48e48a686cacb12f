import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { MemStore, Wal, type Lsn } from "wal-db";
import { openSegmentedStore } from "#internal/store/segmented-store.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { HandStore, stateOf, turn } from "../support/hand-store.ts";
import { claimOf } from "../support/plain-format.ts";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";
import { logsDisk } from "../support/logs-disk.ts";
import { library } from "../support/library.ts";
import { openOn } from "../support/simulated-log.ts";
import { Random } from "wal-db/testing";

const texts = ["zero", "one", "two", "three", "four", "five"];

const kinds: Readonly<Record<string, (t: TestContext) => { open(): Wal }>> = {
  "in one file": (t) => {
    const path = join(scratchDir(t), "app.wal");
    return { open: () => Wal.openBlocking(path) };
  },
  "in segments of 16 bytes": (t) => {
    const dir = join(scratchDir(t), "log");
    return { open: () => Wal.openSegmentedBlocking(dir, { segmentSize: 16 }) };
  },
};

function textsOf(wal: Wal): string[] {
  return [...wal].map((record) => record.text());
}

for (const [kind, place] of Object.entries(kinds)) {
  for (const form of ["promise", "blocking"] as const) {
    const cut = async (wal: Wal, lsn: Lsn): Promise<void> =>
      form === "blocking" ? wal.truncateAfterBlocking(lsn) : wal.truncateAfter(lsn);

    test(`truncateAfter ${kind}, ${form}: what follows is gone, also after a reopen, and the log goes on`, async (t) => {
      const log = place(t);
      let wal = log.open();
      const lsns = wal.appendBatch(texts);
      wal.syncBlocking();
      await cut(wal, lsns[2] as Lsn);
      assert.deepEqual(textsOf(wal), texts.slice(0, 3));
      assert.deepEqual([wal.end, wal.durable], [lsns[3], lsns[3]]);
      assert.throws(() => wal.read(lsns[3] as Lsn), walFault("WAL_CORRUPT", { reason: "end" }));
      wal.closeBlocking();

      wal = log.open();
      assert.deepEqual(textsOf(wal), texts.slice(0, 3));
      assert.equal(wal.append("new"), lsns[3], "the LSN is given out again");
      await cut(wal, lsns[0] as Lsn);
      await cut(wal, lsns[0] as Lsn);
      assert.equal(await wal.appendAndSync("newer"), lsns[1]);
      wal.closeBlocking();
      wal = log.open();
      assert.deepEqual(textsOf(wal), ["zero", "newer"]);
      assert.equal(wal.recovery.damage, null);
      wal.closeBlocking();
    });

    test(`truncateAfter ${kind}, ${form}: what is not the LSN of a record is refused and changes nothing`, async (t) => {
      const wal = place(t).open();
      const lsns = wal.appendBatch(texts);
      const refused = async (lsn: unknown, check: (error: unknown) => true): Promise<void> => {
        await assert.rejects(cut(wal, lsn as Lsn), check);
        assert.deepEqual(textsOf(wal), texts);
      };
      await refused(
        (lsns[1] as number) + 1,
        walFault("WAL_CORRUPT", { offset: ((lsns[1] as number) + 1) as Lsn }),
      );
      await refused(wal.end, walFault("WAL_CORRUPT", { reason: "end" }));
      await refused(wal.end + 100, walFault("WAL_CORRUPT", { reason: "end" }));
      for (const bad of [-1, 1.5, Number.NaN, "0", undefined, null, 2 ** 53]) {
        await refused(bad, walFault("WAL_INVALID_ARGUMENT"));
      }
      wal.append("still open");
      wal.closeBlocking();
      await assert.rejects(cut(wal, lsns[0] as Lsn), walFault("WAL_CLOSED"));
    });
  }

  test(`truncateAfter ${kind}: a log opened with readOnly refuses`, async (t) => {
    const dir = scratchDir(t);
    const segmented = kind.includes("segments");
    const open = (readOnly: boolean): Wal =>
      segmented
        ? Wal.openSegmentedBlocking(dir, { segmentSize: 16, readOnly })
        : Wal.openBlocking(join(dir, "app.wal"), { readOnly });
    const writer = open(false);
    const lsn = writer.append("one");
    writer.append("two");
    writer.closeBlocking();
    const reader = open(true);
    await assert.rejects(reader.truncateAfter(lsn), walFault("WAL_READ_ONLY"));
    assert.throws(() => reader.truncateBeforeBlocking(lsn), walFault("WAL_READ_ONLY"));
    reader.closeBlocking();
  });
}

test("segments above the cut are gone from the directory, and the one that is cut is as long as it must be", (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = Wal.openSegmentedBlocking(dir, { segmentSize: 16 });
  const lsns = wal.appendBatch(texts);
  wal.truncateAfterBlocking(lsns[1] as Lsn);
  const segments = readdirSync(dir).filter((name) => name.endsWith(".wal"));
  assert.equal(segments.length, Math.floor(wal.end / 16) + 1);
  wal.closeBlocking();
});

/* ---- what comes while a cut is under way ---- */

async function handLog(): Promise<{ store: HandStore; wal: Wal; lsns: Lsn[] }> {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  const lsns = wal.appendBatch(texts);
  wal.syncBlocking();
  store.byHand = true;
  return { store, wal, lsns };
}

test("an append while a cut is pending is not written before the cut is on stable storage", async () => {
  const { store, wal, lsns } = await handLog();
  const cut = wal.truncateAfter(lsns[1] as Lsn);
  assert.deepEqual([wal.end, wal.durable], [lsns[2], lsns[2]]);
  assert.equal(await stateOf(cut), "pending");
  const order: string[] = [];
  store.onFlushBlocking = () => void order.push("flush");
  store.onWrite = () => void order.push("write");
  assert.equal(wal.append("new"), lsns[2]);
  assert.deepEqual(order, ["flush", "write"], "the append completes the cut itself, and only then writes");
  store.flight(0).land();
  await cut;
  assert.deepEqual(textsOf(wal), ["zero", "one", "new"]);
  assert.equal(wal.durable, lsns[2], "the cut's own flush speaks for nothing that was appended after it");
  assert.deepEqual(wal.appendBatch(["more"]).length, 1);
});

/*
 * A flush that began before a cut had covered up to the old end. Landing after the cut and a new
 * append it must not claim the new bytes, which have the same offsets.
 */
test("a flush that began before a cut claims nothing past the cut when it lands", async () => {
  const { store, wal, lsns } = await handLog();
  wal.append("six");
  const sync = wal.sync();
  await turn();
  assert.equal(store.flights.length, 1);
  wal.truncateAfterBlocking(lsns[1] as Lsn);
  wal.appendBatch(["other two", "other three", "other four", "other five", "other six"]);
  store.flight(0).land();
  await sync;
  assert.equal(wal.durable, lsns[2]);
  const again = wal.sync();
  await turn();
  assert.equal(store.flights.length, 2, "what was appended since needs a flush of its own");
  store.flight(1).land();
  await again;
  assert.equal(wal.durable, wal.end);
});

test("a second cut, of either form, completes the first and goes on from there", async () => {
  const { store, wal, lsns } = await handLog();
  const first = wal.truncateAfter(lsns[4] as Lsn);
  await turn();
  const second = wal.truncateAfter(lsns[3] as Lsn);
  wal.truncateAfterBlocking(lsns[2] as Lsn);
  assert.deepEqual(textsOf(wal), texts.slice(0, 3));
  for (let i = 0; i < store.flights.length; i++) {
    store.flight(i).land();
    await turn();
  }
  await Promise.all([first, second]);
  assert.deepEqual([wal.end, wal.durable], [lsns[3], lsns[3]]);
  assert.equal(wal.append("new"), lsns[3]);
  assert.deepEqual(textsOf(wal), [...texts.slice(0, 3), "new"]);
});

test("the same cut asked for twice at once: both wait for its flush", async () => {
  const { store, wal, lsns } = await handLog();
  const first = wal.truncateAfter(lsns[2] as Lsn);
  const second = wal.truncateAfter(lsns[2] as Lsn);
  assert.equal(await stateOf(second), "pending");
  store.flight(0).land();
  await Promise.all([first, second]);
  assert.equal(store.flights.length, 1);
});

test("a sync and an appendAndSync while a cut is pending resolve, and what they promise is there", async () => {
  const { store, wal, lsns } = await handLog();
  const cut = wal.truncateAfter(lsns[2] as Lsn);
  const sync = wal.sync();
  await turn();
  const commit = wal.appendAndSync("new");
  await turn();
  for (let i = 0; i < store.flights.length; i++) {
    store.flight(i).land();
    await turn();
  }
  await Promise.all([cut, sync]);
  assert.equal(await commit, lsns[3]);
  assert.equal(wal.durable, wal.end);
});

test("close while a cut is pending waits for it", async () => {
  const { store, wal, lsns } = await handLog();
  const cut = wal.truncateAfter(lsns[2] as Lsn);
  await turn();
  const close = wal.close();
  assert.equal(await stateOf(close), "pending");
  assert.equal(store.closeCalls, 0);
  store.flight(0).land();
  await Promise.all([cut, close]);
  assert.deepEqual([store.closeCalls, store.afterClose], [1, []]);
  assert.throws(() => wal.append("late"), walFault("WAL_CLOSED"));
});

/*
 * A blocking close saw that nothing was left to sync and released the store, with the cut not yet on
 * stable storage; and the cut's flush, which had not departed, was asked of a closed store.
 */
test("a blocking close while a cut is pending completes it first, and asks nothing of the store after", async () => {
  for (const departed of [false, true]) {
    const { store, wal, lsns } = await handLog();
    const cut = wal.truncateAfter(lsns[2] as Lsn);
    if (departed) await turn();
    const flushes = store.blockingFlushCalls;
    wal.closeBlocking();
    assert.equal(store.blockingFlushCalls, flushes + 1, "the cut is flushed before the store is released");
    for (const flight of store.flights) flight.land();
    await cut;
    assert.deepEqual(store.afterClose, []);
    assert.throws(() => wal.append("late"), walFault("WAL_CLOSED"));
  }
});

test("a cut whose flush fails poisons the log; it never opens the gate again", async () => {
  const { store, wal, lsns } = await handLog();
  const cut = wal.truncateAfter(lsns[2] as Lsn);
  await turn();
  store.flight(0).fail(Object.assign(new Error("EIO"), { code: "EIO" }));
  await assert.rejects(cut, walFault("WAL_POISONED", { errno: "EIO" }));
  assert.throws(() => wal.append("new"), walFault("WAL_POISONED", { errno: "EIO" }));
  await assert.rejects(wal.truncateAfter(lsns[0] as Lsn), walFault("WAL_POISONED"));
  await assert.rejects(wal.truncateBefore(lsns[1] as Lsn), walFault("WAL_POISONED"));
  await wal.close();
});

test("a cut that the store refuses poisons the log: how much was cut is not known", async () => {
  const { store, wal, lsns } = await handLog();
  store.onTruncate = () => {
    throw Object.assign(new Error("EIO"), { code: "EIO" });
  };
  await assert.rejects(
    wal.truncateAfter(lsns[2] as Lsn),
    walFault("WAL_IO", { errno: "EIO" }, /Cutting the log/),
  );
  assert.throws(() => wal.append("new"), walFault("WAL_POISONED", { errno: "EIO" }));
});

test("a mark that cannot be lowered leaves the log as it was, and usable", (t) => {
  const disk = new FaultDisk();
  const dir = join(scratchDir(t), "log");
  mkdirSync(dir);
  const wal = Wal.withStoreBlocking(openSegmentedStore(dir, 16, { disk }));
  const lsns = wal.appendBatch(texts);
  wal.syncBlocking();
  // The cut is noted for followers first, then the mark lowered; either may find the disk full.
  for (const [which, message] of [
    [1, /Noting .* was not cut/],
    [2, /mark/],
  ] as const) {
    let writes = 0;
    disk.faults.write = () => (++writes === which ? { errno: "ENOSPC" } : undefined);
    const check = walFault("WAL_IO", { errno: "ENOSPC" }, message);
    assert.throws(() => wal.truncateAfterBlocking(lsns[2] as Lsn), check);
    disk.faults.write = () => undefined;
  }
  assert.deepEqual(textsOf(wal), texts);
  wal.appendAndSyncBlocking("six");
  wal.closeBlocking();
  const again = Wal.openSegmentedBlocking(dir, { segmentSize: 16, onDamage: "refuse" });
  assert.deepEqual(textsOf(again), [...texts, "six"]);
  again.closeBlocking();
});

test("the mark is lowered durably before the first change to a segment", (t) => {
  const disk = new FaultDisk();
  const dir = join(scratchDir(t), "log");
  mkdirSync(dir);
  const wal = Wal.withStoreBlocking(openSegmentedStore(dir, 16, { disk }));
  const lsns = wal.appendBatch(texts);
  wal.syncBlocking();
  const from = disk.calls.length;
  wal.truncateAfterBlocking(lsns[1] as Lsn);
  const calls = disk.calls.slice(from).filter((call) => /^(write|flush|truncate|remove)/.test(call));
  const cut = calls.findIndex((call) => call.startsWith("truncate"));
  const noted = ["flushAll cuts", "flushDirectory log", "write cuts"];
  const lowered = ["write mark", "flushAll mark", "write mark", "flushAll mark"];
  assert.deepEqual(calls.slice(0, cut), [...noted, ...lowered]);
  const removed = calls.filter((call) => call.startsWith("remove"));
  assert.deepEqual(removed, removed.toSorted().toReversed(), "high to low");
  assert.ok(removed.length >= 2);
  assert.match(calls[cut + 1] ?? "", /^flushAll 0+1\.wal$/, "the cut is flushed before the others go");
  assert.ok(calls.lastIndexOf("flushDirectory log") > calls.lastIndexOf(removed.at(-1) ?? ""));
  wal.closeBlocking();
});

test("the mark never claims what is above the end, whatever flushes land", async () => {
  const sim = logsDisk();
  const wal = Wal.withStoreBlocking(openSegmentedStore("/log", 16, { disk: sim }));
  const lsns = wal.appendBatch(texts);
  const sync = wal.sync();
  await Promise.resolve();
  await Promise.resolve();
  wal.truncateAfterBlocking(lsns[0] as Lsn);
  await sync;
  assert.equal(claimOf(sim.files()["/log/mark"] ?? new Uint8Array(0)), lsns[1]);
  assert.equal(wal.durable, lsns[1]);
});

/* ---- iterators ---- */

test("iterators before, at and past a cut: end, end, and WAL_CORRUPT; never a record that was cut off", async () => {
  for (const asked of ["sync", "for await"] as const) {
    for (const seen of [0, 1, 3, 5]) {
      const wal = await Wal.withStore(new MemStore());
      const lsns = wal.appendBatch(texts);
      const walk = wal.iter();
      const found: string[] = [];
      const ahead = walk[Symbol.asyncIterator]();
      const next = async (): Promise<string | undefined> => {
        const step = asked === "sync" ? walk.next() : await ahead.next();
        return step.done === true ? undefined : step.value.text();
      };
      for (let i = 0; i < seen; i++) found.push((await next()) ?? "");
      assert.deepEqual(found, texts.slice(0, seen));
      await wal.truncateAfter(lsns[2] as Lsn);
      wal.appendBatch(["new three", "new four", "new five"]);
      if (seen > 3) {
        await assert.rejects(
          next,
          walFault("WAL_CORRUPT", { reason: "truncated", offset: lsns[seen] as Lsn }),
        );
        assert.equal(await next(), undefined, "and it has ended");
      } else {
        for (let text = await next(); text !== undefined; text = await next()) found.push(text);
        assert.deepEqual(found, texts.slice(0, 3));
      }
      assert.deepEqual(textsOf(wal), [...texts.slice(0, 3), "new three", "new four", "new five"]);
      await wal.close();
    }
  }
});

test("records read before a cut stay valid", async () => {
  const wal = await Wal.withStore(new MemStore());
  const lsns = wal.appendBatch(texts);
  const last = wal.read(lsns[5] as Lsn);
  await wal.truncateAfter(lsns[0] as Lsn);
  wal.append("something longer than what was there");
  assert.equal(last.text(), "five");
});

// The lowest of all cuts was asked of Math.min with one argument for each: a follower that had cut its
// log a hundred thousand times could not call retain any more (RangeError, the stack was exceeded).
test("retain works after very many cuts", async () => {
  const wal = await Wal.withStore(new MemStore());
  const first = wal.append("a");
  for (let i = 0; i < 150_000; i++) {
    wal.append("b");
    wal.truncateAfterBlocking(first);
  }
  const last = wal.append("c");
  assert.equal(await wal.retain({ maxBytes: 9 }), last);
  await wal.close();
});

/*
 * On ext4 with data=writeback a power cut showed record 269, which an acknowledged cut had removed, at
 * the place where a later one had been appended and not synced. Its bytes are right, and so it is read.
 */
test("a record that was cut off may come back past the last sync where a disk shows what its room held; nothing else may", () => {
  for (const segmentSize of [null, 64]) {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const sim = logsDisk();
      let wal = openOn(library, sim, segmentSize);
      const kept = wal.append("kept");
      wal.append("gone");
      wal.syncBlocking();
      wal.truncateAfterBlocking(kept);
      const last = wal.appendAndSyncBlocking("next");
      wal.append("more");
      wal.syncBlocking();
      wal.truncateAfterBlocking(last);
      wal.append("late");
      sim.crash({ room: "remains", chooser: new Random(seed) });
      wal = openOn(library, sim, segmentSize);
      seen.add(textsOf(wal).join(" "));
    }
    assert.deepEqual([...seen].toSorted(), ["kept next", "kept next late", "kept next more"]);
  }
});
