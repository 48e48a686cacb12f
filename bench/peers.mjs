/** What is compared, said fairly: what each does to be durable, and what it offers beyond a log. */
export const peers = [
  {
    subject: "wal-db",
    commit: "`appendAndSync`: one `fdatasync` for all who wait (F_FULLFSYNC on macOS)",
    append: "one `pwrite` an append; mapped: a copy into the page cache",
    more: "checksums verified on every read; several threads; recovery that reports damage",
  },
  {
    subject: "fs calls by hand",
    commit: "`write`, then `fdatasync`, each caller for itself",
    append: "one `writeSync` an append, with a checksum (`zlib.crc32`)",
    more: "nothing: no lock, no group commit, no repair after a crash",
  },
  {
    subject: "better-sqlite3",
    commit:
      "WAL mode, `synchronous=FULL`: a transaction, and an `fsync`, for each insert. Callers are not grouped; who can gather them uses a transaction, as the case of durable batches does",
    append: "WAL mode, `synchronous=NORMAL`: a transaction each; flushed at checkpoints",
    more: "SQL, indexes, updates, deletes, many readers and processes",
  },
  {
    subject: "node:sqlite",
    commit: "as better-sqlite3",
    append: "as better-sqlite3",
    more: "as better-sqlite3; part of Node from 22.13 on",
  },
  {
    subject: "classic-level",
    commit:
      "`put` with `sync: true`: `fdatasync` of LevelDB's own log, writers that wait grouped where they meet",
    append: "`put` with `sync: false`, each awaited: there is no blocking call",
    more: "a sorted key-value store: lookups by key, ranges, deletes, compaction, compression",
  },
  {
    subject: "lmdb-js",
    commit:
      "`overlappingSync: false`: a put is done when its transaction, shared by puts of that time, is flushed (`fdatasync`)",
    append: "`noSync`: a transaction each, written and not flushed",
    more: "a sorted key-value store in a B+ tree: lookups by key, ranges, snapshots, many processes",
  },
  {
    subject: "native",
    commit:
      "C on the system's calls: frame, CRC32C by instruction, `pwrite`, `fdatasync` by group among threads",
    append: "the same, not flushed; mapped: framed in place in a preallocated mapping",
    more: "nothing: no recovery, no lock, no reading back but the replay that is timed",
  },
];

export const caveats = [
  "Codecs: each gives back the value it took; JSON says a bigint and bytes in text. msgpackr returns views of a buffer that it shares among values, pack-io memory of its own for each; `encodeInto`, which a typed log uses, has no memory to get. msgpackr compiles its readers from text (`new Function`), pack-io compiles nothing.",
  "Replay: wal-db, the log by hand and the native floor verify a checksum for each record; SQLite and LMDB have none to verify, LevelDB verifies blocks only where asked.",
  "Keys: the databases keep a number for each record and hand back values alone; wal-db hands back records with their offsets.",
  "SQLite's calls block: its concurrent callers commit one after the other. wal-db, LMDB and LevelDB work off the thread while callers wait.",
  "The native floor of 1000 committers is one write and one flush per 1000 records, by one thread: a limit, and not a program that takes 1000 callers.",
  "Native threads: an append wakes all who wait, as in the plain design; tuned, it wakes nobody who waits for a flush. The goal names the plain one.",
  "Native memory: frames written into one buffer of 1 MiB again and again, which stays in the processor's cache; kept, into fresh memory, as a log in memory must. The goal names the former.",
  "LMDB maps its file: its resident memory counts pages of the page cache that the system takes back when it needs them.",
  "Reopening: LevelDB may still compact what was written before; SQLite opens the file at the first statement.",
  "Where a subject is much slower than the others at durable commits, it is given fewer records; the rate is told, not the time.",
];
