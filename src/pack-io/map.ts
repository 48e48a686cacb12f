/** Maps: a count, then the entries, sorted by the bytes of their keys. */
import type { Codec } from "../codec/codec.ts";
import { brief, Fault, within } from "./fault.ts";
import { SeenKeys } from "./keys.ts";
import { Entries } from "./order.ts";
import { codecOf, type PackCodec, partsOf } from "./pack-codec.ts";
import { once, type Parts } from "./parts.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/**
 * A map: the count of entries as a varint, then key and value of each, in the order of the keys' bytes.
 *
 * Bytes may hold a key twice, or be in another order: the last of equal keys wins. Keys that are objects (structs, bytes) are
 * equal if their encodings are, and in the Map that is decoded they are objects like any others: look them up by
 * going through it. A Map with two keys that encode alike is refused. Of floats as keys, JavaScript makes -0 and 0
 * one key, and all NaN.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when one is no codec of this module.
 * @example
 * const stock = map(string, u32);
 * const encoded = stock.encode(new Map([["tea", 3], ["milk", 1]]));
 * console.log(stock.decode(encoded)); // Map(2) { 'tea' => 3, 'milk' => 1 }
 */
export function map<K, V>(key: Codec<K>, value: Codec<V>): PackCodec<Map<K, V>> {
  const keys = partsOf(key, "map");
  const values = partsOf(value, "map");
  const minBytes = once(() => keys.minBytes() + values.minBytes());
  const isCanonical = once(() => keys.isCanonical(new Set()));
  const slots = once(() => 1 + keys.slots() + values.slots());
  return codecOf<Map<K, V>>({
    write(writer, given) {
      if (!(given instanceof Map)) throw new Fault("InvalidLength", writer.at, `${brief(given)} is no Map.`);
      writer.putCount(given.size, minBytes(), slots());
      writeEntries(writer, given, given.size, keys, values);
    },
    read(reader) {
      const count = reader.takeCount(minBytes(), slots());
      return keys.identity === "value"
        ? readByValue(reader, count, keys, values)
        : readByBytes(reader, count, keys, values, new SeenKeys(keys, isCanonical()));
    },
    minBytes: () => 1,
    isCanonical: () => false,
    isDeferred: keys.isDeferred || values.isDeferred,
  });
}

function writeEntries<K, V>(
  writer: Writer,
  given: ReadonlyMap<K, V>,
  count: number,
  keys: Parts<K>,
  values: Parts<V>,
): void {
  const entries = new Entries(writer);
  let part = "key";
  try {
    for (const [key, value] of given) {
      part = "key";
      entries.begin();
      keys.write(writer, key);
      entries.endKey();
      part = "value";
      values.write(writer, value);
    }
  } catch (error) {
    throw within(error, `[${entries.count - 1}].${part}`);
  }
  if (entries.count !== count) {
    throw new Fault("InvalidLength", writer.at, "it changed while it was encoded.");
  }
  entries.sort();
}

function readByValue<K, V>(reader: Reader, count: number, keys: Parts<K>, values: Parts<V>): Map<K, V> {
  const found = new Map<K, V>();
  let part = "key";
  let i = 0;
  try {
    for (; i < count; i++) {
      part = "key";
      const key = keys.read(reader);
      part = "value";
      found.set(key, values.read(reader));
    }
  } catch (error) {
    throw within(error, `[${i}].${part}`);
  }
  return found;
}

function readByBytes<K, V>(
  reader: Reader,
  count: number,
  keys: Parts<K>,
  values: Parts<V>,
  seen: SeenKeys<K>,
): Map<K, V> {
  const found = new Map<K, V>();
  let part = "key";
  let i = 0;
  try {
    for (; i < count; i++) {
      part = "key";
      const from = reader.at;
      const key = keys.read(reader);
      const same = seen.first(reader, from, reader.at, key);
      part = "value";
      found.set(same, values.read(reader));
    }
  } catch (error) {
    throw within(error, `[${i}].${part}`);
  }
  return found;
}
