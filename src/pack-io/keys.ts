/**
 * Which keys of a map, or elements of a set, are one and the same while they are decoded. Numbers, strings and the like
 * JavaScript compares by value, and a Map does the rest. Objects it compares by identity: these are the same if their
 * encodings are.
 *
 * As long as the keys come in strictly ascending order, as every encoder writes them, no two are the same, and nothing
 * is kept. Where a key has more than one encoding (it holds a map, or a version), order says nothing, and each is
 * encoded again, so that it has one.
 */
import { compareBytes } from "./order.ts";
import type { Parts } from "./parts.ts";
import type { Reader } from "./reader.ts";
import { bytesOf } from "./whole.ts";

export class SeenKeys<K> {
  readonly #parts: Parts<K>;
  readonly #keys: K[] = [];
  #byEncoding: Map<string, K> | null;
  #lastFrom = 0;
  #lastTo = 0;

  /** @param isCanonical What `parts` says of it, asked once for all maps of the type. */
  constructor(parts: Parts<K>, isCanonical: boolean) {
    this.#parts = parts;
    this.#byEncoding = isCanonical ? null : new Map();
  }

  /** The key that was seen before and is the same as `key`, which was read from `from` up to `to`; or `key` itself. */
  first(reader: Reader, from: number, to: number, key: K): K {
    if (this.#byEncoding === null) {
      const { bytes } = reader;
      const isNext =
        this.#keys.length === 0 || compareBytes(bytes, this.#lastFrom, this.#lastTo, from, to) < 0;
      if (isNext) {
        this.#lastFrom = from;
        this.#lastTo = to;
        this.#keys.push(key);
        return key;
      }
      this.#byEncoding = new Map(this.#keys.map((each) => [this.#encodingOf(reader, each), each]));
    }
    const encoding = this.#encodingOf(reader, key);
    const seen = this.#byEncoding.get(encoding);
    if (seen !== undefined) return seen;
    this.#byEncoding.set(encoding, key);
    return key;
  }

  /** As a string, which a Map compares by value. */
  #encodingOf(reader: Reader, key: K): string {
    const bytes = bytesOf(this.#parts, key, reader.limits);
    reader.takeRecoded(bytes.length);
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return text;
  }
}
