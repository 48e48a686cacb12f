import type { Mutation } from "./mutation.ts";

/** Bytes: what counts as a record, and the search for one. */
export const inRecord: readonly Mutation[] = [
  {
    name: "the checksum is not compared",
    file: "record/scan.js",
    find: "return crc32cRange(window, at + lengthOffset, at + size) === readU32(window, at);",
    put: "return true;",
    foundBy: [{ file: "record/scan" }, { file: "wal/damage" }],
  },
  {
    name: "what stands behind the frames that were verified ahead counts as verified",
    file: "record/scan.js",
    find: "this.#verifiedEnd = this.offset + intact;",
    put: "this.#verifiedEnd = this.#windowEnd;",
    foundBy: [{ file: "record/scan" }, { file: "wal/damage" }],
  },
  {
    name: "bytes that are shown anew count as verified still",
    file: "record/scan.js",
    find: /(#windowEnd = windowStart \+ length;)\s+this\.#verifiedEnd = 0;/,
    put: "#windowEnd = windowStart + length;",
    foundBy: [{ file: "record/scan" }],
  },
  {
    name: "the checksum leaves out the length",
    file: "record/frame.js",
    find: "crc32cRange(bytes, start + lengthOffset, start + headerBytes + payloadLength)",
    put: "crc32cRange(bytes, start + headerBytes, start + headerBytes + payloadLength)",
    foundBy: [{ file: "record/frame" }],
  },
  {
    name: "a length from the disk is not held against the limit",
    file: "record/scan.js",
    find: "length > this.maxRecordBytes",
    put: "false",
    foundBy: [{ file: "record/scan" }],
  },
  {
    name: "a length from the disk is not held against the bytes that are there",
    file: "record/scan.js",
    find: "length > available - headerBytes",
    put: "false",
    foundBy: [{ file: "record/scan" }],
  },
  {
    name: "a tail of zeros is taken for records",
    file: "record/scan.js",
    find: "return crc32cRange(window, at + lengthOffset, at + size) === readU32(window, at);",
    put: "return readU32(window, at) === 0 || crc32cRange(window, at + lengthOffset, at + size) === readU32(window, at);",
    foundBy: [{ file: "record/scan" }, { file: "wal/damage" }],
  },
  {
    name: "zeros are taken for an intact record by the search",
    file: "record/search.js",
    find: "readU32(window.bytes, at) === emptyRecordCrc",
    put: "true",
    foundBy: [{ file: "record/search" }],
  },
  {
    name: "the scan goes on past a damaged record",
    file: "record/scan.js",
    find: 'return this.#damage("checksum-mismatch");',
    put: "this.offset = offset + size; return this.step();",
    foundBy: [{ file: "record/scan" }, { file: "wal/damage" }],
  },
  {
    name: "a record above the limit is framed",
    file: "record/frame.js",
    find: /if \(length > maxBytes\)\s+throw recordTooLarge\(length, maxBytes\);\s+return record;/,
    put: "return record;",
    foundBy: [{ file: "record/frame" }],
  },
];
