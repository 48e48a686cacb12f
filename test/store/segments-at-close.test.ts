/** Closing a directory of segments while something is under way in it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Wal } from "wal-db";
import { openSegmentedStore } from "#internal/store/segmented-store.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { turn } from "../support/hand-store.ts";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

// Of a read or a flush over several segments, the later parts opened their files after the log had been
// closed, and nobody closed those: up to 60 descriptors for each.
test("a read that is under way at close leaves no file open", async (t) => {
  const disk = new FaultDisk();
  const wal = await Wal.withStore(openSegmentedStore(join(scratchDir(t), "log"), 16, { disk }));
  for (let i = 0; i < 100; i++) wal.append(`record ${i}`);
  await wal.sync();
  const next = wal[Symbol.asyncIterator]().next();
  await Promise.resolve();
  wal.closeBlocking();
  await assert.rejects(next, walFault("WAL_CLOSED"));
  assert.deepEqual(disk.openFiles, []);
});

test("a flush that is under way at close leaves no file open, and its waiter is told the truth", async (t) => {
  const disk = new FaultDisk();
  const wal = await Wal.withStore(openSegmentedStore(join(scratchDir(t), "log"), 16, { disk }));
  for (let i = 0; i < 24; i++) wal.append(`record ${i}`);
  const gate: { open?: () => void } = {};
  disk.gate = new Promise((resolve) => (gate.open = resolve));
  const synced = wal.sync();
  await turn();
  wal.closeBlocking();
  gate.open?.();
  await synced;
  for (let i = 0; i < 100 && disk.openFiles.length > 0; i++) await turn();
  assert.deepEqual(disk.openFiles, []);
});
