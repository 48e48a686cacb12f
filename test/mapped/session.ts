/**
 * A mapped log under strace: tells what it does next by a write of its own to the standard output.
 *
 *   node session.js <folder>
 */
import { writeSync } from "node:fs";
import { Wal } from "wal-db";
import { MappedStore } from "wal-db/mapped";
import { mappedCopyBytesMax } from "#internal/limits.js";

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
say("just below a large one");
wal.append(new Uint8Array(mappedCopyBytesMax - 8 - 1));
say("a large one");
wal.append(new Uint8Array(mappedCopyBytesMax - 8));
say("on, over a border");
// Not so far that pages are touched ahead there: a call that is out keeps the map, until it returns.
append(1024 * 1024 - 64 * 1024);
say("closing");
wal.closeBlocking();
say("closed");
