/** A worker thread that tries to open a log, and says how it went; see lock.test.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { Wal, type WalError } from "wal-db";

function outcome(): { code: string; path?: string | undefined } {
  try {
    Wal.openBlocking(workerData as string).closeBlocking();
    return { code: "opened" };
  } catch (error) {
    const { code, path } = error as WalError;
    return { code, path };
  }
}

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a port, not a window
parentPort?.postMessage(outcome());
