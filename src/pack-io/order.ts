/**
 * The one order of what has none: entries of a map and elements of a set are sorted by the bytes of their keys, a prefix
 * before what it begins. So equal values have equal bytes, whatever order they were put in.
 *
 *   | key | value | key | value | ...      one entry: from `starts[i]`, its key up to `keyEnds[i]`
 */
import { Fault } from "./fault.ts";
import type { Writer } from "./writer.ts";

export function compareBytes(
  bytes: Uint8Array,
  from: number,
  to: number,
  otherFrom: number,
  otherTo: number,
): number {
  const length = Math.min(to - from, otherTo - otherFrom);
  for (let i = 0; i < length; i++) {
    const difference = (bytes[from + i] as number) - (bytes[otherFrom + i] as number);
    if (difference !== 0) return difference;
  }
  return to - from - (otherTo - otherFrom);
}

/** What was written of a map or a set, entry by entry. */
export class Entries {
  readonly #writer: Writer;
  readonly #starts: number[] = [];
  readonly #keyEnds: number[] = [];
  #isSorted = true;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  get count(): number {
    return this.#starts.length;
  }

  begin(): void {
    this.#starts.push(this.#writer.at);
  }

  /** The key stands there, from the last `begin` on. */
  endKey(): void {
    const last = this.#keyEnds.push(this.#writer.at) - 1;
    if (last > 0 && this.#isSorted) this.#isSorted = this.#compare(last - 1, last) < 0;
  }

  #compare(one: number, other: number): number {
    const starts = this.#starts;
    const ends = this.#keyEnds;
    return compareBytes(
      this.#writer.bytes,
      starts[one] as number,
      ends[one] as number,
      starts[other] as number,
      ends[other] as number,
    );
  }

  /**
   * Puts them in their order. Two keys that encode alike are refused: one of them would be lost. JavaScript may tell
   * them apart (two objects), and no decoder can.
   */
  sort(): void {
    if (this.#isSorted) return;
    const order = this.#starts.map((_, i) => i).toSorted((one, other) => this.#compare(one, other));
    for (let n = 1; n < order.length; n++) {
      const one = order[n - 1] as number;
      const other = order[n] as number;
      if (this.#compare(one, other) === 0) throw this.#alike(Math.min(one, other), Math.max(one, other));
    }
    this.#permute(order);
  }

  #alike(one: number, other: number): Fault {
    const at = this.#starts[other] as number;
    return new Fault("InvalidLength", at, `the keys of entries ${one} and ${other} encode alike.`);
  }

  #permute(order: readonly number[]): void {
    const { bytes, at: end } = this.#writer;
    const base = this.#starts[0] as number;
    const unsorted = new Uint8Array(end - base);
    unsorted.set(bytes.subarray(base, end));
    let at = base;
    for (const i of order) {
      const from = (this.#starts[i] as number) - base;
      const to = (this.#starts[i + 1] ?? end) - base;
      bytes.set(unsorted.subarray(from, to), at);
      at += to - from;
    }
  }
}
