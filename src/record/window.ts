/**
 * The window: the part of a log that is in memory, for a scan to look at.
 *
 *        log      ... |====== kept ======|------- asked for ------| ...
 *        buffer       0                  kept                     size
 *
 * Two ways of use. Recycled: one buffer, what is kept moves to its front; for readers that keep
 * nothing. Fresh: a new buffer each time, so that views into the old one stay as they are; for
 * records that are handed out. Holds one chunk, or one record where that is larger.
 *
 * What follows the window may be read before it is asked for, into memory with room in front:
 *
 *        ahead    |  room  |------------ chunk ------------|
 *        window       |kept|========= what arrived ========|
 */
import { readAheadRoomBytes } from "../limits.ts";

export class Window {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where in the log the window begins, and how many bytes it holds. */
  start = 0;
  length = 0;
  /** How much is asked for at a time; may change between calls. */
  chunkBytes: number;
  readonly #recycled: boolean;

  constructor(recycled: boolean, chunkBytes: number) {
    this.#recycled = recycled;
    this.chunkBytes = chunkBytes;
  }

  get end(): number {
    return this.start + this.length;
  }

  /**
   * Makes room for at least `want` bytes from `offset` on, more where it suits, none past `end`.
   * Returns the part to fill, which stands in the log at `this.end`; then call `accept`.
   */
  prepare(offset: number, want: number, end: number): Uint8Array {
    const size = Math.min(Math.max(want, this.chunkBytes), end - offset);
    const inside = offset >= this.start && offset < this.end;
    const kept = inside ? this.bytes.subarray(offset - this.start, this.length) : this.bytes.subarray(0, 0);
    const buffer = this.#recycled && this.bytes.length >= size ? this.bytes : new Uint8Array(size);
    buffer.set(kept);
    this.bytes = buffer;
    this.start = offset;
    this.length = kept.length;
    return buffer.subarray(kept.length, Math.max(size, kept.length));
  }

  /** The first `count` bytes of what `prepare` gave are there now. */
  accept(count: number): void {
    this.length += count;
  }

  /** Memory for `count` bytes that follow the window, to be given to `goOn` when they are there. */
  ahead(count: number): Uint8Array {
    return new Uint8Array(readAheadRoomBytes + count);
  }

  /** The part of it that is to be filled. */
  aheadPart(ahead: Uint8Array): Uint8Array {
    return ahead.subarray(readAheadRoomBytes);
  }

  /** Goes on at `offset`, with what was read ahead; false, and nothing done, when what is to be kept has no room before it. */
  goOn(offset: number, ahead: Uint8Array): boolean {
    const kept = this.end - offset;
    if (offset < this.start || kept < 0 || kept > readAheadRoomBytes) return false;
    const bytes = ahead.subarray(readAheadRoomBytes - kept);
    bytes.set(this.bytes.subarray(offset - this.start, this.length));
    this.bytes = bytes;
    this.start = offset;
    this.length = bytes.length;
    return true;
  }
}
