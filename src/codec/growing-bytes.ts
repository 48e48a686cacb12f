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
