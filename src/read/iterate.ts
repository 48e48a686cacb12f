/**
 * Iteration: the records that were fully written when it began, in order, each verified as it is
 * read. The bounds are taken when the iterator is made, not at its first step.
 */
import { WalError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import type { DamageReason } from "../record/format.ts";
import { findIntact } from "../recovery/find-intact.ts";
import { runAsync, runBlocking } from "../store/store-io.ts";
import type { WalStore } from "../store/store.ts";
import { Cursor } from "./cursor.ts";
import type { WalRecord } from "./wal-record.ts";

export interface IterOptions {
  /** Where to begin: the LSN of a record, or the end. Default: the head. */
  readonly from?: Lsn | undefined;
  /** Records that begin at or past this are left out. Default: the end. */
  readonly to?: Lsn | undefined;
  /**
   * Told of each damage, in place of the error that would end the iteration; reading then goes on
   * at the next intact record that can be found. `offset`, `reason` and `length`, the bytes passed
   * over, are on the error.
   */
  readonly onDamage?: ((damage: WalError) => void) | undefined;
}

export interface RecordIterator extends IterableIterator<WalRecord>, AsyncIterable<WalRecord> {
  [Symbol.iterator](): RecordIterator;
}

/** A stretch of a log to read. */
export interface Stretch {
  readonly store: WalStore;
  readonly from: Lsn;
  /** Records that begin at or past this are left out. */
  readonly to: number;
  /** Where the bytes to be read end. */
  readonly end: Lsn;
  readonly maxRecordBytes: number;
  readonly onDamage: ((damage: WalError) => void) | undefined;
  readonly watch: ReadWatch;
  readonly log: LiveLog;
  /** `log.cutCount`, read before `end`: a cut that comes between the two lowers it. */
  readonly cutsSeen: number;
}

/** Who is told of what reading fails with. Must neither throw nor call the log. */
export interface ReadWatch {
  found(foundBy: "read" | "iterate" | "follow", error: unknown): void;
}

/** What may change in a log while it is being read. */
export interface LiveLog {
  readonly head: Lsn;
  /** How many times the end was cut off, and the lowest end it was cut to since `count` cuts. */
  readonly cutCount: number;
  lowestCutSince(count: number): number;
  readonly isOpen: boolean;
  /** Throws when the log is closed. */
  checkOpen(): void;
}

export class RecordWalk implements RecordIterator {
  readonly #stretch: Stretch;
  readonly #cursor: Cursor;
  /** Where the bytes to be read end; lower after a cut. */
  #end: Lsn;
  #cutsSeen: number;
  #done = false;

  constructor(stretch: Stretch) {
    this.#stretch = stretch;
    this.#end = stretch.end;
    this.#cutsSeen = stretch.cutsSeen;
    this.#cursor = new Cursor(stretch.store, stretch.from, stretch.end, stretch.maxRecordBytes);
  }

  [Symbol.iterator](): RecordIterator {
    return this;
  }

  next(): IteratorResult<WalRecord, undefined> {
    while (!this.#done) {
      const step = this.#step();
      if (step === "record") return { done: false, value: this.#cursor.record() };
      if (step === "end") break;
      if (step === "need") this.#orEnd(() => this.#cursor.fill());
      else this.#passDamage(this.#orEnd(() => runBlocking(this.#findNext(), this.#stretch.store)));
    }
    this.#done = true;
    return { done: true, value: undefined };
  }

  return(): IteratorResult<WalRecord, undefined> {
    this.#done = true;
    return { done: true, value: undefined };
  }

  /** Goes on from where the iterator stands, reading without blocking the thread. */
  async *[Symbol.asyncIterator](): AsyncGenerator<WalRecord, undefined, undefined> {
    const stretch = this.#stretch;
    this.#followCuts();
    const from = this.#done ? this.#end : this.#cursor.offset;
    const walk = new RecordWalk({ ...stretch, from, end: this.#end, cutsSeen: this.#cutsSeen });
    const checkOpen = (): void => stretch.log.checkOpen();
    for (;;) {
      const step = walk.#step();
      if (step === "record") yield walk.#cursor.record();
      else if (step === "end") return undefined;
      else if (step === "need") await walk.#cursor.fillAhead(checkOpen);
      else walk.#passDamage(await runAsync(walk.#findNext(), stretch.store, checkOpen));
    }
  }

  #step(): "record" | "need" | "end" | "damage" {
    this.#followCuts();
    if (this.#cursor.offset >= this.#stretch.to) return "end";
    let step = this.#cursor.advance();
    // Within what was written, bytes that are missing are damage, not an end.
    if (step === "end" && this.#cursor.offset < this.#end) step = "damage";
    if (step === "damage" && this.#stretch.onDamage === undefined) this.#fail(this.#damage(null));
    return step;
  }

  /** Keeps the walk off what was cut away since it began, at either end. */
  #followCuts(): void {
    const { store, log } = this.#stretch;
    if (!log.isOpen) this.#orEnd(() => log.checkOpen());
    if (log.cutCount !== this.#cutsSeen) {
      const lowest = log.lowestCutSince(this.#cutsSeen);
      this.#cutsSeen = log.cutCount;
      if (this.#cursor.offset > lowest) this.#fail(corruptRecord(store, this.#cursor.offset, "truncated"));
      if (lowest < this.#end) this.#end = lowest as Lsn;
      this.#cursor.limit(lowest);
    }
    if (this.#cursor.offset < log.head) this.#fail(corruptRecord(store, this.#cursor.offset, "truncated"));
  }

  #findNext(): ReturnType<typeof findIntact> {
    return findIntact(this.#cursor.offset, this.#end, this.#stretch.maxRecordBytes);
  }

  #passDamage(found: Lsn | "unknown" | null): void {
    const next = typeof found === "number" ? found : this.#end;
    const damage = this.#damage(next);
    this.#cursor.seek(next);
    this.#orEnd(() => this.#stretch.onDamage?.(damage));
  }

  #damage(next: Lsn | null): WalError {
    const { store, watch } = this.#stretch;
    const offset = this.#cursor.offset;
    const reason: DamageReason = this.#cursor.end < this.#end ? "torn-payload" : this.#cursor.reason;
    const length = next === null ? undefined : next - offset;
    const damage = corruptRecord(store, offset, reason, length);
    watch.found("iterate", damage);
    return damage;
  }

  #fail(error: unknown): never {
    this.#done = true;
    throw error;
  }

  #orEnd<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      return this.#fail(error);
    }
  }
}

/** WAL_CORRUPT for a place where an intact record was to begin. */
export function corruptRecord(store: WalStore, offset: Lsn, reason: string, length?: number): WalError {
  const where = store.path === undefined ? "the log" : store.path;
  const passed = length === undefined ? "" : `; ${length} bytes are passed over`;
  const hint =
    reason === "truncated"
      ? "That part of the log was dropped: begin at its head. Of a log opened with readOnly, `head` is as of the " +
        "opening: there follow without `from`, or open it again."
      : reason === "end"
        ? "The log ends before it."
        : "If an append returned that offset, or it is the `next` of a record, bytes on disk have changed: " +
          "iter({ onDamage }) reads what is intact around them. " +
          (reason === "implausible-length" ? "Or the log was written with a larger maxRecordSize." : "");
  return new WalError(
    "WAL_CORRUPT",
    `No intact record begins at ${offset} in ${where} (${reason}${passed}). ${hint}`,
    { path: store.path, offset, reason, length },
  );
}
