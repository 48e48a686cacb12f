/** Payload sizes by powers of two: [0], [1], [2, 3], [4, 7] ... A length is a u32, so there are 33. */

export interface SizeClass {
  /** Smallest and largest payload that falls in here, in bytes. */
  readonly from: number;
  readonly to: number;
  readonly records: number;
  /** Payload bytes of all of them. */
  readonly bytes: number;
}

const classes = 33;

export class SizeHistogram {
  readonly #records = new Float64Array(classes);
  readonly #bytes = new Float64Array(classes);

  add(length: number): void {
    const index = 32 - Math.clz32(length);
    this.#records[index] = (this.#records[index] ?? 0) + 1;
    this.#bytes[index] = (this.#bytes[index] ?? 0) + length;
  }

  /** From the first class that has records to the last one, those between that have none among them. */
  classes(): SizeClass[] {
    const all = Array.from({ length: classes }, (_, index) => ({
      from: index === 0 ? 0 : 2 ** (index - 1),
      to: index === 0 ? 0 : 2 ** index - 1,
      records: this.#records[index] ?? 0,
      bytes: this.#bytes[index] ?? 0,
    }));
    const first = all.findIndex(({ records }) => records > 0);
    return first < 0 ? [] : all.slice(first, all.findLastIndex(({ records }) => records > 0) + 1);
  }

  /** The upper bound of the class in which the record stands that `share` of all do not exceed. */
  atMost(share: number): number {
    const all = this.classes();
    const wanted = share * all.reduce((sum, { records }) => sum + records, 0);
    let seen = 0;
    for (const { to, records } of all) {
      seen += records;
      if (seen >= wanted) return to;
    }
    return 0;
  }
}
