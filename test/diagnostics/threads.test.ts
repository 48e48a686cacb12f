/** Channels are of a thread: each is told what happens in it, of one log that several share. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { type SegmentMessage, Wal, type WalStats } from "wal-db";
import { FaultStore } from "wal-db/testing";
import { SegmentedStore } from "wal-db";
import { listenTo } from "../support/listening.js";
import { scratchDir } from "../support/scratch.js";

interface Said {
  readonly names: readonly string[];
  readonly open: readonly { role: string; thread: number }[];
  readonly poison: readonly { code: string; thread: number }[];
  readonly stats: WalStats;
  readonly bytes: number;
  readonly segments: readonly SegmentMessage[];
}

test("each thread tells what it did; a segment turns once, whoever flushed; poison comes to all", async (t) => {
  const dir = join(scratchDir(t), "log");
  const inner = SegmentedStore.open(dir, 250);
  // The owner's flushes can be made to fail; the bytes are the same for all.
  const store = new FaultStore(inner);
  const side = { ...inner.side, share: () => inner.side.share?.(inner) };
  Object.defineProperty(store, "side", { value: side });
  const heard = listenTo(t);
  const wal = await Wal.withStore(store);
  const worker = new Worker(new URL("./listener.js", import.meta.url), { workerData: wal.share() });
  const failed = once(worker, "error").then(([error]) => {
    throw error;
  });
  failed.catch(() => {});
  for (let i = 0; i < 20; i++) await wal.appendAndSync(`owner ${i}`.padEnd(92));
  await Promise.race([once(worker, "message"), failed]);
  await wal.sync();
  const full = Math.floor(wal.durable / 250);
  assert.equal(full, 16);

  store.inject({ call: "flush", effect: { kind: "fail", errno: "EIO" } });
  worker.postMessage("go on");
  const said = Promise.race([once(worker, "message"), failed]).then((message) => (message as [Said])[0]);
  await assert.rejects(async () => {
    for (;;) await wal.appendAndSync("until it is poisoned");
  });
  const { names, open, poison, stats, bytes, segments } = await said;
  await wal.close();

  assert.deepEqual(
    heard.of("wal-db:open").map(({ role, thread }) => ({ role, thread })),
    [{ role: "owner", thread: 0 }],
  );
  assert.deepEqual(open, [
    { role: "joined", thread: worker.threadId < 0 ? open[0]?.thread : worker.threadId },
  ]);
  assert.ok((open[0]?.thread ?? 0) > 0);
  assert.ok(!names.includes("wal-db:recovery"), "who joins recovers nothing");
  assert.deepEqual([poison.length, heard.of("wal-db:poison").length], [1, 1]);
  assert.equal(stats.appendedBytes, bytes);
  assert.equal(stats.flushLatency.count, names.filter((name) => name === "wal-db:flush").length);
  const starts = [...heard.of("wal-db:segment"), ...segments].map(({ start }) => start as number);
  assert.deepEqual(
    starts.toSorted((a, b) => a - b).slice(0, full),
    Array.from({ length: full }, (_, index) => index * 250),
  );
  assert.equal(new Set(starts).size, starts.length);
});
