/**
 * What a log is made to hold: every record is a function of a seed and its number in the log. So
 * whoever knows the seed can tell of any record whether it is the right one in the right place,
 * and nobody has to remember what was written.
 */

/** Mulberry32: a small generator; the same seed gives the same numbers, everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from 0 up to, not including, `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }
}

/** Larger than the size from which a payload is written by itself, in a second write. */
const largeBytesMax = 400 * 1024;

function sizeOf(random: Random): number {
  const kind = random.below(100);
  if (kind < 10) return 0;
  if (kind < 80) return random.below(200);
  if (kind < 99) return random.below(4 * 1024);
  return largeBytesMax - random.below(200 * 1024);
}

/** The payload of record `number` of the log that `seed` stands for. */
export function payloadOf(seed: number, number: number): Uint8Array {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ number);
  const bytes = new Uint8Array(sizeOf(random));
  const words = new Uint32Array(bytes.buffer, 0, bytes.length >>> 2);
  let word = random.below(0x1_0000_0000);
  for (let i = 0; i < words.length; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    words[i] = word;
  }
  for (let i = words.length * 4; i < bytes.length; i++) bytes[i] = random.below(256);
  return bytes;
}
