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
import { nextTurn, readAheadChecked, readChecked } from "../store/store-io.ts";
import type { WalStore } from "../store/store.ts";
import { WalRecord } from "./wal-record.ts";

/** A chunk that is read before it is asked for. */
interface Ahead {
  /** Where it begins in the log. */
  readonly start: number;
  readonly bytes: Uint8Array;
  /** Whether all of it could be read. Never rejects: what fails is read again when it is asked for, and judged then. */
  readonly whole: Promise<boolean>;
}

export class Cursor {
  readonly #store: WalStore;
  readonly #scan: Scan;
  readonly #window: Window = new Window(false, readFirstChunkBytes);
  #ahead: Ahead | null = null;

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
    if (await this.#takeAhead()) return;
    checkOpen?.();
    const into = this.#prepare();
    this.#accept(await readAheadChecked(this.#store, this.#window.end, into, checkOpen));
  }

  /**
   * Begins to read what follows the window, so that it is there when it is asked for; not before an
   * iteration has gone through some chunks, and only where that blocks nobody. For a stretch that is
   * written in full.
   */
  readAhead(): void {
    const { end } = this.#scan;
    const start = this.#window.end;
    const count = Math.min(end - start, readChunkBytes);
    if (count <= 0 || this.#window.chunkBytes < readChunkBytes || this.#store.readAhead === undefined) return;
    const bytes = this.#window.ahead(count);
    const read = readAheadChecked(this.#store, start, this.#window.aheadPart(bytes));
    const whole = read.then(
      (got) => got === count,
      () => false,
    );
    this.#ahead = { start, bytes, whole };
  }

  /** Takes what was read ahead, if that is what follows. */
  async #takeAhead(): Promise<boolean> {
    const ahead = this.#ahead;
    this.#ahead = null;
    if (ahead === null || ahead.start !== this.#window.end) return false;
    const whole = await ahead.whole;
    // It may have been there for long: whoever iterates must not keep the thread for itself.
    await nextTurn();
    if (!whole || !this.#window.goOn(this.#scan.offset, ahead.bytes)) return false;
    this.#scan.show(this.#window.bytes, this.#window.start, this.#window.length);
    return true;
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
