/** The log cut into stretches of equal length, and what begins in each: how it grew, in bounded memory. */

export interface LogStretch {
  /** Offset of its first byte, and the offset after its last. */
  readonly from: number;
  readonly to: number;
  /** Records that begin in it. */
  readonly records: number;
  /** Payload bytes of those. */
  readonly bytes: number;
  /** Smallest and largest payload of those; null where none begins. */
  readonly smallest: number | null;
  readonly largest: number | null;
}

export class Stretches {
  readonly #from: number;
  readonly #width: number;
  readonly #records: Float64Array;
  readonly #bytes: Float64Array;
  readonly #smallest: Float64Array;
  readonly #largest: Float64Array;

  constructor(from: number, to: number, count: number) {
    const least = Math.max(1, Math.min(count, to - from));
    this.#from = from;
    this.#width = Math.max(1, Math.ceil((to - from) / least));
    const parts = Math.max(1, Math.ceil((to - from) / this.#width));
    this.#records = new Float64Array(parts);
    this.#bytes = new Float64Array(parts);
    this.#smallest = new Float64Array(parts).fill(Number.POSITIVE_INFINITY);
    this.#largest = new Float64Array(parts).fill(-1);
  }

  add(lsn: number, length: number): void {
    const index = Math.min(this.#records.length - 1, Math.floor((lsn - this.#from) / this.#width));
    this.#records[index] = (this.#records[index] ?? 0) + 1;
    this.#bytes[index] = (this.#bytes[index] ?? 0) + length;
    this.#smallest[index] = Math.min(this.#smallest[index] ?? length, length);
    this.#largest[index] = Math.max(this.#largest[index] ?? length, length);
  }

  list(to: number): LogStretch[] {
    return Array.from(this.#records, (records, index) => {
      const from = this.#from + index * this.#width;
      return {
        from,
        to: Math.min(to, from + this.#width),
        records,
        bytes: this.#bytes[index] ?? 0,
        smallest: records === 0 ? null : (this.#smallest[index] ?? null),
        largest: records === 0 ? null : (this.#largest[index] ?? null),
      };
    });
  }
}
