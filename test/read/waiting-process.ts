/**
 * Waits for a record that never comes, and has nothing else to do.
 *
 *   node waiting-process.js <here | other> <log>
 *
 * here: in a log that it has open itself. other: in one that another process might write.
 */
import { writeSync } from "node:fs";
import { Wal } from "wal-db";

const [, , where = "", log = ""] = process.argv;
const wal = await Wal.open(log, { readOnly: where === "other" });
void wal.follow().next();
setImmediate(() => writeSync(1, "waiting\n"));
