/**
 * Strings: a length in bytes, then UTF-8. What is no text is refused on both sides, and never replaced: bytes that are not
 * UTF-8, and strings with half of a surrogate pair.
 *
 * Short ones are dealt with by hand: what TextEncoder and TextDecoder cost by the call is more than all of a short one.
 */
import { brief, Fault } from "./fault.ts";
import { codecOf, type PackCodec } from "./pack-codec.ts";
import type { Reader } from "./reader.ts";
import { putU32, sizeOfU32 } from "./varint.ts";
import { full, type Writer } from "./writer.ts";

/** So short that its length takes one byte, whatever the characters: three bytes each at most. */
const shortUnitsMax = 42;
const shortBytesMax = 40;
/** Up to here there is room for the worst at once. */
const roomyUnitsMax: number = 16 * 1024;

const encoder = new TextEncoder();
// A byte order mark is a character like any other.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A string: its length in bytes as a varint, then UTF-8. */
export const string: PackCodec<string> = codecOf<string>({
  write(writer, value) {
    if (typeof value !== "string") {
      throw new Fault("InvalidUtf8", writer.at, `${brief(value)} is no string.`);
    }
    if (value.length <= shortUnitsMax) writeShort(writer, value);
    else writeLong(writer, value);
  },
  read(reader) {
    const length = reader.takeLength();
    const from = reader.at;
    reader.at = from + length;
    return (length <= shortBytesMax ? asciiIn(reader.bytes, from, length) : null) ?? decoded(reader, from);
  },
  minBytes: () => 1,
  identity: "value",
});

function writeShort(writer: Writer, text: string): void {
  const units = text.length;
  writer.need(1 + units);
  const { bytes, at: from } = writer;
  let at = from + 1;
  for (let i = 0; i < units; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) {
      at = putRest(writer, text, i, at);
      break;
    }
    bytes[at++] = unit;
  }
  const length = at - from - 1;
  if (length > writer.limits.allocationCap) throw writer.overCap(length);
  writer.bytes[from] = length;
  writer.at = at;
}

/**
 *   up to 7f     0xxxxxxx
 *   up to 7ff    110xxxxx 10xxxxxx
 *   up to ffff   1110xxxx 10xxxxxx 10xxxxxx
 *   above        11110xxx 10xxxxxx 10xxxxxx 10xxxxxx     (two units, a surrogate pair)
 *
 * From unit `i` on, which goes to `at`. Returns where it ends.
 */
function putRest(writer: Writer, text: string, i: number, at: number): number {
  writer.need(at - writer.at + sizeFrom(writer, text, i));
  const { bytes } = writer;
  for (; i < text.length; i++) {
    const point = text.codePointAt(i) as number;
    if (point < 0x80) bytes[at++] = point;
    else if (point < 0x800) {
      bytes[at++] = 0xc0 | (point >> 6);
      bytes[at++] = 0x80 | (point & 0x3f);
    } else if (point < 0x1_0000) {
      bytes[at++] = 0xe0 | (point >> 12);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    } else {
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
      i++;
    }
  }
  return at;
}

/** The bytes of a text from unit `i` on; and whether it is one. */
function sizeFrom(writer: Writer, text: string, i: number): number {
  let size = 0;
  for (; i < text.length; i++) {
    const point = text.codePointAt(i) as number;
    if (point >= 0xd800 && point <= 0xdfff) throw loneSurrogate(writer);
    size += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
    if (point >= 0x1_0000) i++;
  }
  return size;
}

function writeLong(writer: Writer, text: string): void {
  const units = text.length;
  if (units > writer.limits.allocationCap) throw writer.overCap(units);
  const prefix = sizeOfU32(units);
  // Three bytes a unit at most; one, most often, and so much is asked for where it is a lot, or where memory does not grow.
  writer.need(prefix + (writer.grows && units <= roomyUnitsMax ? 3 * units : units));
  const from = writer.at;
  let { read, written } = encoder.encodeInto(text, writer.bytes.subarray(from + prefix));
  if (read < units) {
    if (!writer.grows) throw full;
    writer.need(prefix + 3 * units);
    ({ read, written } = encoder.encodeInto(text, writer.bytes.subarray(from + prefix)));
  }
  // It replaces half a pair by a character of three bytes, so all of one byte each is text.
  if (written > units && hasLoneSurrogate(text)) throw loneSurrogate(writer);
  if (written > writer.limits.allocationCap) throw writer.overCap(written);
  const actual = sizeOfU32(written);
  writer.need(actual + written);
  const { bytes } = writer;
  if (actual > prefix) bytes.copyWithin(from + actual, from + prefix, from + prefix + written);
  putU32(bytes, from, written);
  writer.at = from + actual + written;
}

const surrogate = /\p{Surrogate}/u;

function hasLoneSurrogate(text: string): boolean {
  return surrogate.test(text);
}

function loneSurrogate(writer: Writer): Fault {
  return new Fault(
    "InvalidUtf8",
    writer.at,
    "the string has half of a surrogate pair, which UTF-8 cannot say.",
  );
}

/** The text of these bytes, or null if one of them is not ASCII. */
function asciiIn(bytes: Uint8Array, from: number, length: number): string | null {
  const end = from + length;
  let text = "";
  let at = from;
  for (; at + 8 <= end; at += 8) {
    const a = bytes[at] as number;
    const b = bytes[at + 1] as number;
    const c = bytes[at + 2] as number;
    const d = bytes[at + 3] as number;
    const e = bytes[at + 4] as number;
    const f = bytes[at + 5] as number;
    const g = bytes[at + 6] as number;
    const h = bytes[at + 7] as number;
    if ((a | b | c | d | e | f | g | h) >= 0x80) return null;
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; at < end; at++) {
    const unit = bytes[at] as number;
    if (unit >= 0x80) return null;
    text += String.fromCharCode(unit);
  }
  return text;
}

/** The text from `from` up to where the reader is. */
function decoded(reader: Reader, from: number): string {
  const view = reader.bytes.subarray(from, reader.at);
  // A browser decodes no memory that threads share.
  const alone = view.buffer instanceof ArrayBuffer ? view : new Uint8Array(view);
  try {
    return decoder.decode(alone);
  } catch (error) {
    // Of a class of its own where the engine has no string of that length.
    if (error instanceof Error && error.name !== "TypeError") {
      throw new Fault("InvalidLength", from, `${view.length} bytes: ${error.message}`);
    }
    throw new Fault("InvalidUtf8", from, `${view.length} bytes that are not UTF-8.`);
  }
}
