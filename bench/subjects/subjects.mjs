/** Who is measured: what each is called, and how it is loaded, in the process that measures it. */
export const subjects = {
  "wal-file": { title: "wal-db, file", load: () => wal("file") },
  "wal-segmented": { title: "wal-db, segmented", load: () => wal("segmented") },
  "wal-mapped": { title: "wal-db, mapped", load: () => wal("mapped") },
  "wal-memory": { title: "wal-db, memory", load: () => wal("memory") },
  fs: { title: "fs calls by hand", load: async () => (await import("./fs-loop.mjs")).fsSubject },
  "better-sqlite3": {
    title: "better-sqlite3",
    package: "better-sqlite3",
    load: async () => (await import("./sqlite.mjs")).betterSqliteSubject(),
  },
  "node-sqlite": {
    title: "node:sqlite",
    load: async () => (await import("./sqlite.mjs")).nodeSqliteSubject(),
  },
  level: {
    title: "classic-level",
    package: "classic-level",
    load: async () => (await import("./level.mjs")).levelSubject(),
  },
  lmdb: {
    title: "lmdb-js",
    package: "lmdb",
    load: async () => (await import("./lmdb.mjs")).lmdbSubject(),
  },
  "pack-io": {
    title: "wal-db/pack-io",
    load: async () => (await import("./codecs.mjs")).packIoSubject(),
  },
  "pack-io-into": {
    title: "wal-db/pack-io, encodeInto",
    load: async () => (await import("./codecs.mjs")).packIoIntoSubject(),
  },
  msgpackr: {
    title: "msgpackr, shared structures",
    package: "msgpackr",
    load: async () => (await import("./codecs.mjs")).msgpackrSubject(),
  },
  json: {
    title: "JSON, as UTF-8",
    load: async () => (await import("./codecs.mjs")).jsonSubject(),
  },
};

async function wal(store) {
  return (await import("./wal-db.mjs")).walSubject(store);
}
