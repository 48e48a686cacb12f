/** Where choices come from: a seed, or whoever wants to try them one after the other. */
export interface Chooser {
  /** A whole number from 0 to `below - 1`. */
  next(below: number): number;
}

/**
 * Numbers that look random and are the same in every run and on every machine (mulberry32, by
 * Tommy Ettinger).
 *
 * @example
 * const random = new Random(7);
 * const die = 1 + random.next(6);
 * console.log(die === 1 + new Random(7).next(6)); // true
 */
export class Random implements Chooser {
  #state: number;

  /** @param seed A whole number; its low 32 bits count. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `below - 1`. */
  next(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  }

  /** `length` bytes, none to be foretold from the others. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.next(256);
    return bytes;
  }
}

/** The same things in another order. */
export function shuffled<T>(things: readonly T[], chooser: Chooser): T[] {
  const order = [...things];
  for (let i = order.length - 1; i > 0; i--) {
    const j = chooser.next(i + 1);
    const moved = order[i] as T;
    order[i] = order[j] as T;
    order[j] = moved;
  }
  return order;
}
