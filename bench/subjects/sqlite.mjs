/**
 * SQLite as a log: one table, a row each record, in WAL mode. `synchronous=FULL` flushes at each commit;
 * `synchronous=NORMAL` writes at each commit and flushes at checkpoints, which is what an append promises.
 */
import { join } from "node:path";

const schema = "CREATE TABLE IF NOT EXISTS log (lsn INTEGER PRIMARY KEY, data BLOB NOT NULL)";

function engine(database, durable, rows) {
  database.exec("PRAGMA journal_mode = WAL");
  database.exec(`PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`);
  database.exec(schema);
  const insert = database.prepare("INSERT INTO log (data) VALUES (?)");
  const begin = database.prepare("BEGIN");
  const end = database.prepare("COMMIT");
  function batch(records) {
    begin.run();
    for (const record of records) insert.run(record);
    end.run();
  }
  const one = (record) => void insert.run(record);
  return {
    append: one,
    appendBatch: batch,
    commitBatch: batch,
    commitBlocking: one,
    // Its calls block: there is nothing to wait for, and no group.
    commit: async (record) => one(record),
    replay(each) {
      for (const data of rows(database)) each(data);
    },
    close: () => database.close(),
  };
}

const select = "SELECT data FROM log ORDER BY lsn";

const pluckedRows = (database) => database.prepare(select).pluck().iterate();

export async function betterSqliteSubject() {
  const { default: Database } = await import("better-sqlite3");
  return {
    open: (folder, { durable }) => engine(new Database(join(folder, "log.db")), durable, pluckedRows),
  };
}

function* dataOf(rows) {
  for (const row of rows) yield row.data;
}

/** Statement.iterate came in Node 22.13. */
const namedRows = (database) => dataOf(database.prepare(select).iterate());

export async function nodeSqliteSubject() {
  const { DatabaseSync } = await import("node:sqlite");
  return {
    open: (folder, { durable }) => engine(new DatabaseSync(join(folder, "log.db")), durable, namedRows),
  };
}
