/**
 * A log in memory: for tests, and for logs that need not outlive the process. Its flush has
 * nothing to do. Uses nothing of Node; a browser can load it.
 */
import { invalidArgument, WalError } from "../errors.ts";
import { memStoreInitialBytes } from "../limits.ts";
import type { StoreSide, WalStore } from "./store.ts";

/**
 * A {@link WalStore} in memory; grows by doubling.
 *
 * @example
 * const store = new MemStore();
 * const wal = await Wal.withStore(store);
 * wal.append("kept until the process ends");
 * const image = store.toBytes(); // and later: new MemStore(image)
 */
export class MemStore implements WalStore {
  readonly path = "(memory)";
  readonly side: StoreSide;
  /** The bytes `[base, base + capacity)`; those below the head are no longer wanted. */
  #bytes: Uint8Array;
  #base: number;
  #head: number;
  #length: number;
  readonly #quarantined = new Map<string, Uint8Array>();

  /**
   * @param image The bytes to begin with; copied. Default: none.
   * @param head The offset at which the image begins, for one that was taken after a prefix had
   *   been dropped. Default 0.
   * @throws {WalError} WAL_INVALID_ARGUMENT when `image` is no Uint8Array or `head` no offset.
   */
  constructor(image?: Uint8Array, head: number = 0) {
    if (image !== undefined && !(image instanceof Uint8Array)) {
      throw invalidArgument("The image of a MemStore is a Uint8Array.");
    }
    if (!Number.isSafeInteger(head) || head < 0) {
      throw invalidArgument(`The head of a MemStore is a byte offset; got ${String(head)}.`);
    }
    const size = image?.length ?? 0;
    this.#base = head;
    this.#head = head;
    this.#length = head + size;
    this.#bytes = new Uint8Array(Math.max(memStoreInitialBytes, size));
    if (image !== undefined) this.#bytes.set(image);
    this.side = { quarantine: (from, to) => this.#quarantine(from, to) };
  }

  get head(): number {
    return this.#head;
  }

  get length(): number {
    return this.#length;
  }

  /** What recovery cut off and saved, by name, as quarantine files hold it beside a file. */
  get quarantined(): ReadonlyMap<string, Uint8Array> {
    return this.#quarantined;
  }

  /** A copy of the bytes, from the head on. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(this.#head - this.#base, this.#length - this.#base);
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    const at = offset - this.#base;
    const end = at + bytes.length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(bytes, at);
    if (this.#base + end > this.#length) this.#length = this.#base + end;
  }

  readAt(offset: number, into: Uint8Array): number {
    const at = offset - this.#base;
    const count = Math.max(0, Math.min(into.length, this.#length - offset));
    into.set(this.#bytes.subarray(at, at + count));
    return count;
  }

  truncate(length: number): void {
    if (length >= this.#length) return;
    // What is written beyond a gap later must find zeros in it.
    this.#bytes.fill(0, length - this.#base, this.#length - this.#base);
    this.#length = length;
  }

  /** Frees the bytes below `offset`, when they are as many as those that stay. */
  truncateBefore(offset: number): number {
    this.#head = Math.max(this.#head, Math.min(offset, this.#length));
    const dropped = this.#head - this.#base;
    const kept = this.#length - this.#head;
    if (dropped >= kept && dropped > 0) {
      const smaller = new Uint8Array(Math.max(memStoreInitialBytes, kept * 2));
      smaller.set(this.#bytes.subarray(dropped, dropped + kept));
      this.#bytes = smaller;
      this.#base = this.#head;
    }
    return this.#head;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  flushBlocking(): void {}

  close(): void {}

  #grow(needed: number): void {
    let size = this.#bytes.length;
    while (size < needed) size *= 2;
    let grown: Uint8Array;
    try {
      grown = new Uint8Array(size);
    } catch (error) {
      throw new WalError("WAL_IO", `No memory for a store of ${size} bytes.`, {
        path: this.path,
        length: size,
        errno: "ENOMEM",
        cause: error,
      });
    }
    grown.set(this.#bytes.subarray(0, this.#length - this.#base));
    this.#bytes = grown;
  }

  #quarantine(from: number, to: number): string {
    const saved = this.#bytes.slice(from - this.#base, to - this.#base);
    const first = `quarantine-${from}`;
    let name = first;
    for (let n = 1; this.#quarantined.has(name); n++) name = `${first}.${n}`;
    this.#quarantined.set(name, saved);
    return name;
  }
}
