/**
 * Waits for a record that never comes, and has nothing else to do.
 *
 *   node waiting-process.js <here | other | joined> <true | false> <log>
 *
 * here: in a log that it has open itself. other: in one that another process might write. joined: in a
 * worker, which has joined a log that the main thread opened. The second word is `persistent`.
 */
import { writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { Wal, type WalShare } from "wal-db";

const [, , where = "", word = "", log = ""] = process.argv;
const persistent = word === "true";

function wait(wal: Wal): void {
  void wal.follow({ persistent }).next();
  setImmediate(() => writeSync(1, "waiting\n"));
}

if (!isMainThread) {
  wait(Wal.attach(workerData as WalShare));
} else {
  const wal = await Wal.open(log, { readOnly: where === "other" });
  if (where === "joined") {
    const options = { argv: process.argv.slice(2), workerData: wal.share() };
    const worker = new Worker(fileURLToPath(import.meta.url), options);
    worker.on("error", (error) => {
      throw error;
    });
  } else {
    wait(wal);
  }
}
