/**
 * Floating-point numbers: their IEEE 754 bits, little-endian.
 *
 * A NaN has bits to spare, its payload, and JavaScript gives no way to see them but through memory. V8 (Node,
 * Deno) keeps all bits of a NaN in a number, except that it may set the highest of the payload, the one that makes a NaN
 * quiet, where a number is stored in an array of numbers. JavaScriptCore (Bun) has one NaN only. So:
 *
 *   f64, f32           bits survive in V8, but for the quiet bit; in Bun a NaN becomes 7ff8000000000000, or 7fc00000
 *   f64Bits, f32Bits   the same encoding, and the bits themselves as the value: they survive everywhere
 *
 * An f32 that is a NaN is widened by hand: the processor's own conversion sets the quiet bit.
 */
import { Fault } from "./fault.ts";
import { outOfRange } from "./integers.ts";
import { codecOf, type PackCodec } from "./pack-codec.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

const scratch: DataView = new DataView(new ArrayBuffer(8));

function readWord(reader: Reader): number {
  const { bytes, at } = reader;
  reader.at = at + 4;
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function writeWord(writer: Writer, word: number): void {
  const { bytes, at } = writer;
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
  writer.at = at + 4;
}

/** The eight bytes of the scratch. */
function writeScratch(writer: Writer): void {
  writer.need(8);
  writeWord(writer, scratch.getInt32(0, true));
  writeWord(writer, scratch.getInt32(4, true));
}

function readScratch(reader: Reader): void {
  expect(reader, 8);
  scratch.setInt32(0, readWord(reader), true);
  scratch.setInt32(4, readWord(reader), true);
}

/** Faults, and not what is short: it takes `length` bytes from where the reader is. */
function expect(reader: Reader, length: number): void {
  if (reader.end - reader.at < length) throw reader.tooShort(length);
}

function notFloat(writer: Writer, value: unknown, type: string): Fault {
  return outOfRange(writer, value, `${type}, a number`);
}

/** An f64: 8 bytes. What becomes of a NaN: docs/pack-io.md. */
export const f64: PackCodec<number> = codecOf<number>({
  write(writer, value) {
    if (typeof value !== "number") throw notFloat(writer, value, "f64");
    scratch.setFloat64(0, value, true);
    writeScratch(writer);
  },
  read(reader) {
    readScratch(reader);
    return scratch.getFloat64(0, true);
  },
  minBytes: () => 8,
  identity: "value",
});

/** The exponent of a NaN or an infinity. */
const exponent32 = 0x7f80_0000;

/** An f32: 4 bytes. A number is rounded to the nearest f32. What becomes of a NaN: docs/pack-io.md. */
export const f32: PackCodec<number> = codecOf<number>({
  write(writer, value) {
    if (typeof value !== "number") throw notFloat(writer, value, "f32");
    writer.need(4);
    writeWord(writer, Number.isNaN(value) ? narrowNaN(value) : bitsOf(value));
  },
  read(reader) {
    expect(reader, 4);
    const bits = readWord(reader);
    if ((bits & exponent32) === exponent32 && (bits & 0x7f_ffff) !== 0) return wideNaN(bits);
    scratch.setInt32(0, bits, true);
    return scratch.getFloat32(0, true);
  },
  minBytes: () => 4,
  identity: "value",
});

function bitsOf(value: number): number {
  scratch.setFloat32(0, value, true);
  return scratch.getInt32(0, true);
}

/**
 *   f32   s 11111111    pppppppppppppppppppppp.......
 *   f64   s 11111111111 pppppppppppppppppppppp....... 0 (29 bits)
 */
function wideNaN(bits: number): number {
  scratch.setInt32(4, (bits & 0x8000_0000) | 0x7ff0_0000 | ((bits & 0x7f_ffff) >>> 3), true);
  scratch.setInt32(0, bits << 29, true);
  return scratch.getFloat64(0, true);
}

function narrowNaN(value: number): number {
  scratch.setFloat64(0, value, true);
  const high = scratch.getInt32(4, true);
  const payload = ((high & 0xf_ffff) << 3) | (scratch.getInt32(0, true) >>> 29);
  // A payload whose upper 23 bits are zero would make an infinity of it.
  return (high & 0x8000_0000) | exponent32 | (payload === 0 ? 0x40_0000 : payload);
}

/** An f64 as its 64 bits: any pattern survives, in every engine. */
export const f64Bits: PackCodec<bigint> = codecOf<bigint>({
  write(writer, value) {
    if (typeof value !== "bigint" || BigInt.asUintN(64, value) !== value) {
      throw outOfRange(writer, value, "f64Bits, a bigint from 0 to 2^64 - 1");
    }
    scratch.setBigUint64(0, value, true);
    writeScratch(writer);
  },
  read(reader) {
    readScratch(reader);
    return scratch.getBigUint64(0, true);
  },
  minBytes: () => 8,
  identity: "value",
});

/** An f32 as its 32 bits: any pattern survives, in every engine. */
export const f32Bits: PackCodec<number> = codecOf<number>({
  write(writer, value) {
    if (typeof value !== "number" || value >>> 0 !== value) {
      throw outOfRange(writer, value, "f32Bits, a whole number from 0 to 2^32 - 1");
    }
    writer.need(4);
    writeWord(writer, value);
  },
  read(reader) {
    expect(reader, 4);
    return readWord(reader) >>> 0;
  },
  minBytes: () => 4,
  identity: "value",
});
