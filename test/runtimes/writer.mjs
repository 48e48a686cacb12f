/**
 * A worker thread of threads.mjs. It joins the log that it is given, says so, and then does one job for
 * each message. Its answers are messages too: { said, ...facts }.
 */
import { existsSync, realpathSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { MemStore, Wal } from "wal-db";

let wal = workerData.share === undefined ? undefined : Wal.attach(workerData.share);
const text = (number) => `${workerData.id}:${number}`;
const holds = new Int32Array(workerData.holds);

/** Makes the next write of a store in memory last: `milliseconds`, or for ever. */
function holdNextWrite(milliseconds) {
  const { prototype } = MemStore;
  const whole = Object.getOwnPropertyDescriptor(prototype, "writeAt");
  prototype.writeAt = function writeLate(offset, bytes) {
    Object.defineProperty(prototype, "writeAt", whole);
    parentPort.postMessage({ said: "writing" });
    Atomics.wait(holds, 0, 0, milliseconds);
    return this.writeAt(offset, bytes);
  };
}

const jobs = {
  attach({ share }) {
    wal = Wal.attach(share);
  },
  /** Every way to append, 500 records. */
  async write() {
    for (let n = 0; n < 200; n++) wal.append(text(n));
    wal.appendBatch(Array.from({ length: 100 }, (_, n) => text(200 + n)));
    for (let n = 300; n < 320; n++) {
      const lsn = wal.appendAndSyncBlocking(text(n));
      if (wal.durable <= lsn || wal.read(lsn).text() !== text(n))
        throw new Error(`record ${lsn} is not there`);
    }
    for (let n = 320; n < 500; n += 60) {
      await Promise.all(Array.from({ length: 60 }, (_, k) => wal.appendAndSync(text(n + k))));
    }
    await wal.sync();
  },
  write_one: () => wal.append(text(0)),
  slow: ({ milliseconds }) => (holdNextWrite(milliseconds), wal.append(text(0))),
  stuck: () => (holdNextWrite(Infinity), wal.append(text(0))),
  async until_refused() {
    for (let n = 0; ; n++) await wal.appendAndSync(text(n));
  },
  async open({ path }) {
    wal = await Wal.open(path);
    const lsn = await wal.appendAndSync(text(0));
    return { share: wal.share(), lsn };
  },
  close: () => wal.close(),
};

async function obey(order) {
  try {
    const facts = await jobs[order.job](order);
    parentPort.postMessage({ said: "done", facts });
  } catch (error) {
    const { code, cause } = error;
    parentPort.postMessage({ said: "failed", code, reason: cause?.reason, text: String(error) });
  }
  // With nothing left to listen to, the thread ends.
  if (order.job === "close") parentPort.off("message", obey);
}

parentPort.on("message", obey);
const task = existsSync("/proc/thread-self") ? realpathSync("/proc/thread-self") : null;
parentPort.postMessage({ said: "ready", task });
