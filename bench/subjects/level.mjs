/**
 * classic-level (LevelDB) as a log: keys of eight bytes that count up. `sync: true` makes LevelDB flush its
 * log at each write; without, the write has reached the page cache. All its calls are asynchronous.
 */
import { join } from "node:path";

function keyOf(number) {
  const key = Buffer.allocUnsafe(8);
  key.writeUInt32BE(Math.floor(number / 2 ** 32), 0);
  key.writeUInt32BE(number >>> 0, 4);
  return key;
}

export async function levelSubject() {
  const { ClassicLevel } = await import("classic-level");
  return {
    async open(folder) {
      const db = new ClassicLevel(join(folder, "log"), { keyEncoding: "view", valueEncoding: "view" });
      await db.open();
      const last = await db.keys({ reverse: true, limit: 1 }).all();
      let next = last.length === 0 ? 0 : Buffer.from(last[0]).readUInt32BE(4) + 1;
      const batch = (records, sync) =>
        db.batch(
          records.map((value) => ({ type: "put", key: keyOf(next++), value })),
          { sync },
        );
      return {
        asynchronous: true,
        append: (record) => db.put(keyOf(next++), record, { sync: false }),
        appendBatch: (records) => batch(records, false),
        commitBatch: (records) => batch(records, true),
        commit: (record) => db.put(keyOf(next++), record, { sync: true }),
        async replayAsync(each) {
          // A thousand at a time, from a buffer larger than its default of 16 KiB: the fastest way it has.
          const values = db.values({ highWaterMarkBytes: 256 * 1024 });
          for (let some = await values.nextv(1000); some.length > 0; some = await values.nextv(1000)) {
            for (const value of some) each(value);
          }
          await values.close();
        },
        close: () => db.close(),
      };
    },
  };
}
