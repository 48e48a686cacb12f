/**
 * A place in bytes that are decoded. Whoever reads moves it on; nothing is read at or past `end`, which
 * is where the bytes end, or the body of the innermost versioned struct. Nothing here allocates.
 *
 * All lengths that bytes declare pass `takeCount`: under the cap, and under what the bytes left can hold.
 */
import { packIoFreeSlotsMax, packIoRecodedBytesMin, packIoRecodedFactor } from "../limits.ts";
import { Fault, tooDeep, tooManyFree } from "./fault.ts";
import type { Limits } from "./limits.ts";
import { readLength } from "./varint.ts";

const noBytes = new Uint8Array(0);

export class Reader {
  bytes: Uint8Array = noBytes;
  at = 0;
  end = 0;
  /** The halves of the last 64-bit integer that was read, each as a signed 32-bit integer. */
  low = 0;
  high = 0;
  limits: Limits;
  /** Recursive codecs that are being read, one within the other. */
  depth = 0;
  #freeSlots = 0;
  #recodedBytes = 0;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  begin(bytes: Uint8Array, limits: Limits): void {
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
    this.limits = limits;
    this.depth = 0;
    this.#freeSlots = 0;
    this.#recodedBytes = 0;
  }

  /** Lets the bytes go: a reader is kept. */
  finish(): void {
    this.bytes = noBytes;
  }

  byte(): number {
    const at = this.at;
    if (at >= this.end) throw this.tooShort(1);
    this.at = at + 1;
    return this.bytes[at] as number;
  }

  /** A length in bytes, all of which are there. */
  takeLength(): number {
    const from = this.at;
    const length = readLength(this);
    if (length > this.limits.allocationCap || length > this.end - this.at)
      throw this.#tooLong(from, length, 1);
    return length;
  }

  /**
   * A count of elements that take at least `minBytes` each, and are all there if they take no more. Those that take
   * none are bounded by the places that they need, `slots` each.
   */
  takeCount(minBytes: number, slots: number): number {
    const from = this.at;
    const count = readLength(this);
    if (count > this.limits.allocationCap || count * minBytes > this.end - this.at) {
      throw this.#tooLong(from, count, minBytes);
    }
    if (minBytes === 0) this.takeFree(from, count * slots);
    return count;
  }

  /** So many places are about to be made for what takes no bytes. */
  takeFree(from: number, slots: number): void {
    this.#freeSlots += slots;
    if (this.#freeSlots > packIoFreeSlotsMax) throw tooManyFree(from);
  }

  /**
   * A key was encoded again, to so many bytes. A key within a key is so at each level: where a type contains itself,
   * that could be as often as it is deep.
   */
  takeRecoded(length: number): void {
    this.#recodedBytes += length;
    if (this.#recodedBytes <= packIoRecodedBytesMin + packIoRecodedFactor * this.bytes.length) return;
    throw new Fault("InvalidLength", this.at, "keys within keys, too many and too deep to compare.");
  }

  tooShort(needed: number): Fault {
    const left = this.end - this.at;
    return new Fault("UnexpectedEof", this.at, `it takes ${needed} more, and ${left} are left.`);
  }

  #tooLong(from: number, length: number, minBytes: number): Fault {
    const { allocationCap } = this.limits;
    const shown = length > Number.MAX_SAFE_INTEGER ? "over 2^53" : String(length);
    if (length > allocationCap) {
      return new Fault("InvalidLength", from, `a length of ${shown}, with a cap of ${allocationCap}.`);
    }
    const left = this.end - this.at;
    const each = minBytes === 1 ? "" : ` of at least ${minBytes} bytes each`;
    return new Fault("InvalidLength", from, `a length of ${shown}${each}, and ${left} bytes are left.`);
  }

  tooDeep(): Fault {
    return tooDeep(this.at, this.limits.maxDepth);
  }
}
