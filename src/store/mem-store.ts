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
  readonly head = 0;
  readonly path = "(memory)";
  readonly side: StoreSide;
  #bytes: Uint8Array;
  #length: number;
  readonly #quarantined = new Map<string, Uint8Array>();

  /**
   * @param image The bytes to begin with; copied. Default: none.
   * @throws {WalError} WAL_INVALID_ARGUMENT when `image` is no Uint8Array.
   */
  constructor(image?: Uint8Array) {
    if (image !== undefined && !(image instanceof Uint8Array)) {
      throw invalidArgument("The image of a MemStore is a Uint8Array.");
    }
    this.#length = image?.length ?? 0;
    this.#bytes = new Uint8Array(Math.max(memStoreInitialBytes, this.#length));
    if (image !== undefined) this.#bytes.set(image);
    this.side = { quarantine: (from, to) => this.#quarantine(from, to) };
  }

  get length(): number {
    return this.#length;
  }

  /** What recovery cut off and saved, by name, as quarantine files hold it beside a file. */
  get quarantined(): ReadonlyMap<string, Uint8Array> {
    return this.#quarantined;
  }

  /** A copy of the bytes. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(bytes, offset);
    if (end > this.#length) this.#length = end;
  }

  readAt(offset: number, into: Uint8Array): number {
    const available = Math.max(0, this.#length - offset);
    if (available >= into.length) {
      into.set(this.#bytes.subarray(offset, offset + into.length));
      return into.length;
    }
    into.set(this.#bytes.subarray(offset, offset + available));
    return available;
  }

  truncate(length: number): void {
    if (length >= this.#length) return;
    // What is written beyond a gap later must find zeros in it.
    this.#bytes.fill(0, length, this.#length);
    this.#length = length;
  }

  truncateBefore(_offset: number): number {
    return 0;
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
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  #quarantine(from: number, to: number): string {
    const saved = this.#bytes.slice(from, to);
    const first = `quarantine-${from}`;
    let name = first;
    for (let n = 1; this.#quarantined.has(name); n++) name = `${first}.${n}`;
    this.#quarantined.set(name, saved);
    return name;
  }
}
