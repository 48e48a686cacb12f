import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { Wal, WalError, type WalShare } from "wal-db";
import { deathLookMilliseconds } from "#internal/limits.js";
import { Random } from "#internal/testing/random.js";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";
import { inTime, isLinux, openLog, recordsByWriter, Writer, terminateAll } from "./crew.ts";
import type { Fault, WriterJob } from "./writer.ts";

after(terminateAll);

const long = process.env["WAL_DB_LONG"] === "1";
const seed = Number(process.env["WAL_DB_THREADS_SEED"] ?? Math.floor(Math.random() * 0x1_0000_0000));
const notHere = isLinux ? false : "only Linux tells at once whether a thread lives";

interface Place {
  readonly fault: Fault;
  readonly nth: number;
  readonly way: WriterJob["way"];
  readonly kinds: readonly ("file" | "segmented")[];
}

/** Where a thread that dies has reserved what it will not write. */
const withinAWrite: readonly Place[] = [
  { fault: "before-write", nth: 1, way: "append", kinds: ["file", "segmented"] },
  { fault: "before-write", nth: 30, way: "append", kinds: ["file", "segmented"] },
  { fault: "after-write", nth: 7, way: "append", kinds: ["file", "segmented"] },
  { fault: "before-write", nth: 2, way: "appendBatch", kinds: ["file"] },
  { fault: "after-create", nth: 1, way: "append", kinds: ["segmented"] },
  { fault: "within-roll-back", nth: 3, way: "append", kinds: ["file", "segmented"] },
];

for (const { fault, nth, way, kinds } of withinAWrite) {
  for (const kind of kinds) {
    test(
      `${kind}: a thread that dies in ${way} ${fault} ${nth}: all others are told, and none hangs`,
      { skip: notHere },
      async (t) => {
        const folder = scratchDir(t);
        const wal = await openLog(kind, folder);
        const acknowledged = await wal.appendAndSync("9:0");
        const share = wal.share();
        const dying = new Writer({ share, id: 0, way, count: 400, fault, nth });
        await inTime(dying.says("stopped"), "the thread to stop");
        // One waits in a blocking call, one in a promise, in threads of their own.
        const waiting = [
          new Writer({ share, id: 1, way: "appendAndSyncBlocking", count: 1_000_000 }),
          new Writer({ share, id: 2, way: "for-ever", count: 0 }),
        ];
        await Promise.all(waiting.map((writer) => inTime(writer.says("joined"), "a thread to join")));
        await dying.worker.terminate();
        const offset = wal.durable;
        const began = performance.now();
        await inTime(
          assert.rejects(
            // Not sync alone: of what was written before the hole it would say, and rightly, that it is durable.
            wal.appendAndSync("9:1"),
            walFault("WAL_POISONED", {}, /A thread died while it was writing the record at \d+/),
          ),
          "the owner's sync",
        );
        t.diagnostic(`told after ${Math.round(performance.now() - began)} ms`);
        for (const writer of waiting) {
          const told = await inTime(writer.says("refused"), "a waiting thread");
          assert.deepEqual([told.code, told.reason], ["WAL_POISONED", "dead-writer"]);
          assert.ok((told.offset ?? -1) >= offset, `${told.offset} is past what was durable, ${offset}`);
        }
        assert.throws(() => wal.append("9:2"), walFault("WAL_POISONED"));
        assert.equal(wal.read(acknowledged).text(), "9:0");
        await inTime(wal.close(), "the owner's close");
        const again = await openLog(kind, folder);
        assert.equal(again.read(acknowledged).text(), "9:0");
        recordsByWriter(again);
        await again.appendAndSync("9:2");
        await again.close();
      },
    );
  }
}

for (const fault of ["flush-never-lands", "before-blocking-flush"] as const) {
  for (const kind of ["file", "segmented"] as const) {
    test(
      `${kind}: a thread that dies while it leads, ${fault}: another takes the lead over`,
      { skip: notHere },
      async (t) => {
        const wal = await openLog(kind, scratchDir(t));
        const share = wal.share();
        const way = fault === "flush-never-lands" ? "for-ever" : "appendAndSyncBlocking";
        const dying = new Writer({ share, id: 0, way, count: 10, fault });
        await inTime(dying.says("stopped"), "the thread to stop");
        const waiting = wal.appendAndSync("9:0");
        const other = new Writer({ share, id: 1, way: "appendAndSyncBlocking", count: 5 });
        await inTime(other.says("joined"), "a thread to join");
        assert.equal(wal.durable, 0, "nobody flushes beside the one who leads");
        await dying.worker.terminate();
        await inTime(waiting, "the owner's sync");
        await inTime(other.says("done"), "the other thread");
        assert.equal(wal.durable, wal.end);
        await inTime(wal.close(), "the owner's close");
      },
    );
  }
}

test(
  "a thread that died idle leaves its place to another, and poisons nothing",
  { skip: notHere },
  async (t) => {
    const wal = await openLog("file", scratchDir(t));
    const share = wal.share();
    const idle = new Writer({ share, id: 0, way: "idle", count: 0 });
    await idle.says("joined");
    const joined = Array.from({ length: 62 }, () => Wal.attach(share));
    assert.throws(() => Wal.attach(share), walFault("WAL_UNSUPPORTED"), "while it lives");
    await idle.worker.terminate();
    const next = Wal.attach(share);
    await next.appendAndSync("0:0");
    await wal.appendAndSync("0:1");
    for (const each of [...joined, next]) await each.close();
    await wal.close();
  },
);

test(
  "the thread that opened the log dies: those who joined it are told at their next flush",
  { skip: notHere },
  async (t) => {
    const folder = scratchDir(t);
    const owner = new Worker(new URL("./owner-thread.js", import.meta.url), {
      workerData: `${folder}/log.wal`,
    });
    const share = await new Promise<WalShare>((resolve, reject) => {
      owner.once("message", resolve);
      owner.once("error", reject);
    });
    const wal = Wal.attach(share);
    await wal.appendAndSync("0:0");
    await owner.terminate();
    // They look at most every tenth of a second.
    const failure: Promise<unknown> = (async () => {
      for (let n = 1; ; n++) await wal.appendAndSync(`0:${n}`);
    })().catch((error: unknown) => error);
    const told = await inTime(failure, "sync");
    assert.ok(walFault("WAL_POISONED", {}, /the thread that had opened/i)(told));
    await wal.close();
    const again = await Wal.open(`${folder}/log.wal`);
    assert.deepEqual(Array.from(again, (record) => record.text()).slice(0, 2), ["9:0:", "0:0"]);
    await again.close();
  },
);

// An append looked for nobody: a thread that had slept while the owner died, and the log was opened again, wrote
// over what had been acknowledged there meanwhile. Hours later as well, since it never flushed.
test(
  "the thread that opened the log dies, and the log is opened again: one that had joined writes over nothing",
  { skip: notHere },
  async (t) => {
    const path = `${scratchDir(t)}/log.wal`;
    const owner = new Worker(new URL("./owner-thread.js", import.meta.url), { workerData: path });
    const share = await new Promise<WalShare>((resolve, reject) => {
      owner.once("message", resolve);
      owner.once("error", reject);
    });
    const joined = Wal.attach(share);
    await joined.appendAndSync("0:0");
    await owner.terminate();
    // Without the lock: it keeps the one that opens out for as long as a thread that had joined is there.
    const again = await Wal.open(path, { lock: false });
    // It looks at most every tenth of a second; in that time it can still do harm.
    await delay(2 * deathLookMilliseconds);
    const lsn = await again.appendAndSync("1:0");
    assert.throws(() => joined.append("0:1"), walFault("WAL_POISONED", { reason: "dead-owner" }));
    assert.throws(
      () => Wal.attach(share).append("0:1"),
      walFault("WAL_POISONED", { reason: "dead-owner" }),
      "joined only now",
    );
    assert.equal(again.read(lsn).text(), "1:0");
    await joined.close();
    await again.close();
  },
);

test(
  "the thread that opened the log dies in the middle of a cut, with the gate closed: those who wait at it are told",
  { skip: notHere },
  async (t) => {
    const path = `${scratchDir(t)}/log.wal`;
    const owner = new Worker(new URL("./owner-thread.js", import.meta.url), { workerData: path });
    const share = await new Promise<WalShare>((resolve, reject) => {
      owner.once("message", resolve);
      owner.once("error", reject);
    });
    const ways = ["append", "for-ever", "for-ever"] as const;
    const crew = ways.map((way, id) => new Writer({ share, id, way, count: 1e9 }));
    await Promise.all(crew.map((writer) => inTime(writer.says("joined"), "a thread to join")));
    await inTime(crew[2]?.says("acknowledged") ?? Promise.reject(new Error("no such writer")), "a record");
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    owner.postMessage("cut");
    for (const writer of crew) {
      const { code, reason } = await inTime(writer.says("refused"), "a thread that waits at the gate");
      assert.deepEqual([code, reason], ["WAL_POISONED", "dead-owner"]);
    }
    const again = await Wal.open(path);
    assert.equal(Array.from(again)[0]?.text(), "9:0:");
    recordsByWriter(again);
    await again.close();
  },
);

test(
  "threads terminated at random, over and over: whatever was acknowledged is there",
  { skip: notHere },
  async (t) => {
    t.diagnostic(`WAL_DB_THREADS_SEED=${seed}`);
    const random = new Random(seed);
    const rounds = long ? 60 : 8;
    const seen = { poisoned: 0, whole: 0 };
    for (let round = 0; round < rounds; round++) {
      const kind = round % 2 === 0 ? "file" : "segmented";
      const folder = scratchDir(t);
      const wal = await openLog(kind, folder);
      const share = wal.share();
      const crew = [0, 1, 2].map(
        (id) =>
          new Writer({
            share,
            id,
            way: id === 2 ? "appendAndSyncBlocking" : "for-ever",
            count: 1e9,
            // Of one the writes are long, so that it may be within one.
            ...(kind === "file" && id === 0 ? { padding: 2 ** 18 } : {}),
          }),
      );
      await Promise.all(crew.map((writer) => inTime(writer.says("acknowledged"), "the first record")));
      for (const writer of crew.slice(0, 1 + random.next(3))) {
        await new Promise((resolve) => setTimeout(resolve, random.next(20)));
        await writer.worker.terminate();
      }
      const result: unknown = await inTime(
        wal.appendAndSync("9:0").catch((error: unknown) => error),
        "the owner's sync",
      );
      if (result instanceof WalError) {
        assert.equal(result.code, "WAL_POISONED");
        seen.poisoned++;
      } else seen.whole++;
      await inTime(
        wal.close().catch(() => {}),
        "the owner's close",
      );
      for (const writer of crew) await writer.worker.terminate();
      const again = await openLog(kind, folder);
      const found = recordsByWriter(again, new Map([0, 1, 2].map((id) => [id, 0])));
      for (const [id, writer] of crew.entries()) {
        assert.ok(
          (found.get(id) ?? 0) >= writer.acknowledged,
          `of writer ${id}: ${found.get(id)} of ${writer.acknowledged}`,
        );
      }
      await again.close();
    }
    t.diagnostic(JSON.stringify(seen));
  },
);
