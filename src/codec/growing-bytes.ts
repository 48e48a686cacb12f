import { writeU32 } from "../bytes.ts";

const initialBytes = 256;

/** Bytes, one piece behind the other, in memory that doubles. */
export class GrowingBytes {
  #bytes = new Uint8Array(initialBytes);
  #length = 0;

  u32(value: number): void {
    this.#makeRoom(4);
    writeU32(this.#bytes, this.#length, value);
    this.#length += 4;
  }

  bytes(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** What is free at the end, behind `skipped` bytes: for who writes there and then says so. */
  free(skipped: number): Uint8Array {
    this.#makeRoom(skipped);
    return this.#bytes.subarray(this.#length + skipped);
  }

  /** So many bytes have been written into `free(4)`: their length stands before them. */
  wroteBehindLength(length: number): void {
    writeU32(this.#bytes, this.#length, length);
    this.#length += 4 + length;
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #makeRoom(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
