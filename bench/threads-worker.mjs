/**
 * One thread of threads.mjs: opens the log by itself, or joins it, warms up, waits for the others at a
 * gate, does its part and says from when to when, on the clock that all threads have in common.
 */
import { parentPort, workerData } from "node:worker_threads";
import { MemStore, Wal } from "wal-db";

const { share, store, path, call, records, warmUp, inFlight, recordBytes, gate } = workerData;
const record = new Uint8Array(recordBytes).fill(7);

/** Since the machine was started: the same in all threads. */
const seconds = () => Number(process.hrtime.bigint()) / 1e9;

function open() {
  if (share !== undefined) return Wal.attach(share);
  return store === "memory" ? Wal.withStoreBlocking(new MemStore()) : Wal.openBlocking(path);
}

const calls = {
  append(wal, count) {
    for (let n = 0; n < count; n++) wal.append(record);
  },
  "commit, blocking"(wal, count) {
    for (let n = 0; n < count; n++) wal.appendAndSyncBlocking(record);
  },
  async "commit, async"(wal, count) {
    let left = count;
    const one = async () => {
      while (left-- > 0) await wal.appendAndSync(record);
    };
    await Promise.all(Array.from({ length: inFlight }, one));
  },
};

const wal = open();
await calls[call](wal, warmUp);
parentPort.postMessage({ said: "ready" });
Atomics.wait(new Int32Array(gate), 0, 0);
const began = seconds();
await calls[call](wal, records);
const ended = seconds();
// Not closed before all are through: a close syncs, and would take time from the others.
parentPort.postMessage({ said: "done", began, ended });
parentPort.once("message", () => void wal.close());
