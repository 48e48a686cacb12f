/**
 * A sample of a sequence whose length is not known before it ends: every `step`-th item, and `step`
 * doubles whenever there are too many. So the sample is even at every moment, and never above `limit`.
 */
export class EvenSample<T> {
  readonly #limit: number;
  #items: T[] = [];
  #step = 1;
  #next = 0;

  constructor(limit: number) {
    this.#limit = Math.max(2, limit);
  }

  /** One in so many is kept. */
  get step(): number {
    return this.#step;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  /** Whether the item of that number, counted from 0, is to be given to `keep`. */
  wants(number: number): boolean {
    return number === this.#next;
  }

  keep(item: T): void {
    if (this.#items.length === this.#limit) this.#thin();
    // The limit is even or odd: after thinning, the item at hand may be one of those that go.
    if (this.#next % this.#step === 0) this.#items.push(item);
    this.#next += this.#step - (this.#next % this.#step);
  }

  #thin(): void {
    this.#items = this.#items.filter((_, index) => index % 2 === 0);
    this.#step *= 2;
  }
}
