/** Opens a log, shares it with the parent thread, and stays. */
import { parentPort, workerData } from "node:worker_threads";
import { Wal } from "wal-db";

const wal = Wal.openBlocking(workerData as string);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
parentPort?.postMessage(wal.share());
setInterval(() => wal.end, 1000);
