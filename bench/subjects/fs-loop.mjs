/**
 * A log as one writes it by hand in an afternoon: a header of checksum (zlib.crc32, native) and length, one
 * writeSync an append, fdatasync to commit; no group commit, no lock, no repair. It says what the calls of
 * node:fs cost by themselves.
 *
 *     0       4        8
 *     | crc32 | length | payload ... |
 */
import { closeSync, fdatasync, fdatasyncSync, openSync, readSync, write, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";

const headerBytes = 8;
const chunkBytes = 1 << 20;
const writeAsync = promisify(write);
const flushAsync = promisify(fdatasync);

function frameInto(into, at, record) {
  into.set(record, at + headerBytes);
  into.writeUInt32LE(record.length, at + 4);
  into.writeUInt32LE(crc32(into.subarray(at + 4, at + headerBytes + record.length)), at);
  return headerBytes + record.length;
}

/** Calls `each` with the intact records of the chunk; returns where they end. */
function readChunk(chunk, have, each) {
  let at = 0;
  while (at + headerBytes <= have) {
    const end = at + headerBytes + chunk.readUInt32LE(at + 4);
    if (end > have) break;
    if (crc32(chunk.subarray(at + 4, end)) !== chunk.readUInt32LE(at)) throw new Error("Damage.");
    each(chunk.subarray(at + headerBytes, end));
    at = end;
  }
  return at;
}

function replay(fd, each) {
  for (let base = 0; ;) {
    // A new one each time: records are views into it.
    const chunk = Buffer.allocUnsafeSlow(chunkBytes);
    const used = readChunk(chunk, readSync(fd, chunk, 0, chunkBytes, base), each);
    if (used === 0) return;
    base += used;
  }
}

export const fsSubject = {
  open(folder) {
    const fd = openSync(join(folder, "log"), "a+");
    const frame = Buffer.alloc(chunkBytes + headerBytes);
    function append(record) {
      writeSync(fd, frame, 0, frameInto(frame, 0, record));
    }
    function appendBatch(records) {
      let end = 0;
      for (const record of records) end += frameInto(frame, end, record);
      writeSync(fd, frame, 0, end);
    }
    return {
      append,
      appendBatch,
      commitBatch(records) {
        appendBatch(records);
        fdatasyncSync(fd);
      },
      commitBlocking(record) {
        append(record);
        fdatasyncSync(fd);
      },
      async commit(record) {
        const own = Buffer.allocUnsafe(headerBytes + record.length);
        frameInto(own, 0, record);
        await writeAsync(fd, own);
        await flushAsync(fd);
      },
      replay: (each) => replay(fd, each),
      close: () => closeSync(fd),
    };
  },
  verify(folder) {
    const fd = openSync(join(folder, "log"), "r");
    let records = 0;
    replay(fd, () => records++);
    return { records, close: () => closeSync(fd) };
  },
};
