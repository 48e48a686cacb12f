/**
 * Integers of 64 and 128 bits, as bigints. A 64-bit one goes through its two halves: a DataView makes a bigint of them,
 * and halves of a bigint, much faster than arithmetic on bigints does.
 */
import { outOfRange } from "./integers.ts";
import { codecOf, type PackCodec } from "./pack-codec.ts";
import { readBig, readHalves, writeBig, writeHalves } from "./varint.ts";

const oneByte = (): number => 1;
const scratch: DataView = new DataView(new ArrayBuffer(8));

function unsigned64(name: string): PackCodec<bigint> {
  const type = `${name}, a bigint from 0 to 2^64 - 1`;
  return codecOf<bigint>({
    write(writer, value) {
      if (typeof value !== "bigint" || BigInt.asUintN(64, value) !== value) {
        throw outOfRange(writer, value, type);
      }
      scratch.setBigUint64(0, value, true);
      writeHalves(writer, scratch.getUint32(0, true), scratch.getUint32(4, true));
    },
    read(reader) {
      readHalves(reader);
      scratch.setInt32(0, reader.low, true);
      scratch.setInt32(4, reader.high, true);
      return scratch.getBigUint64(0, true);
    },
    minBytes: oneByte,
    identity: "value",
  });
}

function signed64(name: string): PackCodec<bigint> {
  const type = `${name}, a bigint from -2^63 to 2^63 - 1`;
  return codecOf<bigint>({
    write(writer, value) {
      if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value) {
        throw outOfRange(writer, value, type);
      }
      scratch.setBigInt64(0, value, true);
      const low = scratch.getInt32(0, true);
      const high = scratch.getInt32(4, true);
      const sign = high >> 31;
      writeHalves(writer, (low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
    },
    read(reader) {
      readHalves(reader);
      const { low, high } = reader;
      const sign = -(low & 1);
      scratch.setInt32(0, ((low >>> 1) | (high << 31)) ^ sign, true);
      scratch.setInt32(4, (high >>> 1) ^ sign, true);
      return scratch.getBigInt64(0, true);
    },
    minBytes: oneByte,
    identity: "value",
  });
}

/** A u64: a varint of at most 10 bytes. */
export const u64: PackCodec<bigint> = unsigned64("u64");
/** A usize, which is written as a u64. */
export const usize: PackCodec<bigint> = unsigned64("usize");
/** An i64: zigzag, then a varint of at most 10 bytes. */
export const i64: PackCodec<bigint> = signed64("i64");
/** An isize, which is written as an i64. */
export const isize: PackCodec<bigint> = signed64("isize");

/** A u128: a varint of at most 19 bytes. */
export const u128: PackCodec<bigint> = codecOf<bigint>({
  write(writer, value) {
    if (typeof value !== "bigint" || BigInt.asUintN(128, value) !== value) {
      throw outOfRange(writer, value, "u128, a bigint from 0 to 2^128 - 1");
    }
    writeBig(writer, value);
  },
  read: readBig,
  minBytes: oneByte,
  identity: "value",
});

/** An i128: zigzag, then a varint of at most 19 bytes. */
export const i128: PackCodec<bigint> = codecOf<bigint>({
  write(writer, value) {
    if (typeof value !== "bigint" || BigInt.asIntN(128, value) !== value) {
      throw outOfRange(writer, value, "i128, a bigint from -2^127 to 2^127 - 1");
    }
    writeBig(writer, value < 0n ? -2n * value - 1n : 2n * value);
  },
  read(reader) {
    const zigzag = readBig(reader);
    const half = zigzag >> 1n;
    return (zigzag & 1n) === 0n ? half : -half - 1n;
  },
  minBytes: oneByte,
  identity: "value",
});
