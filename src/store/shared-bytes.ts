/**
 * Bytes in memory that many threads share: one SharedArrayBuffer, which grows, and two counters.
 *
 *        counters   | end | head |      as offsets in the log
 *        bytes      |== from `base` on ==========|  (up to the limit)
 *
 * What is dropped at the front is not given back: the address space is one piece.
 */
import { WalError } from "../errors.ts";
import { sharedMemStoreBytesMax, sharedMemStoreGrowBytes } from "../limits.ts";

/** How another thread finds them. */
export interface SharedBytesHandle {
  readonly kind: "memory";
  readonly bytes: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** The offset in the log of the first byte. */
  readonly base: number;
}

const endCounter = 0;
const headCounter = 1;

export class SharedBytes {
  readonly handle: SharedBytesHandle;
  readonly #counters: BigInt64Array;
  readonly #base: number;

  constructor(handle: SharedBytesHandle) {
    this.handle = handle;
    this.#counters = new BigInt64Array(handle.counters);
    this.#base = handle.base;
  }

  /** Makes room for a log whose bytes begin at `base`. */
  static create(base: number, end: number): SharedBytes {
    const limits = { maxByteLength: sharedMemStoreBytesMax };
    const bytes = new SharedArrayBuffer(Math.min(sharedMemStoreGrowBytes, sharedMemStoreBytesMax), limits);
    const counters = new SharedArrayBuffer(16);
    const made = new SharedBytes({ kind: "memory", bytes, counters, base });
    Atomics.store(made.#counters, endCounter, BigInt(end));
    Atomics.store(made.#counters, headCounter, BigInt(base));
    return made;
  }

  get length(): number {
    return Number(Atomics.load(this.#counters, endCounter));
  }

  get head(): number {
    return Number(Atomics.load(this.#counters, headCounter));
  }

  set head(offset: number) {
    Atomics.store(this.#counters, headCounter, BigInt(offset));
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    this.#growTo(end - this.#base);
    new Uint8Array(this.handle.bytes, offset - this.#base, bytes.length).set(bytes);
    let before = this.length;
    while (before < end) {
      const found = Number(Atomics.compareExchange(this.#counters, endCounter, BigInt(before), BigInt(end)));
      if (found === before) return;
      before = found;
    }
  }

  readAt(offset: number, into: Uint8Array): number {
    const count = Math.max(0, Math.min(into.length, this.length - offset));
    if (count > 0) into.set(new Uint8Array(this.handle.bytes, offset - this.#base, count));
    return count;
  }

  truncate(length: number): void {
    const end = this.length;
    if (length >= end) return;
    Atomics.store(this.#counters, endCounter, BigInt(length));
    // What is written beyond a gap later must find zeros in it.
    new Uint8Array(this.handle.bytes, length - this.#base, end - length).fill(0);
  }

  /** Any thread may; the memory only ever grows. */
  #growTo(size: number): void {
    const memory = this.handle.bytes;
    if (size <= memory.byteLength) return;
    if (size > memory.maxByteLength) throw noMemory(size);
    const wanted = Math.max(size, 2 * memory.byteLength);
    try {
      memory.grow(Math.min(wanted, memory.maxByteLength));
    } catch (error) {
      // Another thread may have made it larger than that meanwhile.
      if (size > memory.byteLength) throw noMemory(size, error);
    }
  }
}

function noMemory(length: number, cause?: unknown): WalError {
  return new WalError(
    "WAL_IO",
    `A store in memory that threads share holds at most ${sharedMemStoreBytesMax} bytes; ${length} are too many.`,
    { path: "(memory)", length, max: sharedMemStoreBytesMax, errno: "ENOMEM", cause },
  );
}
