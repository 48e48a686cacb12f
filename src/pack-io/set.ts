/** Sets: a count, then the elements, sorted by their bytes. */
import type { Codec } from "../codec/codec.ts";
import { brief, Fault, within } from "./fault.ts";
import { SeenKeys } from "./keys.ts";
import { Entries } from "./order.ts";
import { codecOf, type PackCodec, partsOf } from "./pack-codec.ts";
import { once, type Parts } from "./parts.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/**
 * A set: the count of elements as a varint, then the elements in the order of their bytes.
 *
 * Bytes may hold an element twice, or be in another order: the first of equal ones is kept. Elements that are objects are
 * equal if their encodings are; a Set with two that encode alike is refused. See {@link map}.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when `item` is no codec of this module.
 * @example
 * const tags = set(string);
 * console.log(tags.encode(new Set(["b", "a"]))); // Uint8Array(5) [ 2, 1, 97, 1, 98 ]
 */
export function set<T>(item: Codec<T>): PackCodec<Set<T>> {
  const parts = partsOf(item, "set");
  const isCanonical = once(() => parts.isCanonical(new Set()));
  const slots = once(() => 1 + parts.slots());
  return codecOf<Set<T>>({
    write(writer, given) {
      if (!(given instanceof Set)) throw new Fault("InvalidLength", writer.at, `${brief(given)} is no Set.`);
      writer.putCount(given.size, parts.minBytes(), slots());
      writeItems(writer, given, given.size, parts);
    },
    read(reader) {
      const count = reader.takeCount(parts.minBytes(), slots());
      return readItems(
        reader,
        count,
        parts,
        parts.identity === "bytes" ? new SeenKeys(parts, isCanonical()) : null,
      );
    },
    minBytes: () => 1,
    isCanonical: () => false,
    isDeferred: parts.isDeferred,
  });
}

function writeItems<T>(writer: Writer, given: ReadonlySet<T>, count: number, parts: Parts<T>): void {
  const entries = new Entries(writer);
  try {
    for (const each of given) {
      entries.begin();
      parts.write(writer, each);
      entries.endKey();
    }
  } catch (error) {
    throw within(error, `[${entries.count - 1}]`);
  }
  if (entries.count !== count) {
    throw new Fault("InvalidLength", writer.at, "it changed while it was encoded.");
  }
  entries.sort();
}

function readItems<T>(reader: Reader, count: number, parts: Parts<T>, seen: SeenKeys<T> | null): Set<T> {
  const found = new Set<T>();
  let i = 0;
  try {
    for (; i < count; i++) {
      const from = reader.at;
      const each = parts.read(reader);
      found.add(seen === null ? each : seen.first(reader, from, reader.at, each));
    }
  } catch (error) {
    throw within(error, `[${i}]`);
  }
  return found;
}
