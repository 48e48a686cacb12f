/**
 * LEB128: seven bits a byte, the lowest first; the high bit says that another byte follows.
 *
 *   300 = 0b10_0101100   ->   1_0101100  0_0000010   =   ac 02
 *
 * Shortest form only: a last byte of zero, other than the first, is refused. So is what has more bytes or bits than
 * its type: that is VarintOverflow. An integer of its type's length that is still too large is IntegerOutOfRange.
 *
 * 64-bit integers are two halves of 32 bits, since arithmetic on those is quick and on a bigint it is not.
 * Zigzag, for signed ones: 0, -1, 1, -2 ... become 0, 1, 2, 3 ...: `(n << 1) ^ (n >> 63)`.
 */
import { Fault } from "./fault.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

const twoTo32 = 0x1_0000_0000;

/** An unsigned integer of at most `maxBytes` bytes (5 or fewer) that is at most `max`. */
export function readSmall(reader: Reader, maxBytes: number, max: number): number {
  const { bytes, at, end } = reader;
  if (at < end) {
    const first = bytes[at] as number;
    if (first < 0x80) {
      reader.at = at + 1;
      return first;
    }
  }
  return readLonger(reader, maxBytes, max);
}

function readLonger(reader: Reader, maxBytes: number, max: number): number {
  const from = reader.at;
  let value = 0;
  let scale = 1;
  for (let n = 1; ; n++) {
    const byte = reader.byte();
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (byte === 0 && n > 1) throw notShortest(from);
      break;
    }
    if (n === maxBytes) throw tooManyBytes(from, maxBytes);
    scale *= 0x80;
  }
  if (value > max) throw new Fault("IntegerOutOfRange", from, `${value}, and at most ${max} is allowed.`);
  return value;
}

/** A length or an index: a u64 whose exact value matters only where it is a safe integer. */
export function readLength(reader: Reader): number {
  const { bytes, at, end } = reader;
  if (at < end) {
    const first = bytes[at] as number;
    if (first < 0x80) {
      reader.at = at + 1;
      return first;
    }
  }
  readHalves(reader);
  return (reader.high >>> 0) * twoTo32 + (reader.low >>> 0);
}

/**
 * A u64, into `reader.low` and `reader.high`:
 *
 *   byte   0    1     2      3      4       5      6      7      8      9
 *   bit    0-6  7-13  14-20  21-27  28-34   35-41  42-48  49-55  56-62  63
 *                                   4 | 3
 */
export function readHalves(reader: Reader): void {
  const from = reader.at;
  let low = 0;
  let high = 0;
  let shift = 0;
  let byte: number;
  do {
    byte = reader.byte();
    const bits = byte & 0x7f;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >>> 4;
    } else {
      high |= bits << (shift - 32);
      if (shift === 63 && byte > 1) throw tooManyBits(from, 10, 1);
    }
    shift += 7;
  } while (byte >= 0x80);
  if (byte === 0 && shift > 7) throw notShortest(from);
  reader.low = low | 0;
  reader.high = high | 0;
}

/** A u128. */
export function readBig(reader: Reader): bigint {
  const from = reader.at;
  let value = 0n;
  let part = 0;
  let scale = 1;
  let shift = 0n;
  for (let n = 1; ; n++) {
    const byte = reader.byte();
    part += (byte & 0x7f) * scale;
    if (n === 19 && byte > 3) throw tooManyBits(from, 19, 2);
    if (byte < 0x80) {
      if (byte === 0 && n > 1) throw notShortest(from);
      return value + (BigInt(part) << shift);
    }
    scale *= 0x80;
    // 49 bits are gathered in a number before they become part of a bigint.
    if (n % 7 === 0) {
      value += BigInt(part) << shift;
      shift += 49n;
      part = 0;
      scale = 1;
    }
  }
}

function notShortest(from: number): Fault {
  return new Fault("VarintOverflow", from, "the integer is not in its shortest form.");
}

function tooManyBytes(from: number, maxBytes: number): Fault {
  return new Fault("VarintOverflow", from, `the integer takes more than ${maxBytes} bytes.`);
}

function tooManyBits(from: number, maxBytes: number, bits: number): Fault {
  return new Fault("VarintOverflow", from, `byte ${maxBytes} of the integer has more than ${bits} bits.`);
}

/** An unsigned integer below 2^32. */
export function writeU32(writer: Writer, value: number): void {
  writer.need(sizeOfU32(value));
  writer.at = putU32(writer.bytes, writer.at, value);
}

/** The same where there is room, at `at`; returns where it ends. */
export function putU32(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = rest | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** Bytes that `putU32` writes. */
export function sizeOfU32(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/** A u64 of two halves. */
export function writeHalves(writer: Writer, low: number, high: number): void {
  let above = high >>> 0;
  let rest = low >>> 0;
  writer.need(above === 0 ? sizeOfU32(rest) : Math.ceil((64 - Math.clz32(above)) / 7));
  const { bytes } = writer;
  let at = writer.at;
  while (above > 0) {
    bytes[at++] = rest | 0x80;
    rest = ((rest >>> 7) | (above << 25)) >>> 0;
    above >>>= 7;
  }
  writer.at = putU32(bytes, at, rest);
}

/** A u128. */
export function writeBig(writer: Writer, value: bigint): void {
  let rest = value;
  while (rest > 0xffff_ffffn) {
    writer.need(1);
    writer.bytes[writer.at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  writeU32(writer, Number(rest));
}
