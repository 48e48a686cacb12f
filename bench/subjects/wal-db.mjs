/** wal-db on one of its stores. */
import { join } from "node:path";
import { mappedStore, MemStore, Wal } from "../library.mjs";

export async function walSubject(store) {
  const Mapped = store === "mapped" ? await mappedStore() : null;

  function openWal(folder, options) {
    if (store === "memory") return Wal.withStoreBlocking(new MemStore(), options);
    if (store === "file") return Wal.openBlocking(join(folder, "log.wal"), options);
    const segments = join(folder, "segments");
    if (store === "segmented") return Wal.openSegmentedBlocking(segments, options);
    return Wal.withStoreBlocking(Mapped.open(segments), options);
  }

  /** What a process has filled in memory, and will read. */
  const kept = new Map();

  return {
    open(folder, { keep = false }) {
      if (kept.has(folder)) return kept.get(folder);
      const wal = openWal(folder);
      const stays = keep && store === "memory";
      const engine = {
        append: (record) => wal.append(record),
        appendBatch: (records) => wal.appendBatch(records),
        commitBatch(records) {
          wal.appendBatch(records);
          wal.syncBlocking();
        },
        commitBlocking: (record) => wal.appendAndSyncBlocking(record),
        commit: (record) => wal.appendAndSync(record),
        replay(each) {
          for (const record of wal) each(record.data);
        },
        async replayAsync(each) {
          for await (const record of wal) each(record.data);
        },
        close: () => stays || wal.closeBlocking(),
      };
      if (stays) kept.set(folder, engine);
      return engine;
    },
    /** Opens and verifies every record from the head; how many there were. */
    verify(folder) {
      const wal = openWal(folder, { verify: "full" });
      return { records: wal.recovery.records, close: () => wal.closeBlocking() };
    },
  };
}
