/**
 * The counters of a log as numbered cells, each a safe integer, changed by atomic operations only.
 *
 * Two kinds behind one interface. `SharedCells` stand in a SharedArrayBuffer, for many threads:
 * 64-bit atomics, which JavaScript gives as BigInt alone (about 50 ns for the four operations of
 * an append, and an allocation each, on the machine of docs/benchmarks). `PlainCells` hold the
 * same numbers for a log that one thread owns, where a plain operation cannot be interrupted and
 * so is atomic (about 4 ns, no allocation).
 */
export interface Cells {
  load(cell: number): number;
  store(cell: number, value: number): void;
  /** Adds, and returns what was there before. */
  add(cell: number, delta: number): number;
  /** Writes `value` if `expected` is there; returns what was there before. */
  compareExchange(cell: number, expected: number, value: number): number;
}

export class PlainCells implements Cells {
  readonly #values: Float64Array;

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
}
