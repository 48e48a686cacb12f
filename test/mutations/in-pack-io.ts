/** Bugs in the codecs of `wal-db/pack-io`. */
import type { Detector, Mutation } from "./mutation.ts";

const vectors: Detector = { file: "pack-io/vectors" };
const refusals: Detector = { file: "pack-io/refusals" };
const versions: Detector = { file: "pack-io/versions" };
const keys: Detector = { file: "pack-io/keys" };
const bounds: Detector = { file: "pack-io/bounds" };
const floats: Detector = { file: "pack-io/floats" };
const roundTrips: Detector = { file: "pack-io/round-trips" };
const fuzz: Detector = { file: "fuzz/pack" };

export const inPackIo: readonly Mutation[] = [
  {
    name: "pack-io: an integer that is not in its shortest form is taken",
    file: "pack-io/varint.js",
    find: /if \(byte === 0 && shift > 7\)/,
    put: "if (false)",
    foundBy: [refusals],
  },
  {
    name: "pack-io: the tenth byte of a u64 may have any bits",
    file: "pack-io/varint.js",
    find: /if \(shift === 63 && byte > 1\)/,
    put: "if (shift > 63)",
    foundBy: [refusals],
  },
  {
    name: "pack-io: a zigzag of more than 31 bits is taken for a negative number",
    file: "pack-io/integers.js",
    find: "((value << 1) ^ (value >> 31)) >>> 0",
    put: "(value << 1) ^ (value >> 31)",
    foundBy: [vectors, roundTrips],
  },
  {
    name: "pack-io: a length is not held against the bytes that are there",
    file: "pack-io/reader.js",
    find: "length > this.limits.allocationCap || length > this.end - this.at",
    put: "length > this.limits.allocationCap",
    foundBy: [refusals, fuzz],
  },
  {
    name: "pack-io: elements that take no bytes are not counted",
    file: "pack-io/reader.js",
    find: /if \(minBytes === 0\)\s+this\.takeFree/,
    put: "if (false) this.takeFree",
    foundBy: [{ ...bounds, title: "elements that take no bytes" }],
  },
  {
    name: "pack-io: half of a surrogate pair in a long string is replaced",
    file: "pack-io/text.js",
    find: /if \(written > units && hasLoneSurrogate\(text\)\)/,
    put: "if (false)",
    foundBy: [refusals],
  },
  {
    name: "pack-io: a byte order mark is dropped",
    file: "pack-io/text.js",
    find: "ignoreBOM: true",
    put: "ignoreBOM: false",
    foundBy: [vectors],
  },
  {
    name: "pack-io: bytes that are not UTF-8 are replaced",
    file: "pack-io/text.js",
    find: "fatal: true",
    put: "fatal: false",
    foundBy: [refusals, fuzz],
  },
  {
    name: "pack-io: the buffer grows without what was written of a string",
    file: "pack-io/writer.js",
    find: "larger.set(this.bytes);",
    put: "larger.set(this.bytes.subarray(0, this.at));",
    foundBy: [{ ...bounds, title: "grows in the middle of a string" }],
  },
  {
    name: "pack-io: a map is written as it was filled",
    file: "pack-io/map.js",
    find: "entries.sort();",
    put: "",
    foundBy: [vectors, roundTrips],
  },
  {
    name: "pack-io: a key that begins another comes after it",
    file: "pack-io/order.js",
    find: "return to - from - (otherTo - otherFrom);",
    put: "return otherTo - otherFrom - (to - from);",
    foundBy: [{ ...vectors, title: "a prefix sorts first" }],
  },
  {
    name: "pack-io: two keys that encode alike are written both",
    file: "pack-io/order.js",
    find: /if \(this\.#compare\(one, other\) === 0\)/,
    put: "if (false)",
    foundBy: [keys],
  },
  {
    name: "pack-io: keys that are objects are never the same",
    file: "pack-io/keys.js",
    find: "if (seen !== undefined)",
    put: "if (false)",
    foundBy: [keys],
  },
  {
    name: "pack-io: ascending order is trusted where a key has more than one encoding",
    file: "pack-io/keys.js",
    find: "isCanonical ? null : new Map()",
    put: "null",
    foundBy: [keys],
  },
  {
    name: "pack-io: keys within keys are encoded again without bound",
    file: "pack-io/keys.js",
    find: "reader.takeRecoded(bytes.length);",
    put: "",
    foundBy: [{ ...bounds, title: "keys within keys" }],
  },
  {
    name: "pack-io: a type that contains itself is taken to have one encoding",
    file: "pack-io/lazy.js",
    find: "return parts().isCanonical(asked)",
    put: "return true",
    foundBy: [keys],
  },
  {
    name: "pack-io: values share the fallback of a field",
    file: "pack-io/versioned.js",
    find: /return isObject \? \(\) => decodeWhole\(parts, limitsDefault, encoded\) : \(\) => value;/,
    put: "return () => value;",
    foundBy: [versions],
  },
  {
    name: "pack-io: a body is read past its end",
    file: "pack-io/versioned.js",
    find: "reader.end = end;",
    put: "",
    foundBy: [versions],
  },
  {
    name: "pack-io: what is left of a body is not skipped",
    file: "pack-io/versioned.js",
    find: "reader.at = end;",
    put: "",
    foundBy: [versions],
  },
  {
    name: "pack-io: a field that is gone is written",
    file: "pack-io/versioned.js",
    find: "version < field.until",
    put: "version <= field.until",
    foundBy: [versions],
  },
  {
    name: "pack-io: nesting has no bound",
    file: "pack-io/lazy.js",
    find: /if \(reader\.depth >= reader\.limits\.maxDepth\)\s+throw reader\.tooDeep\(\);/,
    put: "",
    foundBy: [bounds],
  },
  {
    name: "pack-io: a stack that is full crashes",
    file: "pack-io/whole.js",
    find: "depth > 0 && isStackOverflow(error)",
    put: "false",
    foundBy: [bounds],
  },
  {
    name: "pack-io: an f32 NaN is widened by the processor",
    file: "pack-io/floats.js",
    find: /return wideNaN\(bits\);/,
    put: ";",
    foundBy: [floats],
  },
  {
    name: "pack-io: a call within a call writes to the same buffer",
    file: "pack-io/whole.js",
    find: "idleWriter = null;\n    writer.begin",
    put: "idleWriter = writer;\n    writer.begin",
    foundBy: [{ ...bounds, title: "a call within a call" }],
  },
  {
    name: "pack-io: a field named __proto__ becomes the prototype",
    file: "pack-io/struct.js",
    find: 'if (!names.includes("__proto__"))',
    put: "if (true)",
    foundBy: [keys, roundTrips],
  },
];
