/**
 * Several values in one record, and so all or none of them after a crash.
 *
 *   0        4         8                    8+n
 *   | count  | length  | bytes of value 0   | length | bytes of value 1 | ...
 *   | u32 LE | n, u32  |
 *
 * No byte is left over. Count and lengths are from the disk: each is held against the bytes that are left
 * before anything is made of it. A value takes 4 bytes at least, so a count cannot ask for more than there is.
 */
import { readU32 } from "../bytes.ts";
import { messageOf } from "../errors.ts";
import { checkCodec, type Codec } from "./codec.ts";
import { bytesInto, codecFault, plainBytesFrom, valueFrom } from "./coding.ts";
import { GrowingBytes } from "./growing-bytes.ts";

const prefixBytes = 4;

/**
 * A codec for several values in one record. A record is there as a whole or not at all, so after a
 * crash all of them are, or none; `appendBatch` may keep the first of its records and not the rest.
 *
 * Cost: 4 bytes, and 4 for each value; a header of 8 bytes is saved for each but the first. The whole record
 * counts against `maxRecordSize`.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when it is no codec; from `encode` and `decode` WAL_ENCODING: `reason` `batch-value` when the
 *   codec throws at one of the values, and that is its `cause`; `malformed` when the bytes are no batch.
 * @example
 * const transfers = wal.typed(batch(json<{ account: string; cents: number }>()));
 * await transfers.appendAndSync([
 *   { account: "a", cents: -500 },
 *   { account: "b", cents: 500 },
 * ]);
 * for (const { value } of transfers) console.log(value.length); // 2
 */
export function batch<T>(codec: Codec<T>): Codec<readonly T[]> {
  checkCodec(codec);
  return {
    encode: (values) => encodeAll(values, codec),
    decode: (bytes) => decodeAll(bytes, codec),
  };
}

function encodeAll<T>(values: readonly T[], codec: Codec<T>): Uint8Array {
  if (!Array.isArray(values)) throw codecFault("invalid-value", "a batch is an array of values");
  const list: readonly T[] = [...values];
  const into = new GrowingBytes();
  into.u32(list.length);
  for (const [index, value] of list.entries()) {
    naming(index, list.length, () => add(into, value, codec));
  }
  return into.view();
}

function add<T>(into: GrowingBytes, value: T, codec: Codec<T>): void {
  if (codec.encodeInto !== undefined) {
    const length = bytesInto(codec, value, into.free(prefixBytes));
    if (length !== -1) return into.wroteBehindLength(length);
  }
  // Copied at once: the codec may return the same memory for the next.
  const bytes = plainBytesFrom(codec, value);
  into.u32(bytes.length);
  into.bytes(bytes);
}

function decodeAll<T>(bytes: Uint8Array, codec: Codec<T>): readonly T[] {
  const lengths = bytes.length - prefixBytes;
  const count = lengths < 0 ? -1 : readU32(bytes, 0);
  if (count < 0 || count > lengths / prefixBytes) throw malformed(0);
  const values: T[] = [];
  let at = prefixBytes;
  for (let index = 0; index < count; index++) {
    const start = at + prefixBytes;
    if (start > bytes.length) throw malformed(at);
    const end = start + readU32(bytes, at);
    if (end > bytes.length) throw malformed(at);
    values.push(naming(index, count, () => valueFrom(codec, bytes.subarray(start, end))));
    at = end;
  }
  if (at !== bytes.length) throw malformed(at);
  return values;
}

function malformed(at: number): Error {
  return codecFault("malformed", `these bytes are no batch of values: see their byte ${at}`);
}

function naming<R>(index: number, count: number, call: () => R): R {
  try {
    return call();
  } catch (cause) {
    throw codecFault("batch-value", `values[${index}], of ${count}: ${messageOf(cause)}`, { cause });
  }
}
