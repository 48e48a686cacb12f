/** Opens a log, shares it with the parent thread, and stays. */
import { parentPort, workerData } from "node:worker_threads";
import { Wal } from "wal-db";

const wal = Wal.openBlocking(workerData as string);
parentPort?.postMessage(wal.share());
setInterval(() => wal.end, 1000);
