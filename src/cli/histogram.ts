/** How many records there are of which length: a bucket for each power of two. */
import { bytesText, countText } from "./quantity.ts";

export interface Bucket {
  /** Lengths in bytes, both included. */
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

export class Histogram {
  /** 0, 1, 2 to 3, 4 to 7, ... */
  readonly #counts: number[] = Array.from({ length: 34 }, () => 0);
  count: number = 0;
  total: number = 0;
  least: number = Infinity;
  most: number = 0;

  add(length: number): void {
    const bucket = length === 0 ? 0 : 32 - Math.clz32(length);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.count++;
    this.total += length;
    if (length < this.least) this.least = length;
    if (length > this.most) this.most = length;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.total / this.count;
  }

  /** From the lowest to the highest that is not empty. */
  get buckets(): Bucket[] {
    const all = this.#counts.map((count, power) =>
      power === 0 ? { min: 0, max: 0, count } : { min: 2 ** (power - 1), max: 2 ** power - 1, count },
    );
    const first = all.findIndex(({ count }) => count > 0);
    const last = all.findLastIndex(({ count }) => count > 0);
    return first < 0 ? [] : all.slice(first, last + 1);
  }

  /** A line for each bucket, with a bar of so many columns at most. */
  lines(columns: number): string[] {
    const { buckets } = this;
    const most = Math.max(1, ...buckets.map(({ count }) => count));
    const names = buckets.map(({ min, max }) => rangeText(min, max));
    const counts = buckets.map(({ count }) => countText(count));
    const nameColumns = Math.max(0, ...names.map((name) => name.length));
    const countColumns = Math.max(0, ...counts.map((count) => count.length));
    return buckets.map(({ count }, index) => {
      const bar = "#".repeat(count === 0 ? 0 : Math.max(1, Math.round((count / most) * columns)));
      const name = (names[index] ?? "").padStart(nameColumns);
      return `${name}  ${(counts[index] ?? "").padStart(countColumns)}  ${bar}`.trimEnd();
    });
  }
}

function rangeText(min: number, max: number): string {
  if (min === max) return bytesText(min);
  if (min < 1024) return `${min} to ${max} B`;
  return `${bytesText(min)} to under ${bytesText(max + 1)}`;
}
