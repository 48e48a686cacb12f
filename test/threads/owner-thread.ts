/**
 * Opens a log, in one file or, where its path does not end in .wal, in segments; shares it with the parent thread,
 * and stays. Told to, it cuts the end off, and ends in the
 * middle of that, with the gate closed.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Wal } from "wal-db";
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
const wal = path.endsWith(".wal") ? Wal.openBlocking(path) : Wal.openSegmentedBlocking(path, { segmentSize });
const first = wal.appendAndSyncBlocking("9:0:");
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
parentPort?.postMessage(wal.share());
parentPort?.on("message", () => {
  cuts = true;
  wal.truncateAfterBlocking(first);
});
