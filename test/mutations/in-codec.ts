/** Bugs in what calls codecs, and in those of `wal-db/codecs`. */
import type { Detector, Mutation } from "./mutation.ts";

const hostile: Detector = { file: "typed/hostile-codec" };
const typed: Detector = { file: "typed/typed" };
const wrapping: Detector = { file: "codec/wrapping" };
const validated: Detector = { file: "codec/validated" };

export const inCodec: readonly Mutation[] = [
  {
    name: "codec: what it throws passes through",
    file: "codec/coding.js",
    find: /throw notEncoded\(cause\);([^]*?)throw notEncoded\(cause\);/,
    put: "throw cause; } } export function encodedInto(codec, value, target) { try { return bytesInto(codec, value, target); } catch (cause) { throw cause;",
    foundBy: [hostile],
  },
  {
    name: "codec: what encodeInto says is believed",
    file: "codec/coding.js",
    find: /const fits = Number\.isInteger\(length\)[^;]*;/,
    put: "const fits = true;",
    foundBy: [hostile],
  },
  {
    name: "codec: bytes whose memory is gone are taken",
    file: "codec/coding.js",
    find: "bytes instanceof Uint8Array && hasBytes(bytes)",
    put: "bytes instanceof Uint8Array",
    foundBy: [hostile],
  },
  {
    name: "codec: decode gets the record's own bytes",
    file: "read/wal-record.js",
    find: "ownBytes(this.#chunk, this.#start, this.length)",
    put: "this.data",
    foundBy: [hostile],
  },
  {
    name: "codec: two records get the same bytes",
    file: "codec/own-bytes.js",
    find: "used += length;",
    put: "",
    foundBy: [hostile],
  },
  {
    name: "typed: values are encoded in the buffer of the log",
    file: "append/writer.js",
    find: "const frames = this.#valueFrames ?? new FrameBuffer();",
    put: "const frames = this.#frames;",
    foundBy: [hostile],
  },
  {
    name: "typed: what a codec has staged stands behind its value",
    file: "append/writer.js",
    find: /this\.writeStaged\(\);\s+(const lsn = this\.#write\(frames\.view\(\), null\);\s+this\.appends \+= count;)/,
    put: "const lsn = this.#write(frames.view(), null); this.appends += count;",
    foundBy: [hostile],
  },
  {
    name: "typed: an empty payload finds room where its header has none",
    file: "record/frame.js",
    find: "codec.encodeInto === undefined || start + headerBytes > this.bytes.length",
    put: "codec.encodeInto === undefined",
    foundBy: [typed],
  },
  {
    name: "typed: a value in place may be above maxRecordSize",
    file: "record/frame.js",
    find: /if \(length > maxBytes\)\s+throw recordTooLarge\(length, maxBytes\);\s+this\.#seal/,
    put: "this.#seal",
    foundBy: [hostile],
  },
  {
    name: "validated: what the schema returns is logged",
    file: "codec/validated.js",
    find: /encodeInto\(value, target\) \{\s+check\(schema, value, "given"\);/,
    put: 'encodeInto(value, target) { value = check(schema, value, "given");',
    foundBy: [validated],
  },
  {
    name: "validated: what is read is not checked",
    file: "codec/validated.js",
    find: 'check(schema, valueFrom(codec, bytes), "read")',
    put: "valueFrom(codec, bytes)",
    foundBy: [validated],
  },
  {
    name: "compressed: what could not be read again is written",
    file: "codec/compressed.js",
    find: /if \(bytes\.length > maxBytes\)\s+throw tooLarge\(maxBytes, bytes\.length\);/,
    put: "",
    foundBy: [wrapping],
  },
  {
    name: "compressed: a stream that ends early is taken",
    file: "codec/compressed.js",
    find: "if (inflated.length === length)",
    put: "if (inflated.length <= length)",
    foundBy: [wrapping],
  },
  {
    name: "encrypted: the context is not authenticated",
    file: "codec/encrypted.js",
    find: "bytes.set(context, nonceStart);",
    put: "",
    foundBy: [wrapping],
  },
  {
    name: "encrypted: the key of the caller is kept",
    file: "codec/encrypted.js",
    find: "const bytes = new Uint8Array(plainView(key));",
    put: "const bytes = key;",
    foundBy: [wrapping],
  },
  {
    name: "encrypted: one nonce for all",
    file: "codec/encrypted.js",
    find: "crypto.randomFillSync(nonce);",
    put: "",
    foundBy: [wrapping],
  },
];
