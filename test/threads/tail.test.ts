/**
 * The tail, as `end` gives it, is ahead of what is written while another thread is within its write. The
 * log's own calls refused it then: `iter` and `follow` with WAL_INVALID_ARGUMENT, `truncateBefore` and
 * `retain` with WAL_CORRUPT. What is at or below the tail is now waited for before it is judged.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import { type Lsn, Wal, type WalReader } from "wal-db";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";
import { crewOf, isLinux, openLog, terminateAll, Writer } from "./crew.ts";

after(terminateAll);

/** Every call that takes a place in the log. */
const calls: Readonly<Record<string, (wal: Wal, end: Lsn, reader: WalReader) => unknown>> = {
  iter: (wal, end) => Array.from(wal.iter({ from: end })),
  "iter to": (wal, end) => assert.equal(Array.from(wal.iter({ to: end })).at(-1)?.next ?? wal.head, end),
  follow: (wal, end) => wal.follow({ from: end }).return?.(),
  truncateBefore: (wal, end) => wal.truncateBefore(end),
  truncateBeforeBlocking: (wal, end) => wal.truncateBeforeBlocking(end),
  retain: (wal, end) => wal.retain({ before: end }),
  reader: (wal, end) => wal.reader("new", end),
  advance: (_wal, end, reader) => reader.advance(end),
};

/** Lets a writer that stands in its write go on, some time after it was asked to. */
const releaser = `
  const { workerData: { asked, resume } } = require("node:worker_threads");
  Atomics.wait(new Int32Array(asked), 0, 0);
  setTimeout(() => {
    Atomics.store(new Int32Array(resume), 0, 1);
    Atomics.notify(new Int32Array(resume), 0);
  }, 30);
`;

for (const [name, call] of Object.entries(calls)) {
  test(`${name} at the end waits for a writer that is within its write`, async (t) => {
    const wal = await openLog("segmented", scratchDir(t));
    const reader = wal.reader("known");
    const [asked, resume] = [new SharedArrayBuffer(4), new SharedArrayBuffer(4)];
    const other = new Worker(releaser, { eval: true, workerData: { asked, resume } });
    const fault = "before-write";
    const writer = new Writer({ share: wal.share(), id: 0, way: "append", count: 1, fault, resume });
    await writer.says("stopped");
    const { end } = wal;
    assert.ok(end > 0);
    Atomics.store(new Int32Array(asked), 0, 1);
    Atomics.notify(new Int32Array(asked), 0);
    await call(wal, end, reader);
    await writer.gone;
    await other.terminate();
    assert.equal(wal.end, end);
    await wal.close();
  });

  const skip = isLinux ? false : "only Linux tells at once whether a thread lives";
  test(`${name} at the end is told of a writer that died within its write`, { skip }, async (t) => {
    const wal = await openLog("segmented", scratchDir(t));
    const reader = wal.reader("known");
    const writer = new Writer({ share: wal.share(), id: 0, way: "append", count: 1, fault: "before-write" });
    await writer.says("stopped");
    const { end } = wal;
    await writer.worker.terminate();
    if (name === "iter to") assert.deepEqual(Array.from(wal.iter({ to: end })), []);
    else await assert.rejects(async () => call(wal, end, reader), walFault("WAL_POISONED"));
    await wal.close();
  });
}

test(
  "the end is a place in the log to every call, while two threads append",
  { timeout: 60_000 },
  async (t) => {
    const wal = await openLog("segmented", scratchDir(t));
    const reader = wal.reader("known");
    const crew = crewOf(wal.share(), 2, { way: "append", count: 4000 });
    const ended = new Set<unknown>();
    const gone = Promise.all(crew.map((writer) => writer.gone.finally(() => ended.add(writer))));
    let rounds = 0;
    for (; ended.size < crew.length; rounds++) {
      for (const call of Object.values(calls)) {
        if (call !== calls["reader"]) await call(wal, wal.end, reader);
      }
      wal.reader(`reader-${rounds}`, wal.end).remove();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await gone;
    t.diagnostic(`${rounds} rounds`);
    assert.ok(rounds > 0);
    await wal.close();
  },
);
