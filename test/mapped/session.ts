/**
 * A mapped log under strace: tells what it does next by a write of its own to the standard output.
 *
 *   node session.js <folder>
 */
import { writeSync } from "node:fs";
import { Wal } from "wal-db";
import { MappedStore } from "wal-db/mapped";

const [, , folder = ""] = process.argv;
const say = (what: string): void => void writeSync(1, `${what}\n`);
const wal = Wal.withStoreBlocking(MappedStore.open(folder, 1024 * 1024));
const record = new Uint8Array(256).fill(7);

function append(bytes: number): void {
  for (const end = wal.end + bytes; wal.end < end;) wal.append(record);
}

append(20_000);
wal.syncBlocking();
say("steady");
append(40_000);
say("flush");
wal.syncBlocking();
say("on, over a border");
append(1024 * 1024);
say("closing");
wal.closeBlocking();
say("closed");
