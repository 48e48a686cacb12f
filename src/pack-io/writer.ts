/**
 * Bytes that are being encoded: a buffer that grows, or memory of a caller's that does not. `at` is where the next byte
 * goes; whoever writes asks for room first, by `need`.
 */
import {
  packIoFreeSlotsMax,
  packIoLengthMaxCeiling,
  packIoScratchBytes,
  packIoScratchKeepBytesMax,
} from "../limits.ts";
import { brief, Fault, tooDeep, tooManyFree } from "./fault.ts";
import type { Limits } from "./limits.ts";
import { writeU32 } from "./varint.ts";

/** Thrown when memory that cannot grow is full. No fault: nothing is wrong with the value. */
export const full: Error = new Error("the target is too small");

export class Writer {
  bytes: Uint8Array;
  at = 0;
  limits: Limits;
  /** Recursive codecs that are being written, one within the other. */
  depth = 0;
  /** False while `bytes` is a caller's. */
  grows = true;
  #own: Uint8Array;
  #freeSlots = 0;

  constructor(limits: Limits) {
    this.limits = limits;
    this.#own = new Uint8Array(packIoScratchBytes);
    this.bytes = this.#own;
  }

  /** @param target What is written to, or null for the buffer of its own. */
  begin(limits: Limits, target: Uint8Array | null): void {
    this.bytes = target ?? this.#own;
    this.grows = target === null;
    this.at = 0;
    this.limits = limits;
    this.depth = 0;
    this.#freeSlots = 0;
  }

  /** Lets a caller's memory go, and its own if it has become large. */
  finish(): void {
    if (this.#own.length > packIoScratchKeepBytesMax) this.#own = new Uint8Array(packIoScratchBytes);
    this.bytes = this.#own;
  }

  /** Makes room for so many bytes from `at` on. */
  need(length: number): void {
    if (this.at + length > this.bytes.length) this.#grow(this.at + length);
  }

  #grow(length: number): void {
    if (!this.grows) throw full;
    const larger = new Uint8Array(Math.max(length, 2 * this.bytes.length));
    // All of it: a string that is being written has bytes past `at`.
    larger.set(this.bytes);
    this.#own = larger;
    this.bytes = larger;
  }

  /** Writes a length, if it may stand there. */
  putLength(length: number): void {
    // A proxy of an array may say anything of its length.
    if (length >>> 0 !== length) throw this.#noLength(length);
    if (length > this.limits.allocationCap) throw this.overCap(length);
    writeU32(this, length);
  }

  /** As `putLength`, for elements of which each takes at least `minBytes` bytes, and `slots` places. */
  putCount(count: number, minBytes: number, slots: number): void {
    this.putLength(count);
    if (minBytes === 0) this.takeFree(count * slots);
  }

  /** As the reader counts them: what could not be read back is not written. */
  takeFree(slots: number): void {
    this.#freeSlots += slots;
    if (this.#freeSlots > packIoFreeSlotsMax) throw tooManyFree(this.at);
  }

  #noLength(length: number): Fault {
    if (length > packIoLengthMaxCeiling) return this.overCap(length);
    return new Fault("InvalidLength", this.at, `a length of ${brief(length)}.`);
  }

  overCap(length: number): Fault {
    const { allocationCap } = this.limits;
    return new Fault("InvalidLength", this.at, `a length of ${length}, with a cap of ${allocationCap}.`);
  }

  tooDeep(): Fault {
    return tooDeep(this.at, this.limits.maxDepth);
  }
}
