/** A thread that joins a log, appends, and tells its parent what it was told on the channels. */
import { parentPort, workerData } from "node:worker_threads";
import { Wal, WalError, type WalShare } from "wal-db";
import { listenTo } from "../support/listening.js";

const heard = listenTo({ after: () => {} });
const wal = Wal.attach(workerData as WalShare);

async function untilPoisoned(): Promise<void> {
  try {
    for (;;) await wal.appendAndSync("until it is poisoned");
  } catch (error) {
    if (!(error instanceof WalError) || error.code !== "WAL_POISONED") throw error;
  }
}

parentPort?.once("message", () => void untilPoisoned().then(finish));

async function finish(): Promise<void> {
  await wal.close();
  parentPort?.postMessage({
    names: heard.names,
    open: heard.of("wal-db:open").map(({ role, thread }) => ({ role, thread })),
    poison: heard.of("wal-db:poison").map(({ error, thread }) => ({ code: error.code, thread })),
    stats: wal.stats(),
    bytes: heard.of("wal-db:append").reduce((sum, { bytes }) => sum + bytes, 0),
    segments: heard.of("wal-db:segment"),
  });
}

for (let i = 0; i < 20; i++) await wal.appendAndSync(`thread ${i}`.padEnd(92));
parentPort?.postMessage("appended");
