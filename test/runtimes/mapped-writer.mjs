/** Writes through a map until it is terminated: pages are touched ahead all the time. */
import { parentPort, workerData } from "node:worker_threads";
import { MappedStore } from "wal-db/mapped";

const store = MappedStore.open(workerData, 4 * 1024 * 1024);
const record = new Uint8Array(2000).fill(1);
parentPort.postMessage("writing");
for (let i = 0; ; i++) {
  // Not above 40 MB, where the system is slow to terminate it.
  store.writeAt((i % 20_000) * record.length, record);
  if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
}
