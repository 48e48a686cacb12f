/**
 * The counters of a log as numbered cells, each a safe integer, changed by atomic operations only.
 *
 * Two kinds behind one interface. `SharedCells` stand in a SharedArrayBuffer, for many threads:
 * 64-bit atomics, which JavaScript gives as BigInt alone (about 50 ns for the four operations of
 * an append, and an allocation each). `PlainCells` hold the same numbers for a log that one thread
 * owns, where a plain operation cannot be interrupted and so is atomic (about 4 ns, no
 * allocation). A log begins with plain ones and moves to shared ones with its first `share()`.
 */
export interface Cells {
  load(cell: number): number;
  store(cell: number, value: number): void;
  /** Adds, and returns what was there before. */
  add(cell: number, delta: number): number;
  /** Writes `value` if `expected` is there; returns what was there before. */
  compareExchange(cell: number, expected: number, value: number): number;
  /** Blocks the thread until woken, or `milliseconds` have passed, if the cell holds `expected`. */
  wait(cell: number, expected: number, milliseconds: number): void;
  /** The same as a promise. It does not keep the process alive. */
  waitAsync(cell: number, expected: number, milliseconds: number): Promise<void>;
  /** Wakes all that wait on the cell. */
  notify(cell: number): void;
}

export class PlainCells implements Cells {
  readonly #values: Float64Array;
  #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#values = new Float64Array(count);
  }

  load(cell: number): number {
    return this.#values[cell] as number;
  }

  store(cell: number, value: number): void {
    this.#values[cell] = value;
  }

  add(cell: number, delta: number): number {
    const before = this.#values[cell] as number;
    this.#values[cell] = before + delta;
    return before;
  }

  compareExchange(cell: number, expected: number, value: number): number {
    const before = this.#values[cell] as number;
    if (before === expected) this.#values[cell] = value;
    return before;
  }

  /** There is no other thread that could change anything meanwhile. */
  wait(): void {}

  waitAsync(cell: number, expected: number): Promise<void> {
    if (this.load(cell) !== expected) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  notify(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

export class SharedCells implements Cells {
  readonly buffer: SharedArrayBuffer;
  readonly #values: BigInt64Array;

  constructor(count: number, buffer: SharedArrayBuffer = new SharedArrayBuffer(count * 8)) {
    this.buffer = buffer;
    this.#values = new BigInt64Array(buffer, 0, count);
  }

  load(cell: number): number {
    return Number(Atomics.load(this.#values, cell));
  }

  store(cell: number, value: number): void {
    Atomics.store(this.#values, cell, BigInt(value));
  }

  add(cell: number, delta: number): number {
    return Number(Atomics.add(this.#values, cell, BigInt(delta)));
  }

  compareExchange(cell: number, expected: number, value: number): number {
    return Number(Atomics.compareExchange(this.#values, cell, BigInt(expected), BigInt(value)));
  }

  wait(cell: number, expected: number, milliseconds: number): void {
    Atomics.wait(this.#values, cell, BigInt(expected), milliseconds);
  }

  async waitAsync(cell: number, expected: number, milliseconds: number): Promise<void> {
    const result = Atomics.waitAsync(this.#values, cell, BigInt(expected), milliseconds);
    if (result.async) await result.value;
  }

  notify(cell: number): void {
    Atomics.notify(this.#values, cell);
  }
}
