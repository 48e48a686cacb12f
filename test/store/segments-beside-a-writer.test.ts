/** Opening a directory of segments, reading only, while its writer goes on. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Wal } from "wal-db";
import { openSegmentedStore } from "#internal/store/segmented-store.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { scratchDir } from "../support/scratch.ts";

function texts(wal: Wal): string[] {
  return Array.from(wal, (record) => record.text());
}

// A segment that the writer dropped while it was being read ended the open with an error.
test("read-only: a segment that a live writer drops during the open is looked for no more", async (t) => {
  const dir = join(scratchDir(t), "log");
  const writer = await Wal.openSegmented(dir, { segmentSize: 32 });
  const lsns = Array.from({ length: 12 }, (_, i) => writer.append(`record ${i}`));
  writer.syncBlocking();
  rmSync(join(dir, "mark"));
  const disk = new FaultDisk();
  let dropped = false;
  disk.faults.open = () => {
    const scanning = disk.calls.some((call) => call.startsWith("readAhead") || call.startsWith("read 0"));
    if (scanning && !dropped) {
      dropped = true;
      writer.truncateBeforeBlocking(lsns[8] ?? writer.head);
    }
    return undefined;
  };
  const view = await Wal.withStore(openSegmentedStore(dir, 32, { disk, readOnly: true }), { readOnly: true });
  assert.ok(dropped);
  assert.equal(view.head, lsns[8]);
  assert.deepEqual(texts(view), texts(writer));
  await view.close();
  await writer.close();
});
