import type { Lsn } from "../index.ts";

/** The last so many LSNs of those that were added: where records are, not what they hold. */
export class LastPlaces {
  readonly #max: number;
  readonly #ring: Lsn[] = [];
  #next = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(lsn: Lsn): void {
    if (this.#max === 0) return;
    this.#ring[this.#next] = lsn;
    this.#next = (this.#next + 1) % this.#max;
  }

  *newestFirst(): Generator<Lsn> {
    for (let back = 1; back <= this.#ring.length; back++) {
      const lsn = this.#ring[(this.#next - back + this.#max) % this.#max];
      if (lsn !== undefined) yield lsn;
    }
  }
}
