/**
 * Bytes that grow at their end without copying what is there each time.
 *
 *        0            length              capacity
 *        |== bytes ===|== remains ========|
 *
 * What a cut leaves behind stays where it was, as on a real disk: the remains. Growing covers them
 * with zeros; only `growOver` brings them to light.
 */
export class GrowableBytes {
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A view, good until the next call that changes something. */
  view(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(Math.min(from, this.#length), Math.min(to, this.#length));
  }

  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** A gap before `position` becomes zeros. */
  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    if (position > this.#length) this.resize(position);
    this.#reserve(end);
    this.#bytes.set(bytes, position);
    if (end > this.#length) this.#length = end;
  }

  /** Cuts, or grows by zeros. */
  resize(length: number): void {
    if (length > this.#length) {
      this.#reserve(length);
      this.#bytes.fill(0, this.#length, length);
    }
    this.#length = length;
  }

  /** Grows, and shows what earlier bytes there were in that place. */
  growOver(length: number): void {
    if (length <= this.#length) return;
    this.#reserve(length);
    this.#length = length;
  }

  #reserve(capacity: number): void {
    if (capacity <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(256, capacity, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
