/**
 * One thread of threads.mjs: joins the log, warms up, waits for the others at a gate, does its part and
 * says from when to when, on the clock that all threads have in common.
 */
import { writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { crc32 } from "node:zlib";
import { mappedStore, Wal } from "./library.mjs";

const { share, store, fd, tail, call, records, warmUp, inFlight, recordBytes, gate } = workerData;
const record = Buffer.alloc(recordBytes, 7);

/** Since the machine was started: the same in all threads. */
const seconds = () => Number(process.hrtime.bigint()) / 1e9;

/** The log by hand, of subjects/fs-loop.mjs, with a tail that threads share. */
function byHand() {
  const next = new BigInt64Array(tail);
  const frame = Buffer.alloc(8 + recordBytes);
  const step = BigInt(frame.length);
  return {
    append(bytes) {
      frame.set(bytes, 8);
      frame.writeUInt32LE(bytes.length, 4);
      frame.writeUInt32LE(crc32(frame.subarray(4)), 0);
      writeSync(fd, frame, 0, frame.length, Number(Atomics.add(next, 0, step)));
    },
    close() {},
  };
}

const calls = {
  append(log, count) {
    for (let n = 0; n < count; n++) log.append(record);
  },
  commitBlocking(log, count) {
    for (let n = 0; n < count; n++) log.appendAndSyncBlocking(record);
  },
  async commit(log, count) {
    let left = count;
    const one = async () => {
      while (left-- > 0) await log.appendAndSync(record);
    };
    await Promise.all(Array.from({ length: inFlight }, one));
  },
};

// A thread that has not loaded the store cannot join a log that lies in it.
if (store === "mapped") await mappedStore();
const log = store === "fs" ? byHand() : Wal.attach(share);
await calls[call](log, warmUp);
parentPort.postMessage({ said: "ready" });
Atomics.wait(new Int32Array(gate), 0, 0);
const began = seconds();
await calls[call](log, records);
const ended = seconds();
// Not closed before all are through: a close syncs, and would take time from the others.
parentPort.postMessage({ said: "done", began, ended });
parentPort.once("message", () => log.close());
