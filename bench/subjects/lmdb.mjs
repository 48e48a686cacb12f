/**
 * lmdb-js as a log: keys that count up. `overlappingSync: false`: the promise of a put is kept when its
 * transaction, which it shares with others of that time, has been flushed. `noSync` writes at each commit and
 * leaves the flush to the system, which is what an append promises.
 */
import { join } from "node:path";

export async function lmdbSubject() {
  const { open } = await import("lmdb");
  return {
    open(folder, { durable }) {
      const db = open({
        path: join(folder, "log"),
        encoding: "binary",
        keyEncoding: "uint32",
        overlappingSync: false,
        noSync: !durable,
      });
      const [last] = [...db.getKeys({ reverse: true, limit: 1 })];
      let next = last === undefined ? 0 : last + 1;
      function batch(records) {
        db.transactionSync(() => {
          for (const record of records) db.putSync(next++, record);
        });
      }
      const one = (record) => db.putSync(next++, record);
      return {
        append: one,
        appendBatch: batch,
        commitBatch: batch,
        commitBlocking: one,
        commit: (record) => db.put(next++, record),
        replay(each) {
          for (const { value } of db.getRange()) each(value);
        },
        close: () => db.close(),
      };
    },
  };
}
