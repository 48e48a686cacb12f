/**
 * Opens a log, of the kind that its name tells; shares it with the parent thread,
 * and stays. Told to, it cuts the end off, and ends in the
 * middle of that, with the gate closed.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Wal } from "wal-db";
import { MappedStore } from "wal-db/mapped";
import { fileStoresOn } from "#internal/files.js";
import { nodeDisk } from "#internal/store/node-disk.js";
import { provideFileStores } from "#internal/open-store.js";
import { segmentSize } from "./crew.ts";

let cuts = false;
provideFileStores(
  fileStoresOn({
    ...nodeDisk,
    truncate(fd, length) {
      if (cuts) process.exit();
      nodeDisk.truncate(fd, length);
    },
  }),
);

const path = workerData as string;
const wal = openedBy(path);

function openedBy(name: string): Wal {
  if (name.endsWith(".wal")) return Wal.openBlocking(name);
  if (name.endsWith(".mapped")) return Wal.withStoreBlocking(MappedStore.open(name, segmentSize));
  return Wal.openSegmentedBlocking(name, { segmentSize });
}

const first = wal.appendAndSyncBlocking("9:0:");
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
parentPort?.postMessage(wal.share());
parentPort?.on("message", () => {
  cuts = true;
  wal.truncateAfterBlocking(first);
});
