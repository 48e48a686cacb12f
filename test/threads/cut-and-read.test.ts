/**
 * A thread that joined a segmented log held on to files that a cut had removed. It counts the cuts, and
 * lets go of its files when the number has changed. But the number changed before the files went: a read
 * in between, of a walk that had begun before the cut, opened a segment that was about to be removed, and
 * what this thread appended later went to a file that no longer had a name. Append and sync succeeded; the
 * record was gone. So what a joined store watches changes twice: before the files go, and after.
 *
 * In one thread, with a disk that lets the other log read just before a segment is removed: by its store,
 * since what stands above has looked for cuts before the cut came.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Wal, type WalStore } from "wal-db";
import { fileStoresOn, nodeFileStores } from "#internal/files.js";
import { provideFileStores } from "#internal/open-store.js";
import { logsDisk } from "../support/logs-disk.ts";

after(() => provideFileStores(nodeFileStores));

const segmentSize = 64;
const record = (n: number): string => `${n}:`.padEnd(40, "x");

test("a read while the log is being cut does not keep a removed segment for the next append", () => {
  const sim = logsDisk();
  const stores: WalStore[] = [];
  const files = fileStoresOn(sim);
  provideFileStores({
    ...files,
    attach(share) {
      const store = files.attach(share);
      if (store !== null) stores.push(store);
      return store;
    },
  });
  const owner = Wal.openSegmentedBlocking("/logs/segments", { segmentSize });
  const lsns = owner.appendBatch([0, 1, 2, 3, 4].map(record));
  const other = Wal.attach(owner.share());
  let read = 0;
  sim.onCall = (call) => {
    if (call.kind !== "remove") return;
    sim.onCall = null;
    read = stores[0]?.readAt(segmentSize, new Uint8Array(2 * segmentSize)) ?? 0;
  };
  owner.truncateAfterBlocking(lsns[0] ?? owner.head);
  assert.equal(read, 2 * segmentSize, "the other log read two segments that were about to go");
  for (let n = 1; n < 4; n++) (n % 2 === 0 ? owner : other).append(record(n));
  other.syncBlocking();
  assert.deepEqual(
    Array.from(owner, (each) => each.text()),
    [0, 1, 2, 3].map(record),
  );
  other.closeBlocking();
  owner.closeBlocking();
});
