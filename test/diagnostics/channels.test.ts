/** What an open log tells on the channels of node:diagnostics_channel: each kind of message, with its facts. */
import assert from "node:assert/strict";
import { type Channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mock, test, type TestContext } from "node:test";
import { type Lsn, MemStore, Wal, type WalError } from "wal-db";
import { MappedStore } from "wal-db/mapped";
import { provideChannels } from "#internal/diagnostics/channels.js";
import { nodeChannels } from "#internal/diagnostics/node-channels.js";
import { HandStore, turn } from "../support/hand-store.js";
import { channelNames, listenTo } from "../support/listening.js";
import { scratchDir } from "../support/scratch.js";
import { systemError, walFault } from "../support/wal-fault.js";

const text = "x".repeat(24);

function taking(): void {}

async function fileLog(t: TestContext): Promise<{ path: string; wal: Wal }> {
  const path = join(scratchDir(t), "a.wal");
  return { path, wal: await Wal.open(path) };
}

test("open and recovery: who it is, what was found, before the caller goes on", async (t) => {
  const { path, wal } = await fileLog(t);
  wal.appendBatch(["a", "b", "c"]);
  await wal.close();
  appendFileSync(path, new Uint8Array([1, 2, 3]));
  const heard = listenTo(t);
  const again = await Wal.open(path, { verify: "full" });
  const log = { path, store: "FileStore", thread: 0 };
  assert.deepEqual(heard.names, ["wal-db:recovery", "wal-db:damage", "wal-db:open"]);
  const [recovery] = heard.of("wal-db:recovery");
  const [open] = heard.of("wal-db:open");
  assert.ok(recovery !== undefined && open !== undefined);
  assert.ok(recovery.durationMs >= 0 && open.durationMs >= recovery.durationMs);
  assert.deepEqual({ ...recovery, durationMs: 0 }, { ...log, durationMs: 0, report: again.recovery });
  const bounds = { head: 0, end: 27, durable: 27 };
  assert.deepEqual({ ...open, durationMs: 0 }, { ...log, durationMs: 0, role: "owner", ...bounds });
  assert.deepEqual(heard.of("wal-db:damage"), [
    {
      ...log,
      foundBy: "open",
      offset: 27,
      reason: "torn-header",
      kind: "torn",
      bytes: 3,
      lostBytes: 0,
      quarantine: null,
      error: null,
    },
  ]);
  const reader = Wal.openBlocking(path, { readOnly: true });
  await turn();
  assert.equal(heard.of("wal-db:open").at(-1)?.role, "reader");
  reader.closeBlocking();
  await again.close();
});

test("append and flush: records are counted, a group is told once", async (t) => {
  const { wal, path } = await fileLog(t);
  const heard = listenTo(t, ["wal-db:append", "wal-db:flush"]);
  await Promise.all(Array.from({ length: 10 }, () => wal.appendAndSync(text)));
  assert.deepEqual(heard.names, ["wal-db:flush", "wal-db:append"]);
  const log = { path, store: "FileStore", thread: 0 };
  assert.deepEqual(heard.of("wal-db:append"), [{ ...log, records: 10, bytes: 320, end: 320 }]);
  const [flush] = heard.of("wal-db:flush");
  assert.ok(flush !== undefined && flush.durationMs > 0);
  assert.deepEqual(
    { ...flush, durationMs: 0 },
    { ...log, durationMs: 0, groupSize: 10, bytes: 320, durable: 320, error: null },
  );
  wal.append(text);
  wal.append(text);
  wal.syncBlocking();
  await turn();
  assert.equal(heard.of("wal-db:append").at(-1)?.records, 2);
  const blocking = heard.of("wal-db:flush").at(-1);
  assert.deepEqual([blocking?.groupSize, blocking?.bytes, blocking?.durable], [1, 64, 384]);
  await wal.sync();
  assert.equal(heard.names.length, 4, "with nothing new there is nothing to tell");
  wal.append("left to close");
  await wal.close();
  assert.equal(heard.of("wal-db:append").at(-1)?.records, 1);
  const told = heard.of("wal-db:append").reduce((sum, { bytes }) => sum + bytes, 0);
  const { appends, appendedBytes, flushLatency, groupSize, flushes } = wal.stats();
  assert.deepEqual([appends, appendedBytes], [13, told]);
  assert.deepEqual([flushLatency.count, groupSize.count, groupSize.sum, flushes], [3, 3, 12, 3]);
  assert.deepEqual([groupSize.max, groupSize.min], [10, 1]);
});

test("those who come while a flush is under way are of the next group, and no caller is counted twice", async (t) => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  store.byHand = true;
  const heard = listenTo(t, ["wal-db:flush"]);
  const waiters = [wal.appendAndSync("1"), wal.appendAndSync("2")];
  await turn();
  // Covered by the flush under way: they share it.
  waiters.push(wal.sync().then(() => wal.end));
  for (const record of ["3", "4", "5"]) waiters.push(wal.appendAndSync(record));
  await turn();
  assert.notEqual(wal.stats().flushUnderWayMs, null);
  // Speaks for those who wait for the next flush as well.
  wal.syncBlocking();
  // Joins the group of those who have been answered by now.
  waiters.push(wal.appendAndSync("6"));
  await turn();
  store.flight(0).land();
  await turn();
  store.flight(1).land();
  await Promise.all(waiters);
  const sizes = heard.of("wal-db:flush").map(({ groupSize }) => groupSize);
  assert.deepEqual([sizes, wal.stats().groupSize.sum], [[4, 3, 1], 8]);
  assert.equal(wal.stats().flushUnderWayMs, null);
  assert.deepEqual(
    heard.of("wal-db:flush").map(({ bytes }) => bytes),
    [45, 0, 9],
    "the flight that landed last made nothing durable that was not",
  );
});

test("slow-flush: above a second, by the clock of the log", async (t) => {
  let now = 1000;
  let takes = 0;
  const clock = mock.method(performance, "now", () => now);
  t.after(() => clock.mock.restore());
  class SlowStore extends MemStore {
    override async flush(): Promise<void> {
      now += takes;
    }
  }
  const wal = await Wal.withStore(new SlowStore());
  const heard = listenTo(t, ["wal-db:slow-flush"]);
  for (takes of [1, 1000, 1000.5, 2500]) await wal.appendAndSync(text);
  assert.deepEqual(
    heard
      .of("wal-db:slow-flush")
      .map(({ durationMs, thresholdMs, store, path }) => [durationMs, thresholdMs, store, path]),
    [
      [1000.5, 1000, "SlowStore", "(memory)"],
      [2500, 1000, "SlowStore", "(memory)"],
    ],
  );
  const { flushLatency } = wal.stats();
  assert.deepEqual([flushLatency.min, flushLatency.max, flushLatency.sum], [1, 2500, 4501.5]);
  assert.deepEqual(
    flushLatency.buckets.filter(({ le }) => le === 1.024).map(({ count }) => count),
    [1],
  );
});

for (const kind of ["segmented", "mapped"] as const) {
  test(`segment: each ${kind} one, once it is full and durable`, async (t) => {
    const dir = join(scratchDir(t), "log");
    const heard = listenTo(t, ["wal-db:segment"]);
    const size = kind === "mapped" ? 65_536 : 100;
    const record = "x".repeat(size / 4);
    const wal =
      kind === "mapped"
        ? await Wal.withStore(MappedStore.open(dir, size))
        : await Wal.openSegmented(dir, { segmentSize: size });
    for (let i = 0; i < 5; i++) wal.append(record);
    assert.deepEqual(heard.names, [], "full, and not durable");
    await wal.sync();
    for (let i = 0; i < 4; i++) await wal.appendAndSync(record);
    const turns = heard.of("wal-db:segment");
    assert.deepEqual(
      turns.map(({ start, end, path }) => [start, end, path]),
      [
        [0, size, dir],
        [size, 2 * size, dir],
      ],
    );
    const [first, second] = turns.map(({ file }) => file ?? "");
    assert.ok(first !== second && readFileSync(first ?? "").length === size);
    await wal.close();
    const again =
      kind === "mapped"
        ? await Wal.withStore(MappedStore.open(dir, size))
        : await Wal.openSegmented(dir, { segmentSize: size });
    assert.equal(heard.names.length, 2, "what was full before is not told again");
    await again.close();
  });
}

test("truncate: either side, what went; nothing where nothing goes", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.openSegmented(dir, { segmentSize: 100 });
  const lsns = wal.appendBatch(Array.from({ length: 10 }, () => text));
  const at = (index: number): Lsn => lsns[index] as Lsn;
  const heard = listenTo(t, ["wal-db:truncate"]);
  await wal.truncateAfter(at(9));
  await wal.truncateAfter(at(7));
  wal.truncateAfterBlocking(at(6));
  await wal.truncateBefore(at(2));
  await wal.truncateBefore(at(1));
  wal.truncateBeforeBlocking(at(3));
  await wal.retain({ maxBytes: 64 });
  await turn();
  assert.deepEqual(
    heard.of("wal-db:truncate").map(({ side, from, to, bytes, path }) => [side, from, to, bytes, path]),
    [
      ["after", 320, 256, 64, dir],
      ["after", 256, 224, 32, dir],
      ["before", 0, 64, 64, dir],
      ["before", 64, 96, 32, dir],
      ["before", 96, 160, 64, dir],
    ],
  );
  await wal.close();
  const { wal: single } = await fileLog(t);
  single.append(text);
  assert.equal(await single.truncateBefore(single.end), 0);
  await single.close();
  assert.equal(heard.names.length, 5, "a store that drops no front has dropped nothing");
});

test("archive: taken, and failed", async (t) => {
  const dir = join(scratchDir(t), "log");
  let refuse = false;
  const archive = (): void => {
    if (refuse) throw new Error("no room there");
  };
  const wal = await Wal.openSegmented(dir, { segmentSize: 100, archive });
  const heard = listenTo(t, ["wal-db:archive"]);
  wal.appendBatch(Array.from({ length: 4 }, () => text));
  wal.append(text);
  await wal.sync();
  await wal.archived();
  const [taken] = heard.of("wal-db:archive");
  assert.deepEqual([taken?.start, taken?.end, taken?.error], [0, 100, null]);
  assert.ok(taken !== undefined && taken.durationMs >= 0 && taken.file.startsWith(join(dir, "0000")));
  refuse = true;
  wal.appendBatch(Array.from({ length: 3 }, () => text));
  await assert.rejects(
    async () => {
      await wal.sync();
      await wal.archived();
    },
    walFault("WAL_IO", {}, /no room there/),
  );
  const failed = heard.of("wal-db:archive").at(-1);
  assert.deepEqual([failed?.start, failed?.end, failed?.error?.code], [100, 200, "WAL_IO"]);
  assert.equal((failed?.error?.cause as Error | undefined)?.message, "no room there");
  await wal.close();
});

test("damage: found by read, iter and follow, each once; an LSN that is gone is none", async (t) => {
  const store = new MemStore();
  const wal = await Wal.withStore(store);
  const lsns = wal.appendBatch([text, text, text]);
  await wal.sync();
  store.writeAt(40, new Uint8Array([255]));
  const heard = listenTo(t, ["wal-db:damage"]);
  const damage = walFault("WAL_CORRUPT", { offset: 32 as Lsn, reason: "checksum-mismatch" });
  assert.throws(() => wal.read(lsns[1] as Lsn), damage);
  assert.throws(() => [...wal], damage);
  const passed: WalError[] = [];
  assert.equal([...wal.iter({ onDamage: (each) => void passed.push(each) })].length, 2);
  await assert.rejects(async () => {
    for await (const record of wal) assert.equal(record.lsn, 0);
  }, damage);
  await assert.rejects(async () => {
    for await (const record of wal.follow()) assert.equal(record.lsn, 0);
  }, damage);
  assert.deepEqual(
    heard
      .of("wal-db:damage")
      .map(({ foundBy, offset, reason, bytes, kind, path }) => [foundBy, offset, reason, bytes, kind, path]),
    ["read", "iterate", "iterate", "iterate", "follow"].map((foundBy, i) => [
      foundBy,
      32,
      "checksum-mismatch",
      i === 2 ? 32 : null,
      null,
      "(memory)",
    ]),
  );
  assert.equal(heard.of("wal-db:damage")[2]?.error, passed[0]);
  await wal.truncateAfter(0 as Lsn);
  assert.throws(() => wal.read(64 as Lsn), walFault("WAL_CORRUPT", { reason: "end" }));
  const behind = wal.follow({ from: 0 as Lsn });
  assert.equal(await wal.truncateBefore(32 as Lsn), 32);
  await assert.rejects(behind.next(), walFault("WAL_CORRUPT", { reason: "truncated" }));
  await turn();
  assert.equal(heard.names.length, 5);
});

test("damage: what open refuses, saves or accepts, and how much was lost", async (t) => {
  const { path, wal } = await fileLog(t);
  await wal.appendAndSync(text);
  await wal.appendAndSync(text);
  await wal.close();
  truncateSync(path, 40);
  const heard = listenTo(t, ["wal-db:damage"]);
  await assert.rejects(Wal.open(path), walFault("WAL_CORRUPT"));
  const accepted = await Wal.open(path, { onDamage: "quarantine" });
  await accepted.close();
  const facts = heard
    .of("wal-db:damage")
    .map(({ foundBy, offset, lostBytes, bytes, kind, error }) => [
      foundBy,
      offset,
      lostBytes,
      bytes,
      kind,
      error?.code,
    ]);
  assert.deepEqual(facts, [
    ["open", 32, 32, null, null, "WAL_CORRUPT"],
    ["open", 32, 32, 8, "torn", undefined],
  ]);
  assert.match(heard.of("wal-db:damage")[1]?.quarantine ?? "", /quarantine/);

  truncateSync(path, 0);
  const emptied = Wal.openBlocking(path, { onDamage: "truncate" });
  emptied.closeBlocking();
  await turn();
  const lost = heard.of("wal-db:damage").at(-1);
  assert.deepEqual([lost?.reason, lost?.lostBytes, lost?.offset], ["shorter-than-mark", 32, 0]);

  const dir = join(scratchDir(t), "segments");
  const segmented = await Wal.openSegmented(dir, { segmentSize: 100 });
  await segmented.appendAndSync("x".repeat(250));
  await segmented.close();
  const [first = ""] = readdirSync(dir).filter((name) => name.endsWith(".wal"));
  writeFileSync(join(dir, first), "x".repeat(101));
  await assert.rejects(Wal.openSegmented(dir, { segmentSize: 100 }), walFault("WAL_CORRUPT"));
  const files = heard.of("wal-db:damage").at(-1);
  assert.deepEqual([files?.path, files?.store, files?.reason], [dir, "SegmentedStore", "segment-size"]);
});

test("poison: once, with the first failure; the flush that failed is told", async (t) => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  store.byHand = true;
  const heard = listenTo(t, ["wal-db:poison", "wal-db:flush"]);
  const waiting = wal.appendAndSync(text);
  await turn();
  store.flight(0).fail(systemError("EIO"));
  await assert.rejects(waiting, walFault("WAL_POISONED"));
  assert.throws(() => wal.append("late"), walFault("WAL_POISONED"));
  await assert.rejects(wal.sync(), walFault("WAL_POISONED"));
  await wal.close();
  const [poison, ...others] = heard.of("wal-db:poison");
  assert.deepEqual(
    [poison?.error.code, poison?.error.errno, poison?.store, others],
    ["WAL_IO", "EIO", "HandStore", []],
  );
  const [flush] = heard.of("wal-db:flush");
  assert.deepEqual([flush?.bytes, flush?.durable, flush?.error?.code], [0, 0, "WAL_POISONED"]);
  assert.equal(wal.stats().flushLatency.count, 1);
});

test("who does not listen, or no more, is told nothing", async (t) => {
  const heard = listenTo(t);
  const wal = await Wal.withStore(new MemStore());
  heard.stop();
  const before = heard.names.length;
  await wal.appendAndSync(text);
  assert.equal(heard.names.length, before);
  const late = listenTo(t, ["wal-db:append"]);
  await wal.appendAndSync(text);
  assert.deepEqual(
    late.of("wal-db:append").map(({ records }) => records),
    [1],
    "what was appended while nobody listened is not made up for",
  );
  await wal.close();
});

test("while nobody listens, nothing is made or published", async (t) => {
  const published: string[] = [];
  const source = (name: string): Channel =>
    ({ hasSubscribers: false, publish: () => void published.push(name) }) as unknown as Channel;
  provideChannels({ channel: source, threadId: 0 });
  t.after(() => provideChannels(nodeChannels));
  const wal = await Wal.openSegmented(join(scratchDir(t), "log"), { segmentSize: 100, archive: taking });
  for (let i = 0; i < 10; i++) await wal.appendAndSync(text);
  await wal.truncateAfter(224 as Lsn);
  await wal.truncateBefore(128 as Lsn);
  await wal.archived();
  await wal.close();
  await turn();
  assert.deepEqual(published, []);
});

/** Calls the log from within each kind of message, in every way there is. */
test("a subscriber may append, sync, read, cut and close from within", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.openSegmented(dir, { segmentSize: 200 });
  const model: string[] = [];
  let calls = 0;
  const append = (record: string): void => {
    wal.append(record);
    model.push(record);
  };
  const within = (name: string): void => {
    if (++calls > 60) return;
    append(`within ${name} ${calls}`);
    if (calls % 3 === 0) wal.syncBlocking();
    if (calls % 3 === 1) void wal.sync();
    if (calls % 7 === 0) {
      const last = [...wal].at(-2);
      if (last !== undefined) {
        wal.truncateAfterBlocking(last.lsn);
        model.pop();
      }
    }
    assert.deepEqual(
      [...wal].map((record) => record.text()),
      model,
    );
  };
  const failed: unknown[] = [];
  listenTo(t, ["wal-db:flush", "wal-db:append", "wal-db:segment", "wal-db:truncate"], (name) => {
    try {
      within(name);
    } catch (error) {
      failed.push(error);
    }
  });
  for (let i = 0; i < 20; i++) {
    append(`outside ${i}`);
    await wal.sync();
  }
  assert.deepEqual(failed, []);
  assert.ok(calls > 20, `${calls} calls from within`);
  await wal.sync();
  await wal.close();
  const again = await Wal.openSegmented(dir, { segmentSize: 200 });
  assert.deepEqual(
    [...again].map((record) => record.text()),
    model,
  );
  await again.close();
});

test("a subscriber may close the log from within", async (t) => {
  for (const name of ["wal-db:flush", "wal-db:append"] as const) {
    const { wal, path } = await fileLog(t);
    const heard = listenTo(t, [name], () => wal.closeBlocking());
    assert.equal(await wal.appendAndSync(text), 0);
    heard.stop();
    assert.throws(() => wal.append("late"), walFault("WAL_CLOSED"));
    const again = await Wal.open(path);
    assert.deepEqual(
      [...again].map((record) => record.text()),
      [text],
    );
    await again.close();
  }
});

test("a poisoned log may be closed and opened again from within the message", async (t) => {
  const store = new HandStore();
  const wal = await Wal.withStore(store);
  let opened: Promise<Wal> | null = null;
  listenTo(t, ["wal-db:poison"], () => {
    wal.closeBlocking();
    opened = Wal.withStore(new MemStore(store.toBytes()));
  });
  store.onFlushBlocking = () => {
    throw systemError("EIO");
  };
  assert.throws(() => wal.appendAndSyncBlocking(text), walFault("WAL_POISONED"));
  await turn();
  const again = await (opened as Promise<Wal> | null);
  assert.equal(again?.end, 32);
});

test("a subscriber that throws harms no log: it is an uncaught exception of its own", async (t) => {
  const wal = await Wal.withStore(new MemStore());
  const uncaught: unknown[] = [];
  const ours = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => void uncaught.push(error));
  t.after(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of ours) process.on("uncaughtException", listener);
  });
  const thrown = new Error("a subscriber's");
  const throwing = (): void => {
    throw thrown;
  };
  for (const name of channelNames) subscribe(name, throwing);
  t.after(() => channelNames.forEach((name) => unsubscribe(name, throwing)));
  const heard = listenTo(t, ["wal-db:flush"]);
  for (let i = 0; i < 3; i++) assert.equal(await wal.appendAndSync(text), i * 32);
  wal.appendAndSyncBlocking(text);
  await turn();
  assert.equal([...wal].length, 4);
  assert.equal(heard.names.length, 4, "the others are told all the same");
  assert.ok(uncaught.length >= 8 && uncaught.every((error) => error === thrown), `${uncaught.length}`);
  await wal.close();
});

/**
 * The reporter read the name of the store's class after the store was taken, and outside what gives it back: a store whose
 * class would not tell was never opened again, WAL_LOCKED. And a class may have a static `name` that is no text, with
 * which no message could be posted to another thread.
 */
test("a store whose class does not tell its name is opened, and named as any object", async (t) => {
  class Silent extends MemStore {
    override get ["constructor"](): never {
      throw new Error("not told");
    }
  }
  class Odd extends MemStore {
    static override readonly name: string = (() => "odd") as unknown as string;
  }
  const heard = listenTo(t, ["wal-db:open"]);
  for (const store of [new Silent(), new Odd()]) {
    const wal = await Wal.withStore(store);
    await wal.close();
  }
  assert.deepEqual(
    heard.of("wal-db:open").map(({ store }) => store),
    ["Object", "Object"],
  );
});
