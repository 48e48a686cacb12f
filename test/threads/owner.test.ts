import assert from "node:assert/strict";
import { readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { MemStore, type StoreSide, Wal, type WalRecord, type WalShare, type WalStore } from "wal-db";
import { HandStore } from "../support/hand-store.ts";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";
import { crewOf, openLog, recordsByWriter, segmentSize, type StoreKind, terminateAll } from "./crew.ts";

after(terminateAll);

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

for (const kind of ["file", "segmented", "mapped", "memory"] satisfies StoreKind[]) {
  test(`${kind}: the owner cuts the end while workers append: each cut holds, and they go on`, async (t) => {
    const wal = await openLog(kind, scratchDir(t));
    const first = wal.append("0:first");
    const crew = crewOf(wal.share(), 4, { way: "append", count: 3000 });
    let cuts = 0;
    for (let running = true; running; cuts++) {
      running = !crew.every((writer) => writer.told.some(({ kind: said }) => said === "done"));
      if (cuts % 2 === 0) await wal.truncateAfter(first);
      else wal.truncateAfterBlocking(first);
      // What stands there now is whole, back to back, and no older than the cut.
      let previous: WalRecord | null = null;
      for (const record of wal) {
        if (previous !== null) assert.equal(record.lsn, previous.next);
        previous = record;
      }
      await pause(2);
    }
    await Promise.all(crew.map((writer) => writer.gone));
    assert.ok(cuts > 3, `${cuts} cuts`);
    await wal.truncateAfter(first);
    assert.equal(wal.append("0:next"), wal.read(first).next);
    await wal.close();
  });
}

test("the owner drops the front while workers append", async (t) => {
  const wal = await openLog("segmented", scratchDir(t));
  const crew = crewOf(wal.share(), 3, { way: "append", count: 5000 });
  await Promise.all(crew.map((writer) => writer.says("joined")));
  let drops = 0;
  while (!crew.every((writer) => writer.told.some(({ kind }) => kind === "done"))) {
    const head = await wal.retain({ maxBytes: 20_000 });
    assert.equal(head, wal.head);
    if (head > 0) drops++;
    await pause(2);
  }
  assert.ok(drops > 0);
  recordsByWriter(wal);
  await wal.close();
});

/**
 * Whoever made a segment also saw to it that a spare of the head marker was there. A thread that had
 * joined did so too: it could remove the spare that the owner was about to put in the place of the head, or
 * put one there that says nothing, and the head would have been torn. Only the owner keeps one.
 */
test("a thread that has joined makes segments, and leaves the spare of the head marker alone", async (t) => {
  const folder = scratchDir(t);
  const wal = await openLog("segmented", folder);
  const joined = Wal.attach(wal.share());
  const inFolder = (): string[] => readdirSync(`${folder}/log`).filter((name) => name.startsWith("head"));
  assert.deepEqual(inFolder(), ["head.tmp"], "the owner's, from the day the log is shared");
  rmSync(`${folder}/log/head.tmp`);
  joined.append(new Uint8Array(3 * segmentSize));
  assert.deepEqual(inFolder(), []);
  await joined.close();
  await wal.close();
});

for (const way of ["append", "appendAndSync", "appendAndSyncBlocking", "for-ever"] as const) {
  for (const [kind, blocking] of [
    ["segmented", false],
    ["segmented", true],
    ["mapped", false],
    ["mapped", true],
  ] as const) {
    test(`${kind}: the owner closes${blocking ? ", blocking," : ""} while workers ${way}: they get WAL_CLOSED, and all is there`, async (t) => {
      const folder = scratchDir(t);
      const wal = await openLog(kind, folder);
      const crew = crewOf(wal.share(), 3, { way, count: 10_000_000 });
      await Promise.all(crew.map((writer) => writer.says("joined")));
      await pause(60);
      if (blocking) wal.closeBlocking();
      else await wal.close();
      const { end } = wal;
      assert.equal(wal.durable, end);
      for (const writer of crew) assert.equal((await writer.says("refused")).code, "WAL_CLOSED");
      await Promise.all(crew.map((writer) => writer.gone));
      const again = await openLog("segmented", folder);
      assert.deepEqual(
        [again.end, again.recovery.discarded],
        [end, 0],
        "nothing was written after the close",
      );
      assert.equal(again.recovery.damage, null);
      const found = recordsByWriter(again, new Map([0, 1, 2].map((id) => [id, 0])));
      for (const [id, writer] of crew.entries()) assert.ok((found.get(id) ?? 0) >= writer.acknowledged);
      await again.close();
    });
  }
}

test("a joined log in this same thread: its calls and the owner's do not wait for one another for ever", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  const joined = Wal.attach(wal.share());
  store.byHand = true;
  const first = wal.append("one");
  const pending = wal.appendAndSync("two");
  await pause(1);
  joined.syncBlocking();
  assert.equal(joined.durable, joined.end);
  store.flight(0).land();
  await pending;
  const cut = wal.truncateAfter(first);
  await pause(1);
  const lsn = joined.append("three");
  assert.equal(lsn, wal.read(first).next, "completed the cut that was under way");
  store.flight(1).land();
  await cut;
  assert.deepEqual(
    Array.from(wal, (record) => record.text()),
    ["one", "three"],
  );
  await joined.close();
  store.byHand = false;
  await wal.close();
});

test("what stays with the owner is refused where the log was joined, and closing there leaves it open", async () => {
  const wal = await Wal.withStore(new MemStore());
  const lsn = wal.append("one");
  const share = wal.share();
  assert.equal(wal.share(), share, "asked again: the same log");
  const joined = Wal.attach(share);
  const notHere = walFault("WAL_UNSUPPORTED", {}, /for the thread that opened/);
  await assert.rejects(joined.truncateAfter(lsn), notHere);
  await assert.rejects(joined.truncateBefore(lsn), notHere);
  await assert.rejects(joined.retain({}), notHere);
  assert.throws(() => joined.truncateAfterBlocking(lsn), notHere);
  assert.throws(() => joined.truncateBeforeBlocking(lsn), notHere);
  assert.throws(() => joined.reader("a"), notHere);
  assert.throws(() => joined.share(), notHere);
  assert.deepEqual([joined.head, joined.end, joined.isEmpty], [wal.head, wal.end, false]);
  assert.equal(joined.recovery, wal.recovery);
  const second = await joined.appendAndSync("two");
  assert.equal(wal.read(second).text(), "two");
  assert.equal(joined.stats().appends, 1);
  await joined.close();
  assert.throws(() => joined.append("three"), walFault("WAL_CLOSED"));
  wal.append("three");
  assert.equal(Array.from(wal).length, 3);
  await wal.close();
});

for (const kind of ["file", "segmented", "memory"] satisfies StoreKind[]) {
  test(`${kind}: what a thread that has joined sees of the log, and counts`, async (t) => {
    const wal = await openLog(kind, scratchDir(t));
    wal.appendBatch(Array.from({ length: 200 }, (_, n) => `0:${n}`.padEnd(40)));
    const checkpoint = Array.from(wal)[150]?.lsn ?? wal.end;
    const head = await wal.truncateBefore(checkpoint);
    const [looker] = crewOf(wal.share(), 1, { way: "look", count: 1 });
    const { seen } = (await looker?.says("acknowledged")) ?? {};
    await looker?.gone;
    const texts = Array.from(wal, (record) => record.text());
    assert.deepEqual(seen, {
      head,
      end: wal.end,
      durable: wal.durable,
      isEmpty: false,
      texts,
      textsAhead: texts,
      last: texts.at(-1),
      stats: {
        appends: 1,
        appendedBytes: 8 + 4,
        syncs: 1,
        flushes: 1,
        commits: 1,
        flushLatency: seen?.stats.flushLatency,
        groupSize: seen?.stats.groupSize,
        flushUnderWayMs: null,
        archive: null,
      },
    });
    const { flushLatency, groupSize } = seen?.stats ?? {};
    assert.deepEqual([flushLatency?.count, groupSize?.count, groupSize?.sum], [1, 1, 1]);
    assert.equal(wal.durable, wal.end);
    assert.equal(wal.stats().appends, 200, "each thread counts its own");
    await wal.close();
  });
}

test("what is no share, or one of a log that is closed, is refused", async () => {
  const wrong: unknown[] = [
    null,
    7,
    {},
    { kind: "wal-db" },
    JSON.parse(JSON.stringify({ kind: "wal-db", cells: {} })),
  ];
  for (const each of wrong)
    assert.throws(() => Wal.attach(each as WalShare), walFault("WAL_INVALID_ARGUMENT"));
  const wal = await Wal.withStore(new MemStore());
  const share = wal.share();
  const other = { ...share, layout: 0 } as WalShare;
  assert.throws(() => Wal.attach(other), walFault("WAL_INVALID_ARGUMENT", {}, /another build/i));
  await wal.close();
  assert.throws(() => Wal.attach(share), walFault("WAL_CLOSED"));
  assert.throws(() => wal.share(), walFault("WAL_CLOSED"));
  const plain: WalStore = {
    length: 0,
    head: 0,
    writeAt: () => {},
    readAt: () => 0,
    truncate: () => {},
    truncateBefore: () => 0,
    flush: () => Promise.resolve(),
    flushBlocking: () => {},
    close: () => {},
  };
  const own = await Wal.withStore(plain);
  assert.throws(() => own.share(), walFault("WAL_UNSUPPORTED", {}, /store/));
  await own.close();
});

/** Passes everything on, and each byte as another one: as encryption would. */
class Masked implements WalStore {
  readonly side: StoreSide;
  readonly #inner: MemStore;

  constructor(inner: MemStore, side: StoreSide = inner.side) {
    this.#inner = inner;
    this.side = side;
  }

  get length(): number {
    return this.#inner.length;
  }
  get head(): number {
    return this.#inner.head;
  }
  writeAt(offset: number, bytes: Uint8Array): void {
    this.#inner.writeAt(
      offset,
      bytes.map((byte) => byte ^ 0x55),
    );
  }
  readAt(offset: number, into: Uint8Array): number {
    const count = this.#inner.readAt(offset, into);
    for (let i = 0; i < count; i++) into[i] = (into[i] ?? 0) ^ 0x55;
    return count;
  }
  truncate(length: number): void {
    this.#inner.truncate(length);
  }
  truncateBefore(offset: number): number {
    return this.#inner.truncateBefore(offset);
  }
  flush(): Promise<void> {
    return this.#inner.flush();
  }
  flushBlocking(): void {
    this.#inner.flushBlocking();
  }
  close(): void {
    this.#inner.close();
  }
}

/** Other threads opened what it wraps: they wrote bare records among masked ones, and read none of those. */
test("a store that wraps another, and passes its side on, is not shared; unless it says that it may be", async () => {
  const wal = await Wal.withStore(new Masked(new MemStore()));
  wal.append("masked");
  assert.throws(() => wal.share(), walFault("WAL_UNSUPPORTED", {}, /past the wrapper/));
  await wal.appendAndSync("goes on as before");
  assert.equal(Array.from(wal).length, 2);
  await wal.close();
  const inner = new MemStore();
  const share = (): unknown => inner.side.share?.(inner);
  const open = await Wal.withStore(new Masked(inner, { ...inner.side, share }));
  const joined = Wal.attach(open.share());
  await joined.close();
  await open.close();
});

test("a log file that was replaced by another is not joined", async (t) => {
  const folder = scratchDir(t);
  const wal = await openLog("file", folder);
  renameSync(`${folder}/log.wal`, `${folder}/moved.wal`);
  writeFileSync(`${folder}/log.wal`, "");
  assert.throws(() => Wal.attach(wal.share()), walFault("WAL_LOCKED"));
  await wal.close();
});

test("64 threads can have a log open; one more is told so, and has the place of one that left", async () => {
  const wal = await Wal.withStore(new MemStore());
  const share = wal.share();
  const joined = Array.from({ length: 63 }, () => Wal.attach(share));
  assert.throws(() => Wal.attach(share), walFault("WAL_UNSUPPORTED", {}, /64 threads/));
  for (const [n, each] of joined.entries()) each.append(`${n}`);
  await joined[40]?.close();
  const late = Wal.attach(share);
  late.append("late");
  assert.equal(Array.from(wal).length, 64);
  for (const each of [...joined, late]) await each.close();
  await wal.close();
});

// What was checked when an append began may be otherwise when it reserves: the last word is the gate's.
// Here the record itself closes the log, when its length is asked for, after the check.
for (const kind of ["file", "segmented", "memory"] satisfies StoreKind[]) {
  test(`${kind}: a log that is closed between the check of an append and its reservation takes nothing more`, async (t) => {
    const wal = await openLog(kind, scratchDir(t));
    wal.append("first");
    const joined = Wal.attach(wal.share());
    const { end } = wal;
    const encoder = new TextEncoder();
    const encodeInto = encoder.encodeInto.bind(encoder);
    t.mock.method(TextEncoder.prototype, "encodeInto", function (text: string, into: Uint8Array) {
      wal.closeBlocking();
      return encodeInto(text, into);
    });
    assert.throws(() => joined.append("é"), walFault("WAL_CLOSED"));
    assert.equal(joined.end, end);
    await joined.close();
  });
}
