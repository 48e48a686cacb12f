/**
 * A log in memory: for tests, and for logs that need not outlive the process. Its flush has
 * nothing to do. Uses nothing of Node; a browser can load it.
 *
 *        offset   0          chunk       2 chunk     3 chunk
 *        chunks   |== [0] ===|== [1] ====|  (none)   |== [3] ...
 *
 * Chunks, and not one buffer that doubles: growing never copies what is there, and so never makes
 * the system find, and zero, pages for it a second time. A chunk that is not there is zeros.
 */
import { invalidArgument, WalError } from "../errors.ts";
import { memStoreChunkBytes } from "../limits.ts";
import { SharedBytes, type SharedBytesHandle } from "./shared-bytes.ts";
import { checkUnwrapped, type StoreSide, type WalStore } from "./store.ts";

/**
 * A {@link WalStore} in memory; grows a chunk at a time.
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
  /** Chunk k of the log stands at `k - #dropped`: those before are below the head. */
  #chunks: (Uint8Array | undefined)[] = [];
  #dropped: number;
  #head: number;
  #length: number;
  /** Where the bytes are instead, once other threads have joined. */
  #shared: SharedBytes | null = null;
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
    this.#dropped = Math.floor(head / memStoreChunkBytes);
    this.#head = head;
    this.#length = head;
    // Not writeAt: a subclass may have put its own in its place, and is not made yet.
    if (image !== undefined) this.#write(head, image);
    this.side = {
      quarantine: (from, to) => this.#quarantine(from, to),
      share: (store) => this.#share(store),
    };
  }

  /** @internal The store of a log that another thread has shared; null when that is of another kind. */
  static attach(share: unknown): MemStore | null {
    if (!isHandle(share)) return null;
    const store = new MemStore();
    store.#shared = new SharedBytes(share);
    return store;
  }

  get head(): number {
    return this.#shared?.head ?? this.#head;
  }

  get length(): number {
    return this.#shared?.length ?? this.#length;
  }

  /** What recovery cut off and saved, by name, as quarantine files hold it beside a file. */
  get quarantined(): ReadonlyMap<string, Uint8Array> {
    return this.#quarantined;
  }

  /** A copy of the bytes, from the head on. */
  toBytes(): Uint8Array {
    return this.#copy(this.head, this.length);
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    this.#write(offset, bytes);
  }

  #write(offset: number, bytes: Uint8Array): void {
    if (this.#shared !== null) return this.#shared.writeAt(offset, bytes);
    const end = offset + bytes.length;
    const at = offset % memStoreChunkBytes;
    if (at + bytes.length <= memStoreChunkBytes) this.#chunkFor(offset).set(bytes, at);
    else this.#writeAcross(offset, bytes);
    if (end > this.#length) this.#length = end;
  }

  readAt(offset: number, into: Uint8Array): number {
    if (this.#shared !== null) return this.#shared.readAt(offset, into);
    const count = Math.max(0, Math.min(into.length, this.#length - offset));
    for (let done = 0; done < count;) {
      const at = (offset + done) % memStoreChunkBytes;
      const part = Math.min(count - done, memStoreChunkBytes - at);
      const chunk = this.#chunks[this.#indexOf(offset + done)];
      if (chunk === undefined) into.fill(0, done, done + part);
      else into.set(chunk.subarray(at, at + part), done);
      done += part;
    }
    return count;
  }

  truncate(length: number): void {
    if (this.#shared !== null) return this.#shared.truncate(length);
    if (length >= this.#length) return;
    // What is written beyond a gap later must find zeros in it.
    const last = this.#indexOf(length);
    this.#chunks[last]?.fill(0, length % memStoreChunkBytes);
    this.#chunks.length = Math.min(this.#chunks.length, last + 1);
    this.#length = length;
  }

  /** Frees the chunks that lie wholly below. Shared memory stays as it is. */
  truncateBefore(offset: number): number {
    if (this.#shared !== null) {
      this.#shared.head = Math.max(this.head, Math.min(offset, this.length));
      return this.head;
    }
    this.#head = Math.max(this.#head, Math.min(offset, this.#length));
    this.#chunks = this.#chunks.slice(Math.max(0, this.#indexOf(this.#head)));
    this.#dropped = Math.floor(this.#head / memStoreChunkBytes);
    return this.#head;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  flushBlocking(): void {}

  close(): void {}

  /** Moves into memory that other threads can reach, once. */
  #share(store: WalStore): SharedBytesHandle {
    checkUnwrapped(store, this);
    if (this.#shared === null) {
      const shared = SharedBytes.create(this.#head, this.#head);
      shared.writeAt(this.#head, this.toBytes());
      this.#shared = shared;
      this.#chunks = [];
    }
    return this.#shared.handle;
  }

  #writeAcross(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const at = (offset + done) % memStoreChunkBytes;
      const part = bytes.subarray(done, done + memStoreChunkBytes - at);
      this.#chunkFor(offset + done).set(part, at);
      done += part.length;
    }
  }

  #indexOf(offset: number): number {
    return Math.floor(offset / memStoreChunkBytes) - this.#dropped;
  }

  #chunkFor(offset: number): Uint8Array {
    const index = this.#indexOf(offset);
    return this.#chunks[index] ?? this.#addChunk(index);
  }

  #addChunk(index: number): Uint8Array {
    try {
      return (this.#chunks[index] = new Uint8Array(memStoreChunkBytes));
    } catch (error) {
      throw new WalError("WAL_IO", `No memory for a store of more than ${this.#length} bytes.`, {
        path: this.path,
        length: this.#length + memStoreChunkBytes,
        errno: "ENOMEM",
        cause: error,
      });
    }
  }

  #copy(from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, to - from));
    this.readAt(from, bytes);
    return bytes;
  }

  #quarantine(from: number, to: number): string {
    const saved = this.#copy(from, to);
    const first = `quarantine-${from}`;
    let name = first;
    for (let n = 1; this.#quarantined.has(name); n++) name = `${first}.${n}`;
    this.#quarantined.set(name, saved);
    return name;
  }
}

function isHandle(share: unknown): share is SharedBytesHandle {
  return typeof share === "object" && share !== null && "kind" in share && share.kind === "memory";
}
