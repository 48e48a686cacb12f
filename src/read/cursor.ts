/**
 * A cursor walks the intact records of a stretch of log, chunk by chunk. It is the scan with a
 * window and a store; `advance` is pure, and the two ways to fill the window are the whole
 * difference between blocking and asynchronous reading.
 *
 * Chunks are never reused: records are views into them. The first is small and they double up to
 * the limit, so that reading one record does not read a quarter of a megabyte.
 */
import { readU32 } from "../bytes.ts";
import { readChunkBytes, readFirstChunkBytes } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import { type DamageReason, headerBytes } from "../record/format.ts";
import { Scan, type ScanStep } from "../record/scan.ts";
import { Window } from "../record/window.ts";
import { readAheadChecked, readChecked } from "../store/store-io.ts";
import type { WalStore } from "../store/store.ts";
import { WalRecord } from "./wal-record.ts";

export class Cursor {
  readonly #store: WalStore;
  readonly #scan: Scan;
  readonly #window: Window = new Window(false, readFirstChunkBytes);

  constructor(store: WalStore, from: Lsn, end: number, maxRecordBytes: number) {
    this.#store = store;
    this.#scan = new Scan(from, end, maxRecordBytes);
  }

  /** Where the next record begins. */
  get offset(): Lsn {
    return this.#scan.offset;
  }

  get end(): number {
    return this.#scan.end;
  }

  /** After "damage": what is wrong at `offset`. */
  get reason(): DamageReason {
    return this.#scan.reason;
  }

  advance(): ScanStep {
    return this.#scan.step();
  }

  /** After "record". */
  record(): WalRecord {
    const scan = this.#scan;
    return new WalRecord(scan.lsn, this.#window.bytes, scan.payloadStart, scan.payloadLength);
  }

  /** After "record": the checksum in its header. */
  get checksum(): number {
    return readU32(this.#window.bytes, this.#scan.payloadStart - headerBytes);
  }

  /** After "need", blocking. */
  fill(): void {
    const into = this.#prepare();
    this.#accept(readChecked(this.#store, this.#window.end, into));
  }

  /** After "need", without blocking the thread. */
  async fillAhead(checkOpen?: () => void): Promise<void> {
    const into = this.#prepare();
    this.#accept(await readAheadChecked(this.#store, this.#window.end, into, checkOpen));
  }

  /** Takes what is left into memory, at most about `bytesMax`, blocking: the store is about to be closed. */
  fillRest(bytesMax: number): void {
    const { offset, end } = this.#scan;
    if (end <= offset) return;
    const into = this.#window.prepare(offset, Math.min(end - offset, bytesMax), end);
    this.#accept(readChecked(this.#store, this.#window.end, into), Math.min(end - offset, bytesMax));
  }

  /** The log goes on up to `end`. */
  extend(end: number): void {
    this.#scan.end = end;
  }

  /** The log was cut at `end`: what the window holds beyond is not read. */
  limit(end: number): void {
    this.#scan.end = Math.min(this.#scan.end, end);
  }

  /** Goes on at `offset`. */
  seek(offset: Lsn): void {
    this.#scan.seek(offset);
  }

  #prepare(): Uint8Array {
    const { offset, want, end } = this.#scan;
    const into = this.#window.prepare(offset, want, end);
    this.#window.chunkBytes = Math.min(this.#window.chunkBytes * 2, readChunkBytes);
    return into;
  }

  #accept(count: number, want: number = this.#scan.want): void {
    const window = this.#window;
    window.accept(count);
    // The store ended before the log did: the scan will say what that leaves of the record.
    if (window.end < this.#scan.offset + want) this.#scan.end = window.end;
    this.#scan.show(window.bytes, window.start, window.length);
  }
}
