/**
 * What stands one behind the other: lists, arrays of a fixed length, tuples. The elements of an array and of a tuple have
 * nothing between them; a list has its count before it.
 */
import type { Codec } from "../codec/codec.ts";
import { invalidArgument, shown } from "../errors.ts";
import { brief, Fault, within } from "./fault.ts";
import { codecOf, type PackCodec, partsOf } from "./pack-codec.ts";
import { once, type Parts, sum } from "./parts.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** The longest array that JavaScript has. */
const arrayLengthMax = 0xffff_ffff;

function checkArray(writer: Writer, value: unknown): void {
  if (Array.isArray(value)) return;
  throw new Fault("InvalidLength", writer.at, `${brief(value)} is no array.`);
}

function writeItems<T>(writer: Writer, items: readonly T[], count: number, write: Parts<T>["write"]): void {
  let i = 0;
  try {
    for (; i < count; i++) write(writer, items[i] as T);
  } catch (error) {
    throw within(error, `[${i}]`);
  }
  // A getter of an element can do anything.
  if (items.length !== count) throw changed(writer);
}

function changed(writer: Writer): Fault {
  return new Fault("InvalidLength", writer.at, "it changed while it was encoded.");
}

function readItems<T>(reader: Reader, count: number, read: Parts<T>["read"]): T[] {
  const items: T[] = [];
  let i = 0;
  try {
    for (; i < count; i++) items.push(read(reader));
  } catch (error) {
    throw within(error, `[${i}]`);
  }
  return items;
}

/**
 * Rust's `Vec<T>`: the count as a varint, then the elements. Of a list of bytes, `bytes` is faster and has the same encoding.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when `item` is no codec of this module.
 * @example
 * const scores = vec(u16);
 * console.log(scores.encode([1, 300])); // Uint8Array(4) [ 2, 1, 172, 2 ]
 */
export function vec<T>(item: Codec<T>): PackCodec<T[]> {
  const parts = partsOf(item, "vec");
  const { write, read } = parts;
  return codecOf<T[]>({
    write(writer, value) {
      checkArray(writer, value);
      const count = value.length;
      writer.putCount(count, parts.minBytes(), parts.slots());
      writeItems(writer, value, count, write);
    },
    read: (reader) => readItems(reader, reader.takeCount(parts.minBytes(), parts.slots()), read),
    minBytes: () => 1,
    isCanonical: parts.isCanonical,
    isDeferred: parts.isDeferred,
  });
}

/**
 * Rust's `[T; N]`: `length` elements, and no count.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when `item` is no codec of this module, or `length` is no whole number from 0 to
 *   2^32 - 1.
 */
export function array<T>(item: Codec<T>, length: number): PackCodec<T[]> {
  const parts = partsOf(item, "array");
  if (!Number.isSafeInteger(length) || length < 0 || length > arrayLengthMax) {
    throw invalidArgument(`The length of an array is a whole number up to 2^32 - 1; got ${shown(length)}.`);
  }
  const { write, read } = parts;
  const minBytes = once(() => length * parts.minBytes());
  return codecOf<T[]>({
    write(writer, value) {
      checkArray(writer, value);
      if (value.length !== length) {
        throw new Fault("InvalidLength", writer.at, `${value.length} elements, and the array has ${length}.`);
      }
      // Behind an option, say, nobody else counts them.
      if (minBytes() === 0) writer.takeFree(length * parts.slots());
      writeItems(writer, value, length, write);
    },
    read(reader) {
      const needed = minBytes();
      if (needed > reader.end - reader.at) throw reader.tooShort(needed);
      if (needed === 0) reader.takeFree(reader.at, length * parts.slots());
      return readItems(reader, length, read);
    },
    minBytes,
    slots: once(() => 1 + length * parts.slots()),
    isCanonical: parts.isCanonical,
    isDeferred: parts.isDeferred,
  });
}

/**
 * A tuple: its elements, one behind the other.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when one is no codec of this module.
 * @example
 * const point = tuple(i32, i32);
 * console.log(point.decode(point.encode([-1, 1]))); // [ -1, 1 ]
 */
export function tuple<T extends readonly unknown[]>(...items: { [K in keyof T]: Codec<T[K]> }): PackCodec<T> {
  const parts = (items as readonly Codec<unknown>[]).map((item) => partsOf(item, "tuple"));
  const count = parts.length;
  const writes = parts.map(({ write }) => write);
  const reads = parts.map(({ read }) => read);
  return codecOf<T>({
    write(writer, value) {
      checkArray(writer, value);
      if (value.length !== count) {
        throw new Fault("InvalidLength", writer.at, `${value.length} elements, and the tuple has ${count}.`);
      }
      let i = 0;
      try {
        for (; i < count; i++) (writes[i] as Parts<unknown>["write"])(writer, value[i]);
      } catch (error) {
        throw within(error, `[${i}]`);
      }
    },
    read(reader) {
      const value: unknown[] = [];
      let i = 0;
      try {
        for (; i < count; i++) value.push((reads[i] as Parts<unknown>["read"])(reader));
      } catch (error) {
        throw within(error, `[${i}]`);
      }
      return value as readonly unknown[] as T;
    },
    minBytes: once(() => sum(parts.map((each) => each.minBytes()))),
    slots: once(() => 1 + sum(parts.map((each) => each.slots()))),
    isCanonical: (asked) => parts.every((each) => each.isCanonical(asked)),
    isDeferred: parts.some(({ isDeferred }) => isDeferred),
  });
}
