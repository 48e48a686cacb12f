/**
 * A log in a place that keeps values under keys: a table of an embedded database, a key-value store,
 * the storage of a browser. Written with docs/writing-a-store.md beside it, and held to the contract
 * by the suite of wal-db/testing (test/examples/page-store.test.ts).
 *
 *   length      where the log ends, in bytes: put last, so that it never speaks of a page to come
 *   page-<k>    bytes [k * pageBytes, (k + 1) * pageBytes) of the log
 *
 * Written bytes are in memory until a flush puts the pages that changed. So this store promises less
 * than one on files: a killed process loses what was appended since the last sync.
 */
import type { WalStore } from "wal-db";

/** The place, as far as it is needed. `put` replaces a value whole or not at all. */
export interface Pages {
  get(key: string): Uint8Array | undefined;
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
  /** Returns once all that was put is on stable storage. */
  sync(): void;
}

const pageBytes = 4096;

export class PageStore implements WalStore {
  readonly head = 0;
  readonly path: string;
  readonly #place: Pages;
  readonly #pages = new Map<number, Uint8Array>();
  readonly #dirty = new Set<number>();
  #length: number;
  /** Where the log ends in the place; a cut since the last flush has lowered `#valid`, and not yet this. */
  #put: number;
  /** Up to here what is in the place is the log's. */
  #valid: number;
  /** A flush that failed is final: which pages are there now, nobody knows. */
  #failure: unknown = null;

  constructor(place: Pages, path: string = "(pages)") {
    this.#place = place;
    this.path = path;
    const length = place.get("length");
    this.#length = length === undefined ? 0 : Number(new TextDecoder().decode(length));
    this.#put = this.#length;
    this.#valid = this.#length;
  }

  get length(): number {
    return this.#length;
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const index = Math.floor((offset + done) / pageBytes);
      const at = offset + done - index * pageBytes;
      const part = bytes.subarray(done, done + pageBytes - at);
      this.#pageToWrite(index).set(part, at);
      done += part.length;
    }
    if (bytes.length > 0) this.#length = Math.max(this.#length, offset + bytes.length);
  }

  readAt(offset: number, into: Uint8Array): number {
    const count = Math.max(0, Math.min(into.length, this.#length - offset));
    for (let done = 0; done < count;) {
      const index = Math.floor((offset + done) / pageBytes);
      const at = offset + done - index * pageBytes;
      const part = Math.min(count - done, pageBytes - at);
      const page = this.#page(index);
      if (page === undefined) into.fill(0, done, done + part);
      else into.set(page.subarray(at, at + part), done);
      done += part;
    }
    return count;
  }

  truncate(length: number): void {
    if (length >= this.#length) return;
    this.#length = length;
    const kept = Math.ceil(length / pageBytes);
    this.#valid = Math.min(this.#valid, length);
    for (const index of this.#pages.keys()) if (index >= kept) this.#pages.delete(index);
    for (const index of this.#dirty) if (index >= kept) this.#dirty.delete(index);
    // What is written past a gap later must find zeros in it.
    if (length % pageBytes !== 0) this.#pageToWrite(kept - 1).fill(0, length % pageBytes);
  }

  /** Gives nothing back from the front; it could delete pages, and keep the head under a key. */
  truncateBefore(_offset: number): number {
    return 0;
  }

  /** The place has no call that does not block. */
  async flush(): Promise<void> {
    this.flushBlocking();
  }

  flushBlocking(): void {
    if (this.#failure !== null) throw this.#failure;
    try {
      this.#putAll();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  close(): void {
    this.#pages.clear();
    this.#dirty.clear();
  }

  /** A cut first, then pages, a barrier, and the length: at no moment does it speak of what is not there. */
  #putAll(): void {
    if (this.#valid < this.#put) this.#cut();
    for (const index of this.#dirty) {
      const page = this.#pages.get(index);
      if (page !== undefined) this.#place.put(`page-${index}`, page.slice());
    }
    this.#place.sync();
    this.#putLength(this.#length);
    this.#dirty.clear();
    this.#valid = this.#length;
  }

  /** Pages that were cut off go, so that none of them comes back when the log has grown past them. */
  #cut(): void {
    const end = Math.ceil(this.#put / pageBytes);
    this.#putLength(this.#valid);
    for (let index = Math.ceil(this.#valid / pageBytes); index < end; index++) {
      this.#place.delete(`page-${index}`);
    }
  }

  #putLength(length: number): void {
    this.#place.put("length", new TextEncoder().encode(String(length)));
    this.#place.sync();
    this.#put = length;
  }

  #page(index: number): Uint8Array | undefined {
    const known = this.#pages.get(index);
    // A page that was cut off since the last flush is still in the place, and must not come back.
    if (known !== undefined || index * pageBytes >= this.#valid) return known;
    const found = this.#place.get(`page-${index}`)?.slice();
    if (found !== undefined) this.#pages.set(index, found);
    return found;
  }

  #pageToWrite(index: number): Uint8Array {
    const page = this.#page(index) ?? new Uint8Array(pageBytes);
    this.#pages.set(index, page);
    this.#dirty.add(index);
    return page;
  }
}
