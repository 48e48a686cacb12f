/**
 * A cut tells the threads first and takes the bytes away then. One that was reading let go of its files at the
 * telling, and opened one anew which the cut was about to remove. It kept that: what it appended after the cut
 * went into a file without a name, was acknowledged, and gone; what others had appended there it flushed
 * in the wrong file; and a follower found a record torn that was not.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Wal } from "wal-db";
import { fileStoresOn, nodeFileStores } from "#internal/files.js";
import { provideFileStores } from "#internal/open-store.js";
import { nodeDisk } from "#internal/store/node-disk.js";
import type { WalStore } from "#internal/store/store.js";
import { attachSegmentedStore, openSegmentedStore } from "#internal/store/segmented-store.js";
import { scratchDir } from "../support/scratch.ts";

const segmentSize = 100;
/** With its header a little less than a segment. */
const text = (n: number): string => String(n).repeat(80);

let beforeBytesGo = (): void => {};
const attached: WalStore[] = [];

const stores = fileStoresOn({
  ...nodeDisk,
  truncate(fd, length) {
    beforeBytesGo();
    nodeDisk.truncate(fd, length);
  },
});
provideFileStores({
  ...stores,
  attach(share) {
    const store = stores.attach(share);
    if (store !== null) attached.push(store);
    return store;
  },
});
after(() => provideFileStores(nodeFileStores));

test("a thread that reads while the end is cut off writes into the files that are there afterwards", async (t) => {
  const dir = `${scratchDir(t)}/log`;
  const wal = await Wal.openSegmented(dir, { segmentSize });
  const kept = wal.append(text(0));
  wal.append(text(1));
  await wal.sync();
  const joined = Wal.attach(wal.share());
  let opened = 0;
  beforeBytesGo = () => {
    opened += attached[0]?.readAt(segmentSize, new Uint8Array(1)) ?? 0;
  };
  wal.truncateAfterBlocking(kept);
  beforeBytesGo = () => {};
  assert.equal(opened, 1, "it had the file that goes");
  const byOwner = wal.append(text(2));
  const byJoined = await joined.appendAndSync(text(3));
  assert.equal(joined.read(byOwner).text(), text(2));
  assert.equal(wal.read(byJoined).text(), text(3));
  await joined.close();
  await wal.close();
  const again = await Wal.openSegmented(dir, { segmentSize });
  assert.deepEqual(
    Array.from(again, (record) => record.text()),
    [text(0), text(2), text(3)],
  );
  await again.close();
});

// A flush that was under way when the end was cut, and landed after the store had let go of its files, said
// that the names were flushed of segments that were gone. Another thread made them anew, and the next flush
// of this one, which spoke for them, left the directory out: a power cut could take what it had acknowledged.
test("a flush that lands behind a cut says nothing of the names of segments made since", async (t) => {
  let land: (() => void) | undefined;
  let directoryFlushes = 0;
  const disk = {
    ...nodeDisk,
    async flushData(fd: number): Promise<void> {
      await new Promise<void>((resolve) => (land = resolve));
      return nodeDisk.flushData(fd);
    },
    flushDirectory(path: string): Promise<void> {
      directoryFlushes++;
      return nodeDisk.flushDirectory(path);
    },
  };
  const owner = openSegmentedStore(`${scratchDir(t)}/log`, segmentSize, { disk });
  const other = attachSegmentedStore(owner.side.share?.(owner) as never);
  let cuts = 0;
  for (const store of [owner, other]) store.side.join?.({ cuts: () => cuts, failed: () => {} });

  owner.writeAt(0, new Uint8Array(150));
  owner.side.assumeUnflushed?.(100, 150);
  const late = owner.flush();
  cuts++;
  owner.truncate(50);
  owner.side.assumeUnflushed?.(50, 50);
  owner.flushBlocking();
  land?.();
  await late;

  other.writeAt(50, new Uint8Array(100));
  directoryFlushes = 0;
  owner.side.assumeUnflushed?.(100, 150);
  const next = owner.flush();
  land?.();
  await next;
  assert.equal(directoryFlushes, 1, "the name that the other thread made");
  for (const store of [owner, other]) store.close();
});
