/** Following a log that is open here: what comes, when, and how it ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FollowOptions, Lsn, MemStore, Wal, type WalError, type WalRecord } from "wal-db";
import { LogState, cellCount } from "#internal/commit/log-state.js";
import { PlainCells } from "#internal/commit/cells.js";
import { LocalProgress } from "#internal/commit/progress.js";
import { followRestBytesMax } from "#internal/limits.js";
import { HandStore, stateOf, turn } from "../support/hand-store.js";
import { Random } from "#internal/testing/random.js";
import { scratchDir } from "../support/scratch.js";
import { systemError, walFault } from "../support/wal-fault.js";

type Given = IteratorResult<WalRecord, unknown>;

function textOf(given: Given): string {
  return given.done === true ? "(done)" : given.value.text();
}

/** The next `count` records, which must be there. */
async function take(follower: AsyncIterator<WalRecord>, count: number): Promise<string[]> {
  const texts: string[] = [];
  for (let i = 0; i < count; i++) texts.push(textOf(await follower.next()));
  return texts;
}

async function rest(follower: AsyncIterable<WalRecord>): Promise<string[]> {
  const texts: string[] = [];
  for await (const record of follower) texts.push(record.text());
  return texts;
}

test("the records that are there, then those that come, from wherever it begins", async () => {
  const wal = await Wal.withStore(new MemStore());
  wal.append("one");
  const second = wal.append("two");
  const all = wal.follow();
  const some = wal.follow({ from: second });
  const none = wal.follow({ from: wal.end });
  assert.deepEqual(await take(all, 2), ["one", "two"]);
  const waiting = all.next();
  assert.equal(await stateOf(waiting), "pending");
  wal.append("three");
  wal.appendBatch(["four", "five"]);
  assert.equal(textOf(await waiting), "three");
  assert.deepEqual(await take(all, 2), ["four", "five"]);
  assert.deepEqual(await take(some, 4), ["two", "three", "four", "five"]);
  assert.deepEqual(await take(none, 3), ["three", "four", "five"]);
  await wal.close();
});

test("a wait that is not persistent holds no timer and nothing else, and reads nothing", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  const before = process.getActiveResourcesInfo().toSorted();
  let reads = 0;
  store.readAt = (offset, into) => {
    reads++;
    return MemStore.prototype.readAt.call(store, offset, into);
  };
  const persistent = false;
  const waiting = [wal.follow({ persistent }).next(), wal.follow({ persistent, until: "durable" }).next()];
  for (const each of waiting) assert.equal(await stateOf(each), "pending");
  const during = process.getActiveResourcesInfo().filter((name) => name !== "Immediate");
  assert.deepEqual(
    during.toSorted(),
    before.filter((name) => name !== "Immediate"),
  );
  assert.equal(reads, 0);
  await wal.close();
  assert.deepEqual(await Promise.all(waiting.map(async (each) => textOf(await each))), ["(done)", "(done)"]);
});

test("an append nobody waits for looks at one field, and one that is waited for wakes once", () => {
  const state = new LogState(new PlainCells(cellCount), 0);
  state.start(Lsn(0), Lsn(0), Lsn(0));
  const progress = new LocalProgress(state);
  let woken = 0;
  const wake = (): void => void woken++;
  assert.equal(progress.appendAwaited, false);
  progress.whenPast(Lsn(0), "appended", progress.epoch, wake);
  assert.equal(progress.appendAwaited, true);
  progress.afterAppend();
  assert.deepEqual([woken, progress.appendAwaited], [1, false]);
  progress.afterAppend();
  assert.equal(woken, 1);
  progress.whenPast(Lsn(0), "durable", progress.epoch, wake);
  assert.equal(progress.appendAwaited, false);
  progress.afterFlush();
  assert.equal(woken, 2);
  // What came between the look and the wait is not missed.
  const seen = progress.epoch;
  progress.turn();
  progress.whenPast(Lsn(0), "appended", seen, wake);
  assert.equal(woken, 3);
  progress.whenPast(Lsn(0), "appended", progress.epoch, wake)();
  progress.turn();
  assert.equal(woken, 3);
});

test("durable: nothing before the flush that makes it so, appended: at once", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  store.byHand = true;
  const appended = wal.follow();
  const durable = wal.follow({ until: "durable" });
  wal.append("one");
  const synced = wal.sync();
  await turn();
  wal.append("two"); // after the flush began
  assert.deepEqual(await take(appended, 2), ["one", "two"]);
  const waiting = durable.next();
  assert.equal(await stateOf(waiting), "pending");
  store.flight(0).land();
  await synced;
  assert.equal(textOf(await waiting), "one");
  const next = durable.next();
  assert.equal(await stateOf(next), "pending");
  wal.syncBlocking();
  assert.equal(textOf(await next), "two");
  store.byHand = false;
  await wal.close();
});

test("durable may begin past what is durable, and waits there", async () => {
  const wal = await Wal.withStore(new MemStore());
  wal.append("one");
  const durable = wal.follow({ from: wal.end, until: "durable" });
  const waiting = durable.next();
  await wal.sync();
  assert.equal(await stateOf(waiting), "pending");
  await wal.appendAndSync("two");
  assert.equal(textOf(await waiting), "two");
  await wal.close();
});

/* ---- the end ---- */

for (const how of ["close", "closeBlocking"] as const) {
  test(`${how}: what was committed is given, then it ends; the closed store is not read`, async () => {
    const store = new HandStore();
    const wal = await Wal.withStore(store);
    wal.append("one");
    const untouched = wal.follow();
    const behind = wal.follow();
    const durable = wal.follow({ until: "durable" });
    const idle = wal.follow({ from: wal.end });
    const waiting = idle.next();
    assert.deepEqual(await take(behind, 1), ["one"]);
    wal.appendBatch(["two", "three"]);
    // In the middle of a read.
    const reading = durable.next();
    await wal[how]();
    assert.deepEqual(await rest(untouched), ["one", "two", "three"]);
    assert.deepEqual(await rest(behind), ["two", "three"]);
    assert.deepEqual([textOf(await reading), ...(await rest(durable))], ["one", "two", "three"]);
    assert.deepEqual([textOf(await waiting), ...(await rest(idle))], ["two", "three"]);
    assert.deepEqual(store.afterClose, []);
    assert.throws(() => wal.follow(), walFault("WAL_CLOSED"));
  });
}

test("a follower that is far behind when the log is closed is told that there was more", async () => {
  const wal = await Wal.withStore(new MemStore());
  const record = new Uint8Array(1024 * 1024);
  const fits = Math.floor(followRestBytesMax / (record.length + 8));
  for (let i = 0; i < fits + 3; i++) wal.append(record);
  const follower = wal.follow();
  await wal.close();
  let given = 0;
  const all = (async () => {
    for await (const each of follower) given += each.length === record.length ? 1 : 0;
  })();
  await assert.rejects(all, walFault("WAL_CLOSED"));
  assert.equal(given, fits);
  assert.equal((await follower.next()).done, true);
});

test("a poisoned log: what was committed, then WAL_POISONED; whoever waits is told at once", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  await wal.appendAndSync("durable");
  store.byHand = true;
  const waiting = wal.follow({ from: wal.end, until: "durable" }).next();
  const late = wal.follow();
  const lateDurable = wal.follow({ until: "durable" });
  const lost = wal.appendAndSync("not durable");
  await turn();
  store.flight(0).fail(systemError("EIO"));
  await assert.rejects(lost, walFault("WAL_POISONED"));
  await assert.rejects(waiting, walFault("WAL_POISONED", { errno: "EIO" }));
  assert.deepEqual(await take(late, 2), ["durable", "not durable"]);
  await assert.rejects(late.next(), walFault("WAL_POISONED"));
  assert.equal(textOf(await late.next()), "(done)");
  await wal.close();
  assert.deepEqual(await take(lateDurable, 1), ["durable"]);
  await assert.rejects(lateDurable.next(), walFault("WAL_POISONED"));
});

test("an abort ends it with the signal's reason: before, while it waits, while it reads", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  const reason = new Error("enough");
  const gone = wal.follow({ signal: AbortSignal.abort(reason) });
  await assert.rejects(gone.next(), reason);
  assert.equal(textOf(await gone.next()), "(done)");

  const waits = new AbortController();
  const follower = wal.follow({ signal: waits.signal });
  const asked = [follower.next(), follower.next(), follower.next()];
  const outcomes = Promise.allSettled(asked);
  assert.equal(await stateOf(outcomes), "pending");
  waits.abort(reason);
  const [first, ...others] = await outcomes;
  assert.deepEqual(first, { status: "rejected", reason });
  for (const other of others) assert.equal(other.status === "fulfilled" && textOf(other.value), "(done)");

  wal.append("never read");
  Object.assign(store, { readAhead: () => new Promise(() => {}) });
  const reads = new AbortController();
  const reading = wal.follow({ signal: reads.signal }).next();
  assert.equal(await stateOf(reading), "pending");
  reads.abort(reason);
  await assert.rejects(reading, reason);
  await wal.close();
});

test("return ends it, also for those who wait", async () => {
  const wal = await Wal.withStore(new MemStore());
  const follower = wal.follow();
  const asked = [follower.next(), follower.next()];
  assert.equal(await stateOf(Promise.race(asked)), "pending");
  assert.equal((await follower.return?.())?.done, true);
  for (const each of asked) assert.equal(textOf(await each), "(done)");
  wal.append("one");
  assert.equal(textOf(await follower.next()), "(done)");

  const broken = wal.follow();
  for await (const record of broken) {
    assert.equal(record.text(), "one");
    break;
  }
  assert.equal(textOf(await broken.next()), "(done)");
  await wal.close();
});

test("calls of next at the same time are answered in order, one record each", async () => {
  const wal = await Wal.withStore(new MemStore());
  const follower = wal.follow();
  const order: string[] = [];
  const asked = Array.from({ length: 50 }, async (_, number) => {
    const text = textOf(await follower.next());
    order.push(`${number}:${text}`);
  });
  for (let i = 0; i < 20; i++) wal.append(`${i}`);
  await turn();
  wal.appendBatch(Array.from({ length: 30 }, (_, i) => `${20 + i}`));
  await Promise.all(asked);
  assert.deepEqual(
    order,
    Array.from({ length: 50 }, (_, i) => `${i}:${i}`),
  );
  await wal.close();
});

test("nothing is read that nobody asks for", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  const record = new Uint8Array(300_000);
  for (let i = 0; i < 10; i++) wal.append(record);
  let bytes = 0;
  store.readAt = (offset, into) => {
    bytes += into.length;
    return MemStore.prototype.readAt.call(store, offset, into);
  };
  const follower = wal.follow();
  await turn();
  assert.equal(bytes, 0);
  await take(follower, 2);
  await turn();
  assert.ok(bytes < 4 * record.length, `${bytes} bytes were read for two records`);
  await wal.close();
});

/* ---- truncation, damage ---- */

test("the end cut off: a follower past it is told where, one before it goes on", async () => {
  const wal = await Wal.withStore(new MemStore());
  const first = wal.append("one");
  wal.append("two");
  wal.append("3");
  const cut = wal.read(first).next;
  const ahead = wal.follow();
  const at = wal.follow();
  // Has read all three ahead, and given the first.
  const before = wal.follow();
  await take(ahead, 3);
  await take(at, 1);
  await take(before, 1);
  const waiting = ahead.next();
  const cutting = wal.truncateAfter(first);
  await assert.rejects(waiting, walFault("WAL_CORRUPT", { reason: "truncated", offset: cut }));
  await cutting;
  wal.append("TWO");
  wal.append("4");
  // Asked again, it goes on at the cut.
  assert.deepEqual(await take(ahead, 2), ["TWO", "4"]);
  assert.deepEqual(await take(at, 2), ["TWO", "4"]);
  assert.deepEqual(await take(before, 2), ["TWO", "4"]);
  await wal.close();
});

test("a cut while a read is under way: what it brings is not given", async () => {
  // The read had asked for both records; when it came back one of them had been replaced.
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  const first = wal.append("one");
  wal.append("two");
  let land: (() => void) | undefined;
  Object.assign(store, {
    readAhead(offset: number, into: Uint8Array): Promise<number> {
      const got = store.readAt(offset, into);
      return new Promise((resolve) => {
        land = () => resolve(got);
      });
    },
  });
  const follower = wal.follow();
  const asked = [follower.next(), follower.next()];
  await turn();
  wal.truncateAfterBlocking(first);
  wal.append("TWO");
  const early = land;
  Object.assign(store, { readAhead: undefined });
  early?.();
  assert.deepEqual(await Promise.all(asked.map(async (each) => textOf(await each))), ["one", "TWO"]);
  await wal.close();
});

test("the front dropped: a follower below the new head is told, one at it goes on", async (t) => {
  const wal = await Wal.openSegmented(`${scratchDir(t)}/log`, { segmentSize: 64 });
  const lsns = Array.from({ length: 12 }, (_, i) => wal.append(`record ${i}`.padEnd(24)));
  const below = wal.follow();
  const at = wal.follow({ from: lsns[8] });
  await take(below, 2);
  await wal.truncateBefore(lsns[8] as Lsn);
  await assert.rejects(below.next(), walFault("WAL_CORRUPT", { reason: "truncated", offset: lsns[2] }));
  assert.deepEqual(
    (await take(at, 1)).map((text) => text.trim()),
    ["record 8"],
  );
  assert.throws(() => wal.follow({ from: lsns[2] }), walFault("WAL_CORRUPT", { reason: "truncated" }));
  assert.equal((await take(wal.follow(), 1))[0]?.trim(), "record 8");
  await wal.close();
});

test("damage is told, and ends it", async () => {
  const store = new MemStore();
  const wal = await Wal.withStore(store);
  wal.append("one");
  const second = wal.append("two");
  store.writeAt(second + 8, new Uint8Array([0xff]));
  const follower = wal.follow();
  assert.deepEqual(await take(follower, 1), ["one"]);
  await assert.rejects(
    follower.next(),
    walFault("WAL_CORRUPT", { reason: "checksum-mismatch", offset: second }),
  );
  assert.equal(textOf(await follower.next()), "(done)");
  await wal.close();
});

test("a store that fails to read, or ends early", async () => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  const lsn = wal.append("one");
  store.readAt = () => {
    throw systemError("EIO");
  };
  await assert.rejects(wal.follow().next(), walFault("WAL_IO", { errno: "EIO" }));
  store.readAt = () => 0;
  await assert.rejects(wal.follow().next(), walFault("WAL_CORRUPT", { reason: "torn-payload", offset: lsn }));
  store.readAt = MemStore.prototype.readAt.bind(store);
  await wal.close();
});

test("what is no option of follow is refused", async () => {
  const wal = await Wal.withStore(new MemStore());
  const bad: unknown[] = [
    null,
    7,
    { from: -1 },
    { from: 1.5 },
    { from: 9 },
    { until: "later" },
    { signal: {} },
  ];
  for (const options of bad) {
    assert.throws(() => wal.follow(options as FollowOptions), walFault("WAL_INVALID_ARGUMENT"));
  }
  await wal.close();
});

/* ---- everything at once ---- */

interface Copy {
  readonly records: Map<number, string>;
  readonly told: string[];
}

/** Whoever heeds what a follower says has the log: takes back what was cut, and asks the follower again. */
async function keepCopy(
  wal: Wal,
  until: "appended" | "durable",
  copy: Copy,
  check: (record: WalRecord) => void,
): Promise<void> {
  const follower = wal.follow({ until });
  for (;;) {
    try {
      for await (const record of follower) {
        check(record);
        assert.ok(!copy.records.has(record.lsn), `the record at ${record.lsn} was given twice`);
        copy.records.set(record.lsn, record.text());
      }
      return;
    } catch (error) {
      const { code, reason, offset } = error as WalError;
      if (code !== "WAL_CORRUPT" || reason !== "truncated" || offset === undefined) throw error;
      copy.told.push(`${offset}`);
      for (const lsn of copy.records.keys()) if (lsn >= offset) copy.records.delete(lsn);
    }
  }
}

async function randomLife(
  seed: number,
  forget: boolean,
): Promise<{ copies: Copy[]; log: Map<number, string> }> {
  const random = new Random(seed);
  const wal = await Wal.withStore(new MemStore());
  const log = new Map<number, string>();
  const copies: Copy[] = [];
  const keeping: Promise<void>[] = [];
  for (const until of ["appended", "durable"] as const) {
    const copy: Copy = { records: new Map(), told: [] };
    copies.push(copy);
    const check = (record: WalRecord): void => {
      assert.equal(log.get(record.lsn), record.text(), `seed ${seed}: ${record.lsn} is not in the log`);
      if (until === "durable")
        assert.ok(record.next <= wal.durable, `seed ${seed}: given before it was durable`);
    };
    keeping.push(keepCopy(wal, until, copy, check));
  }
  for (let step = 0; step < 120; step++) {
    const what = random.next(10);
    if (what < 6) {
      // Few lengths: what replaces a record is often as long as it was.
      const texts = Array.from({ length: 1 + random.next(4) }, () =>
        `${step}`.padEnd(4 + 4 * random.next(2)),
      );
      const lsns = wal.appendBatch(texts);
      lsns.forEach((lsn, i) => log.set(lsn, texts[i] as string));
    } else if (what === 6) {
      void wal.sync();
    } else if (what === 7) {
      wal.syncBlocking();
    } else if (log.size > 0) {
      const lsn = [...log.keys()][random.next(log.size)] as Lsn;
      for (const each of log.keys()) if (each > lsn) log.delete(each);
      const cut = wal.truncateAfter(lsn);
      if (random.next(2) === 0) await cut;
    }
    for (let n = random.next(3); n > 0; n--) await turn();
  }
  await wal.close();
  await Promise.all(keeping);
  if (forget) copies[0]?.records.delete([...log.keys()].at(-1) ?? -1);
  return { copies, log };
}

const lives = process.env["WAL_DB_LONG"] === "1" ? 2000 : 100;

test(`${lives} random lives: whoever heeds a follower ends with the log, and never saw what was not in it`, async () => {
  let told = 0;
  for (let seed = 1; seed <= lives; seed++) {
    const { copies, log } = await randomLife(seed, false);
    for (const copy of copies) {
      assert.deepEqual([...copy.records], [...log], `seed ${seed}`);
      told += copy.told.length;
    }
  }
  assert.ok(told > lives, "there were hardly any cuts under a follower");
});

test("a copy that lacks a record would have been noticed", async () => {
  const { copies, log } = await randomLife(1, true);
  assert.notDeepEqual([...(copies[0]?.records ?? [])], [...log]);
});
