import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MemStore, Wal, type Lsn } from "wal-db";
import { openSegmentedStore } from "#internal/store/segmented-store.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { HandStore, stateOf, turn } from "../support/hand-store.ts";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";
import { library } from "../support/library.ts";
import { logsDisk } from "../support/logs-disk.ts";
import { openOn } from "../support/simulated-log.ts";
import type { SimulatedDisk } from "wal-db/testing";

const texts = Array.from({ length: 20 }, (_, i) => `record ${i}`.padEnd(30, "."));

function textsOf(wal: Wal): string[] {
  return [...wal].map((record) => record.text());
}

function segmentsIn(dir: string): string[] {
  return readdirSync(dir).filter((name) => name.endsWith(".wal"));
}

function markerIn(dir: string): number {
  return Number(readFileSync(join(dir, "head")).readBigUInt64LE());
}

/** A head a few bytes before the end of a segment: its first bytes, of a header even, are in there. */
test("a segment stays as long as one byte of it is the log's", async (t) => {
  for (let left = 0; left <= 9; left++) {
    const dir = join(scratchDir(t), "log");
    let wal = await Wal.openSegmented(dir, { segmentSize: 64 });
    wal.append("x".repeat(64 - 8 - left));
    const head = wal.append("y".repeat(100));
    assert.equal(wal.truncateBeforeBlocking(head), 64 - left);
    const first = `${"0".repeat(20)}.wal`;
    assert.equal(segmentsIn(dir).includes(first), left > 0, `${left} bytes`);
    await wal.close();
    wal = await Wal.openSegmented(dir, { segmentSize: 64, verify: "full" });
    assert.deepEqual(textsOf(wal), ["y".repeat(100)]);
    await wal.close();
  }
});

test("the head is exact, what is freed is whole segments, and LSNs stay, also after a reopen", async (t) => {
  const dir = join(scratchDir(t), "log");
  let wal = await Wal.openSegmented(dir, { segmentSize: 64 });
  const lsns = wal.appendBatch(texts);
  const before = segmentsIn(dir);
  assert.equal(await wal.truncateBefore(lsns[7] as Lsn), lsns[7]);
  const gone = Math.floor((lsns[7] as number) / 64);
  assert.deepEqual(segmentsIn(dir), before.slice(gone));
  assert.equal(markerIn(dir), lsns[7]);
  for (let round = 0; round < 2; round++) {
    assert.deepEqual([wal.head, wal.end], [lsns[7], 20 * 38]);
    assert.deepEqual(textsOf(wal), texts.slice(7));
    assert.deepEqual(
      [...wal].map((record) => record.lsn),
      lsns.slice(7),
    );
    assert.equal(wal.read(lsns[7] as Lsn).text(), texts[7]);
    assert.throws(() => wal.read(lsns[6] as Lsn), walFault("WAL_CORRUPT", { reason: "truncated" }));
    assert.throws(() => wal.iter({ from: lsns[6] as Lsn }), walFault("WAL_CORRUPT", { reason: "truncated" }));
    await wal.close();
    wal = await Wal.openSegmented(dir, { segmentSize: 64, verify: "full" });
  }
  // All of it: the head is the end, and the last segment stays to say where that is.
  assert.equal(wal.truncateBeforeBlocking(wal.end), wal.end);
  assert.deepEqual([wal.isEmpty, textsOf(wal), segmentsIn(dir).length], [true, [], 1]);
  const next = wal.append("next");
  assert.equal(next, 20 * 38);
  await wal.close();
  wal = await Wal.openSegmented(dir, { segmentSize: 64 });
  assert.deepEqual([wal.head, textsOf(wal)], [next, ["next"]]);
  await wal.close();
});

test("the head never goes back", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.openSegmented(dir, { segmentSize: 64 });
  const lsns = wal.appendBatch(texts);
  await wal.truncateBefore(lsns[10] as Lsn);
  assert.equal(await wal.truncateBefore(lsns[3] as Lsn), lsns[10]);
  assert.equal(wal.truncateBeforeBlocking(0 as Lsn), lsns[10]);
  assert.equal(await wal.retain({ before: lsns[10] }), lsns[10]);
  assert.equal(wal.head, lsns[10]);
  assert.equal(markerIn(dir), lsns[10]);
  // Several at once, in any order: the highest holds.
  const heads = await Promise.all([14, 12, 13].map((i) => wal.truncateBefore(lsns[i] as Lsn)));
  assert.deepEqual(
    heads,
    [14, 14, 14].map((i) => lsns[i]),
  );
  await wal.close();
});

test("what is neither the LSN of a record nor the end is refused and changes nothing", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.openSegmented(dir, { segmentSize: 64 });
  const lsns = wal.appendBatch(texts);
  const refused = async (lsn: unknown, check: (error: unknown) => true): Promise<void> => {
    await assert.rejects(wal.truncateBefore(lsn as Lsn), check);
    assert.throws(() => wal.truncateBeforeBlocking(lsn as Lsn), check);
    assert.deepEqual([wal.head, textsOf(wal)], [0, texts]);
  };
  await refused((lsns[4] as number) + 3, walFault("WAL_CORRUPT"));
  await refused(wal.end + 1, walFault("WAL_CORRUPT", { reason: "end" }));
  for (const bad of [-1, 0.5, "12", null, undefined]) await refused(bad, walFault("WAL_INVALID_ARGUMENT"));
  await wal.close();
  await assert.rejects(wal.truncateBefore(0 as Lsn), walFault("WAL_CLOSED"));
});

test("a single file frees nothing, says 0, and keeps every record", async (t) => {
  const path = join(scratchDir(t), "app.wal");
  const wal = await Wal.open(path);
  const lsns = wal.appendBatch(texts);
  assert.equal(await wal.truncateBefore(lsns[9] as Lsn), 0);
  assert.equal(wal.truncateBeforeBlocking(wal.end), 0);
  assert.equal(await wal.retain({ maxBytes: 0 }), 0);
  assert.deepEqual([wal.head, textsOf(wal)], [0, texts]);
  await wal.close();
});

test("memory is freed, and the image is that of the rest", async () => {
  const store = new MemStore();
  const wal = await Wal.withStore(store);
  const lsns = wal.appendBatch(texts);
  assert.equal(await wal.truncateBefore(lsns[9] as Lsn), lsns[9]);
  const again = await Wal.withStore(new MemStore(store.toBytes(), store.head));
  assert.deepEqual([again.head, textsOf(again)], [lsns[9], texts.slice(9)]);
});

test("disk use goes down", async (t) => {
  const dir = join(scratchDir(t), "log");
  const used = (): number => {
    return readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).blocks * 512, 0);
  };
  const wal = await Wal.openSegmented(dir, { segmentSize: 64 * 1024 });
  const lsns = wal.appendBatch(Array.from({ length: 32 }, () => new Uint8Array(64 * 1024).fill(7)));
  await wal.sync();
  const before = used();
  await wal.truncateBefore(lsns[24] as Lsn);
  const after = used();
  assert.ok(before >= 32 * 64 * 1024, `${before} bytes for 2 MiB`);
  assert.ok(after <= 11 * 64 * 1024, `${after} bytes for a quarter of it`);
  await wal.close();
});

test("what stays is on stable storage, and the head durably replaced, before a segment goes", (t) => {
  const disk = new FaultDisk();
  const dir = join(scratchDir(t), "log");
  mkdirSync(dir);
  const wal = Wal.withStoreBlocking(openSegmentedStore(dir, 64, { disk }));
  const lsns = wal.appendBatch(texts);
  const from = disk.calls.length;
  wal.truncateBeforeBlocking(lsns[9] as Lsn);
  const calls = disk.calls.slice(from).filter((call) => /^(flush|rename|remove \d|write head)/.test(call));
  const replaced = calls.indexOf("rename head.tmp head");
  const firstGone = calls.findIndex((call) => call.startsWith("remove"));
  const flushed = calls.filter((call, i) => i < replaced && /^flush(All|Data) 0/.test(call));
  assert.equal(flushed.length, 12, "all segments are flushed before the head is replaced");
  assert.deepEqual(calls.slice(replaced - 2, firstGone), [
    "write head.tmp",
    "flushAll head.tmp",
    "rename head.tmp head",
    "flushDirectory log",
  ]);
  const gone = calls.filter((call) => call.startsWith("remove"));
  assert.deepEqual(gone, gone.toSorted(), "low to high");
  const removed = calls.indexOf("flushDirectory log", firstGone);
  assert.ok(removed > calls.lastIndexOf(gone.at(-1) ?? ""), "the removals are flushed");
  assert.deepEqual(calls.slice(removed + 1), ["write head.tmp", "flushAll head.tmp"], "then the next spare");
  wal.closeBlocking();
});

test("a head that cannot be replaced leaves the log as it was, and usable", (t) => {
  for (const call of ["rename", "write", "open"] as const) {
    const disk = new FaultDisk();
    const dir = join(scratchDir(t), "log");
    mkdirSync(dir);
    const wal = Wal.withStoreBlocking(openSegmentedStore(dir, 64, { disk }));
    const lsns = wal.appendBatch(texts);
    wal.syncBlocking();
    disk.faults[call] = () => ({ errno: "ENOSPC" });
    assert.throws(
      () => wal.truncateBeforeBlocking(lsns[9] as Lsn),
      walFault("WAL_IO", { errno: "ENOSPC" }),
      call,
    );
    disk.faults[call] = () => undefined;
    assert.deepEqual([wal.head, textsOf(wal)], [0, texts]);
    assert.equal(wal.truncateBeforeBlocking(lsns[9] as Lsn), lsns[9]);
    wal.appendAndSyncBlocking("more");
    wal.closeBlocking();
    assert.deepEqual(disk.openFiles, []);
  }
});

test("a segment that cannot be removed is told, and goes with the next truncation or the next open", (t) => {
  const disk = new FaultDisk();
  const dir = join(scratchDir(t), "log");
  mkdirSync(dir);
  const wal = Wal.withStoreBlocking(openSegmentedStore(dir, 64, { disk }));
  const lsns = wal.appendBatch(texts);
  wal.syncBlocking();
  // The first removal is of a temporary file that is not there.
  disk.faults.remove = (nth) => (nth >= 3 ? { errno: "EBUSY" } : undefined);
  assert.throws(() => wal.truncateBeforeBlocking(lsns[9] as Lsn), walFault("WAL_IO", { errno: "EBUSY" }));
  assert.equal(wal.head, lsns[9], "the head is replaced already");
  assert.deepEqual(textsOf(wal), texts.slice(9));
  wal.closeBlocking();
  disk.faults.remove = () => undefined;
  const again = Wal.withStoreBlocking(openSegmentedStore(dir, 64, { disk }));
  assert.equal(segmentsIn(dir)[0], `${String(Math.floor((lsns[9] as number) / 64)).padStart(20, "0")}.wal`);
  assert.deepEqual(textsOf(again), texts.slice(9));
  again.closeBlocking();
});

/* What an open removes, of a truncation that a crash cut short, failed with the system's own error. */
test("an open that cannot finish a truncation says so as WAL_IO and leaves nothing open", (t) => {
  const disk = new FaultDisk();
  const dir = join(scratchDir(t), "log");
  mkdirSync(dir);
  const wal = Wal.withStoreBlocking(openSegmentedStore(dir, 64, { disk }));
  const lsns = wal.appendBatch(texts);
  wal.reader("somebody");
  wal.syncBlocking();
  disk.faults.remove = (nth) => (nth >= 3 ? { errno: "EBUSY" } : undefined);
  assert.throws(() => wal.truncateBeforeBlocking(lsns[9] as Lsn), walFault("WAL_IO"));
  wal.closeBlocking();
  assert.throws(
    () => Wal.withStoreBlocking(openSegmentedStore(dir, 64, { disk })),
    walFault("WAL_IO", { errno: "EBUSY", path: dir }),
  );
  assert.deepEqual(disk.openFiles, []);
});

/* ---- a full disk ---- */

function bytesOn(sim: SimulatedDisk): number {
  return Object.values(sim.files()).reduce((sum, bytes) => sum + bytes.length, 0);
}

// The new head was written to a new file, which needs a block: on a full disk the one call that frees
// room had none to work in, and the log could only be helped by hand.
test("with no room for one more byte a prefix can be dropped, again and again", () => {
  const sim = logsDisk();
  let wal = Wal.withStoreBlocking(openSegmentedStore("/log", 64, { disk: sim }));
  for (let round = 0; round < 3; round++) {
    const lsns = wal.appendBatch(texts);
    wal.syncBlocking();
    const full = bytesOn(sim);
    sim.capacity = full;
    assert.throws(() => wal.append("x"), walFault("WAL_IO", { errno: "ENOSPC" }));
    const head = lsns[9] as Lsn;
    assert.equal(wal.truncateBeforeBlocking(head), head);
    assert.ok(bytesOn(sim) <= full - 4 * 64, `${bytesOn(sim)} of ${full} bytes`);
    assert.equal(sim.files()["/log/head.tmp"]?.length, 8, "the spare for the next");
    const next = wal.append("there is room");
    assert.equal(next, (lsns[19] as number) + 38, "LSNs stay");
    wal.syncBlocking();
    sim.crash({ keep: "none" });
    wal = Wal.withStoreBlocking(openSegmentedStore("/log", 64, { disk: sim }));
    assert.equal(wal.head, head);
    assert.deepEqual(textsOf(wal), [...texts.slice(9), "there is room"]);
    wal.truncateBeforeBlocking(wal.end);
    sim.capacity = Number.POSITIVE_INFINITY;
  }
});

test("a spare of another length is made anew, one with anything in it is used, and none is needed", () => {
  for (const spare of [new Uint8Array(3), new Uint8Array(9), new Uint8Array(8).fill(7), null]) {
    const sim = logsDisk(spare === null ? {} : { "/log/head.tmp": spare });
    const wal = Wal.withStoreBlocking(openSegmentedStore("/log", 64, { disk: sim }));
    assert.deepEqual(sim.files()["/log/head.tmp"], spare ?? undefined, "an open alone makes no files");
    const lsns = wal.appendBatch(texts);
    assert.equal(sim.files()["/log/head.tmp"]?.length, 8);
    wal.syncBlocking();
    sim.capacity = bytesOn(sim);
    wal.truncateBeforeBlocking(lsns[9] as Lsn);
    sim.crash({ keep: "none" });
    const again = Wal.withStoreBlocking(openSegmentedStore("/log", 64, { disk: sim }));
    assert.deepEqual([again.head, textsOf(again)], [lsns[9], texts.slice(9)]);
  }
});

test("without room and without a spare it is WAL_IO, and nothing is changed", () => {
  const sim = logsDisk();
  const wal = Wal.withStoreBlocking(openSegmentedStore("/log", 64, { disk: sim }));
  const lsns = wal.appendBatch(texts);
  wal.syncBlocking();
  sim.remove("/log/head.tmp");
  const before = sim.files();
  sim.capacity = bytesOn(sim);
  assert.throws(() => wal.truncateBeforeBlocking(lsns[9] as Lsn), walFault("WAL_IO", { errno: "ENOSPC" }));
  assert.deepEqual(sim.files(), before);
  assert.deepEqual([wal.head, textsOf(wal)], [0, texts]);
});

test("a spare that cannot be written: kept when there was no room, else it goes, and the next call works", (t) => {
  for (const errno of ["ENOSPC", "EIO"]) {
    const disk = new FaultDisk();
    const dir = join(scratchDir(t), "log");
    mkdirSync(dir);
    const wal = Wal.withStoreBlocking(openSegmentedStore(dir, 64, { disk }));
    const lsns = wal.appendBatch(texts);
    wal.syncBlocking();
    disk.faults.write = () => (disk.calls.at(-1) === "write head.tmp" ? { errno } : undefined);
    assert.throws(() => wal.truncateBeforeBlocking(lsns[9] as Lsn), walFault("WAL_IO", { errno }));
    assert.equal(readdirSync(dir).includes("head.tmp"), errno === "ENOSPC");
    assert.deepEqual([wal.head, textsOf(wal)], [0, texts]);
    disk.faults.write = () => undefined;
    assert.equal(wal.truncateBeforeBlocking(lsns[9] as Lsn), lsns[9]);
    assert.equal(markerIn(dir), lsns[9]);
    wal.closeBlocking();
    assert.deepEqual(disk.openFiles, []);
  }
});

test("a spare that cannot be made does not keep a log from growing, or a prefix from being dropped", (t) => {
  const disk = new FaultDisk();
  const dir = join(scratchDir(t), "log");
  mkdirSync(dir);
  disk.faults.open = () => (disk.calls.at(-1) === "open head.tmp create" ? { errno: "EIO" } : undefined);
  const wal = Wal.withStoreBlocking(openSegmentedStore(dir, 64, { disk }));
  const lsns = wal.appendBatch(texts);
  wal.syncBlocking();
  disk.faults.open = () => undefined;
  assert.equal(wal.truncateBeforeBlocking(lsns[9] as Lsn), lsns[9]);
  assert.ok(readdirSync(dir).includes("head.tmp"), "made with the drop");
  wal.closeBlocking();
  assert.deepEqual(disk.openFiles, []);
});

/* ---- what comes while a prefix is being dropped ---- */

async function handLog(): Promise<{ store: HandStore; wal: Wal; lsns: Lsn[] }> {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  const lsns = wal.appendBatch(texts);
  store.byHand = true;
  return { store, wal, lsns };
}

test("nothing is dropped before what stays is on stable storage; appends go on meanwhile", async () => {
  const { store, wal, lsns } = await handLog();
  const dropped = wal.truncateBefore(lsns[5] as Lsn);
  assert.equal(await stateOf(dropped), "pending");
  assert.equal(wal.head, 0);
  wal.append("meanwhile");
  store.flight(0).land();
  assert.equal(await dropped, lsns[5]);
  assert.deepEqual(textsOf(wal), [...texts.slice(5), "meanwhile"]);
});

/*
 * While truncateBefore waited for its sync, the record that was to be the head was cut off and
 * others written over it: the head came to stand within one of those, and the log could not be read.
 */
test("a record that is cut off while truncateBefore waits does not become the head", async () => {
  const { store, wal, lsns } = await handLog();
  const dropped = wal.truncateBefore(lsns[5] as Lsn);
  await turn();
  wal.truncateAfterBlocking(lsns[2] as Lsn);
  wal.append("other".repeat(50));
  for (const flight of store.flights) flight.land();
  await assert.rejects(dropped, walFault("WAL_CORRUPT", { reason: "truncated", offset: lsns[5] as Lsn }));
  assert.deepEqual([wal.head, textsOf(wal)], [0, [...texts.slice(0, 3), "other".repeat(50)]]);
});

test("truncateBefore while truncateAfter is pending, and the other way round", async () => {
  const { store, wal, lsns } = await handLog();
  wal.syncBlocking();
  const after = wal.truncateAfter(lsns[9] as Lsn);
  const before = wal.truncateBefore(lsns[4] as Lsn);
  await turn();
  for (const flight of store.flights) flight.land();
  await after;
  assert.equal(await before, lsns[4]);
  assert.deepEqual(textsOf(wal), texts.slice(4, 10));
  wal.append("new");
  const dropped = assert.rejects(
    wal.truncateBefore(wal.end),
    walFault("WAL_CORRUPT", { reason: "truncated" }),
  );
  const cut = wal.truncateAfter(lsns[6] as Lsn);
  for (let i = 0; i < 4; i++) {
    for (const flight of store.flights) flight.land();
    await turn();
  }
  await cut;
  await dropped;
  assert.deepEqual(textsOf(wal), texts.slice(4, 7));
});

test("close while truncateBefore waits: it is refused, or done; the log is whole", async () => {
  const { store, wal, lsns } = await handLog();
  const dropped = wal.truncateBefore(lsns[5] as Lsn);
  const close = wal.close();
  await turn();
  for (const flight of store.flights) flight.land();
  await assert.rejects(dropped, walFault("WAL_CLOSED"));
  await close;
  assert.deepEqual(store.afterClose, []);
});

test("iterators that stand in what is dropped get WAL_CORRUPT, those past it go on", async (t) => {
  for (const asked of ["sync", "for await"] as const) {
    const dir = join(scratchDir(t), "log");
    const wal = await Wal.openSegmented(dir, { segmentSize: 64 });
    const lsns = wal.appendBatch(texts);
    const behind = wal.iter({ from: lsns[2] as Lsn });
    const ahead = wal.iter({ from: lsns[12] as Lsn });
    const nextOf = (walk: typeof behind): (() => Promise<string | undefined>) => {
      const iterator = walk[Symbol.asyncIterator]();
      return async () => {
        const step = asked === "sync" ? walk.next() : await iterator.next();
        return step.done === true ? undefined : step.value.text();
      };
    };
    const [nextBehind, nextAhead] = [nextOf(behind), nextOf(ahead)];
    assert.equal(await nextBehind(), texts[2]);
    assert.equal(await nextAhead(), texts[12]);
    await wal.truncateBefore(lsns[13] as Lsn);
    await assert.rejects(nextBehind, walFault("WAL_CORRUPT", { reason: "truncated" }));
    const rest: string[] = [];
    for (let text = await nextAhead(); text !== undefined; text = await nextAhead()) rest.push(text);
    assert.deepEqual(rest, texts.slice(13));
    await wal.close();
  }
});

/*
 * The flush of the directory failed when the new head had its name already. truncateBefore threw, the log went on
 * with the old head, and a truncateAfter then put its end below the new one: `head-past-end`, which no policy
 * opens. Found by the simulator, seed 3501.
 */
test("a head whose name could not be flushed poisons the log, so that nothing is cut below it", async () => {
  for (const blocking of [true, false]) {
    const disk = logsDisk();
    const wal = openOn(library, disk, 64);
    const lsns = wal.appendBatch(texts.slice(0, 6));
    wal.syncBlocking();
    const head = lsns[4] as Lsn;
    disk.inject({ call: "flushDirectory", effect: { kind: "fail", errno: "EIO" } });
    const failed = walFault("WAL_IO", { errno: "EIO" });
    if (blocking) assert.throws(() => wal.truncateBeforeBlocking(head), failed);
    else await assert.rejects(wal.truncateBefore(head), failed);
    assert.throws(() => wal.truncateAfterBlocking(lsns[0] as Lsn), walFault("WAL_POISONED"));
    assert.throws(() => wal.append("more"), walFault("WAL_POISONED"));
    assert.deepEqual(textsOf(wal), texts.slice(0, 6));
    disk.kill();
    const again = openOn(library, disk, 64);
    assert.deepEqual([again.head, textsOf(again)], [head, texts.slice(4, 6)]);
    again.closeBlocking();
  }
});

test("a head that could not be written leaves the log as it was", () => {
  const disk = logsDisk();
  const wal = openOn(library, disk, 64);
  const lsns = wal.appendBatch(texts.slice(0, 6));
  wal.syncBlocking();
  disk.inject({ call: "rename", effect: { kind: "fail", errno: "EIO" } });
  assert.throws(() => wal.truncateBeforeBlocking(lsns[4] as Lsn), walFault("WAL_IO"));
  wal.truncateAfterBlocking(lsns[0] as Lsn);
  wal.appendAndSyncBlocking("more");
  disk.crash({ keep: "none" });
  assert.deepEqual(textsOf(openOn(library, disk, 64)), [texts[0], "more"]);
});
