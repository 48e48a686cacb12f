/** Integers of up to 32 bits, as numbers: one byte as it is, more as varints, signed ones by zigzag. */
import { brief, Fault } from "./fault.ts";
import { codecOf, type PackCodec } from "./pack-codec.ts";
import { readSmall, writeU32 } from "./varint.ts";
import type { Writer } from "./writer.ts";

const oneByte = (): number => 1;

export function outOfRange(writer: Writer, value: unknown, type: string): Fault {
  return new Fault("IntegerOutOfRange", writer.at, `${brief(value)} is no ${type}.`);
}

/** A u8: one byte. */
export const u8: PackCodec<number> = codecOf<number>({
  write(writer, value) {
    if (typeof value !== "number" || (value & 0xff) !== value) {
      throw outOfRange(writer, value, "u8, a whole number from 0 to 255");
    }
    writer.need(1);
    writer.bytes[writer.at++] = value;
  },
  read: (reader) => reader.byte(),
  minBytes: oneByte,
  identity: "value",
});

/** An i8: one byte, two's complement. */
export const i8: PackCodec<number> = codecOf<number>({
  write(writer, value) {
    if (typeof value !== "number" || (value << 24) >> 24 !== value) {
      throw outOfRange(writer, value, "i8, a whole number from -128 to 127");
    }
    writer.need(1);
    writer.bytes[writer.at++] = value;
  },
  read: (reader) => (reader.byte() << 24) >> 24,
  minBytes: oneByte,
  identity: "value",
});

function unsigned(name: string, maxBytes: number, max: number): PackCodec<number> {
  const type = `${name}, a whole number from 0 to ${max}`;
  return codecOf<number>({
    write(writer, value) {
      if (typeof value !== "number" || value >>> 0 !== value || value > max) {
        throw outOfRange(writer, value, type);
      }
      if (value < 0x80) {
        writer.need(1);
        writer.bytes[writer.at++] = value;
      } else writeU32(writer, value);
    },
    read: (reader) => readSmall(reader, maxBytes, max),
    minBytes: oneByte,
    identity: "value",
  });
}

function signed(name: string, bits: number, maxBytes: number): PackCodec<number> {
  const max = 2 ** (bits - 1) - 1;
  const type = `${name}, a whole number from ${-max - 1} to ${max}`;
  const unused = 32 - bits;
  return codecOf<number>({
    write(writer, value) {
      if (typeof value !== "number" || (value << unused) >> unused !== value) {
        throw outOfRange(writer, value, type);
      }
      writeU32(writer, ((value << 1) ^ (value >> 31)) >>> 0);
    },
    read(reader) {
      const zigzag = readSmall(reader, maxBytes, 2 ** bits - 1);
      return (zigzag >>> 1) ^ -(zigzag & 1);
    },
    minBytes: oneByte,
    identity: "value",
  });
}

/** A u16: a varint of at most 3 bytes. */
export const u16: PackCodec<number> = unsigned("u16", 3, 0xffff);
/** A u32: a varint of at most 5 bytes. */
export const u32: PackCodec<number> = unsigned("u32", 5, 0xffff_ffff);
/** An i16: zigzag, then a varint of at most 3 bytes. */
export const i16: PackCodec<number> = signed("i16", 16, 3);
/** An i32: zigzag, then a varint of at most 5 bytes. */
export const i32: PackCodec<number> = signed("i32", 32, 5);
