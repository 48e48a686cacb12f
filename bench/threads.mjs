/**
 * One log, appended to by several threads: records a second, all threads together. The log is the
 * owner's, who only waits; each thread joins it, warms up, and waits at a gate for the others. By hand
 * (`fs`) the threads share one file and a counter that says where its next record goes.
 */
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { mappedStore, MemStore, Wal } from "./library.mjs";

async function openShared(store, folder) {
  if (store === "fs") {
    const fd = openSync(join(folder, "log"), "w");
    const tail = new SharedArrayBuffer(8);
    return { shared: { fd, tail }, close: () => closeSync(fd) };
  }
  const wal = await openWal(store, folder);
  return { shared: { share: wal.share() }, close: () => wal.close() };
}

async function openWal(store, folder) {
  if (store === "memory") return Wal.withStore(new MemStore());
  if (store === "file") return Wal.open(join(folder, "log.wal"));
  if (store === "segmented") return Wal.openSegmented(join(folder, "segments"));
  const Mapped = await mappedStore();
  return Wal.withStore(Mapped.open(join(folder, "segments")));
}

function says(worker, word) {
  return new Promise((resolve, reject) => {
    worker.on("message", (message) => message.said === word && resolve(message));
    worker.once("error", reject);
  });
}

export async function appendByThreads(
  store,
  folder,
  { records, recordBytes, threads, call, inFlight, warmUp },
) {
  const gate = new SharedArrayBuffer(4);
  const log = await openShared(store, folder);
  const each = Math.floor(records / threads);
  const sizes = { records: each, warmUp: warmUp ?? each / 10, inFlight, recordBytes };
  const job = { ...log.shared, store, call, ...sizes, gate };
  const workers = Array.from({ length: threads }, () => {
    return new Worker(new URL("./threads-worker.mjs", import.meta.url), { workerData: job });
  });
  const done = workers.map((worker) => says(worker, "done"));
  const gone = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
  await Promise.all(workers.map((worker) => says(worker, "ready")));
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
  const times = await Promise.all(done);
  for (const worker of workers) worker.postMessage("close");
  await Promise.all(gone);
  await log.close();
  const began = Math.min(...times.map((time) => time.began));
  const ended = Math.max(...times.map((time) => time.ended));
  return (each * threads) / (ended - began);
}
