/** What stands beside a log while other threads write to it: the archive, and the notes of cuts. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { type SealedSegment, Wal, type WalRecord } from "wal-db";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";
import { crewOf, openLog, segmentSize, terminateAll, Writer } from "./crew.ts";

after(terminateAll);

/** A hook that waits to be called keeps no process alive: this test does. */
function stayAlive(t: TestContext): void {
  const timer = setInterval(() => {}, 1000);
  t.after(() => clearInterval(timer));
}

const textOf = ({ value }: IteratorResult<WalRecord>): string => (value as WalRecord).text();

/** It ran after flushes of the owner's alone: segments that other threads filled and synced waited for one. */
test(
  "the archive hook is given what other threads fill and sync, while the owner does nothing",
  { timeout: 20_000 },
  async (t) => {
    stayAlive(t);
    const dir = join(scratchDir(t), "log");
    const taken: number[] = [];
    const hook = new EventEmitter();
    const archive = ({ start, end }: SealedSegment): void => {
      assert.ok(end <= wal.durable);
      taken.push(start);
      hook.emit("called");
    };
    const wal = await Wal.openSegmented(dir, { segmentSize, archive });
    const crew = crewOf(wal.share(), 2, { way: "appendAndSync", count: 600 });
    await Promise.all(crew.map((writer) => writer.gone));
    const full = Math.floor(wal.durable / segmentSize);
    while (taken.length < full) await once(hook, "called");
    assert.ok(full > 5, `${full} segments`);
    assert.deepEqual(
      taken,
      Array.from({ length: full }, (_, index) => index * segmentSize),
    );
    assert.equal(wal.stats().flushes, 0, "none of them was the owner's");
    await wal.close();
    assert.equal(wal.stats().archive?.archived, full);
  },
);

test(
  "a hook that fails is asked again after a flush of another thread, and not before",
  { timeout: 20_000 },
  async (t) => {
    stayAlive(t);
    const dir = join(scratchDir(t), "log");
    let calls = 0;
    const hook = new EventEmitter();
    const archive = (): void => {
      calls++;
      hook.emit("called");
      if (calls === 1) throw new Error("not today");
    };
    const wal = await Wal.openSegmented(dir, { segmentSize, archive });
    const joined = Wal.attach(wal.share());
    joined.append(new Uint8Array(segmentSize));
    const first = once(hook, "called");
    joined.syncBlocking();
    await first;
    const waits = wal.follow().next();
    for (let n = 0; n < 50; n++) {
      joined.append("one more");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await waits;
    assert.equal(calls, 1);
    const second = once(hook, "called");
    joined.syncBlocking();
    await second;
    assert.equal(await wal.archived(), segmentSize);
    await joined.close();
    await wal.close();
  },
);

/**
 * A batch crosses into another segment, and its write fails there: its first records stood in the log,
 * whole, until they were taken back. Where another thread than the owner did that, it noted no cut: a
 * follower in another process, which had read them, was told of a cut that nobody could tell the place of.
 */
test(
  "a batch that a joined thread takes back is noted, for who follows from another process",
  { timeout: 20_000 },
  async (t) => {
    stayAlive(t);
    const folder = scratchDir(t);
    const wal = await openLog("segmented", folder);
    wal.append(new Uint8Array(segmentSize - 100));
    await wal.sync();
    const reader = await Wal.openSegmented(join(folder, "log"), { segmentSize, readOnly: true });
    const follower = reader.follow({ from: wal.end });
    const resume = new SharedArrayBuffer(4);
    const fault = { fault: "within-roll-back", nth: 2, resume } as const;
    const writer = new Writer({ share: wal.share(), id: 1, way: "appendBatch", count: 10, ...fault });
    await writer.says("stopped");
    const start = wal.end;
    assert.match(textOf(await follower.next()), /^1:0:/);
    Atomics.store(new Int32Array(resume), 0, 1);
    Atomics.notify(new Int32Array(resume), 0);
    assert.equal((await writer.says("refused")).errno, "ENOSPC");
    await writer.gone;
    wal.append("instead");
    // What it had read ahead it may still give.
    const told = (async () => {
      for (;;) assert.match(textOf(await follower.next()), /^1:/);
    })();
    const cut = { reason: "truncated", offset: start };
    await assert.rejects(told, walFault("WAL_CORRUPT", cut, /ask the same follower again/));
    assert.equal(textOf(await follower.next()), "instead");
    await reader.close();
    await wal.close();
  },
);
