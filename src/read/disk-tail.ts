/**
 * The tail of a log that another process writes, seen from a read-only Wal. Nobody tells where it
 * ends. So the tail looks, reads on while intact records stand there, looks again, and waits:
 *
 *   look    mark, then segments and length, then the notes of cuts; then a new cursor
 *   read    chunk by chunk; after each, the notes of cuts again
 *   wait    for the store to say that something changed, or for a second to pass
 *
 * What is not an intact record is **not yet** one: the header, the payload or both are still to
 * come, or the writer that was to write them has died, and the next one will cut that off. So it is
 * waited for, unless
 *
 *   cut              the log was cut below the place (recovery/cut-notes.ts): told, and gone on from
 *   truncated        the head has passed the place; or, of a cut that nobody has noted, the log
 *                    ends below it, or the record before it is no longer what was given
 *   damage           the mark, read before the bytes, has passed the place: an intact record did stand
 *                    there, and no cut was noted since
 *
 * What the files show in the middle of a change may contradict itself; that is looked at again for a
 * second (limits.ts, `followRetries...`) before it is believed.
 *
 * `durable` reads up to the mark, which the writer raises after each flush that succeeded.
 *
 * Its timers keep no thread alive; that is the follower's to say.
 */
import { readU32 } from "../bytes.ts";
import type { Until } from "../commit/progress.ts";
import { asIoError, invalidArgument, WalError } from "../errors.ts";
import { followPollMilliseconds, followRetriesMax, followRetryMilliseconds } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import { headerBytes, lengthOffset } from "../record/format.ts";
import { CutNotes } from "../recovery/cut-notes.ts";
import { Mark } from "../recovery/mark.ts";
import { readAheadChecked } from "../store/store-io.ts";
import type { MarkFile, WalStore } from "../store/store.ts";
import { Cursor } from "./cursor.ts";
import { cutUnderFollower, type Tail } from "./follow.ts";
import { corruptRecord } from "./iterate.ts";
import type { WalRecord } from "./wal-record.ts";

export interface LogOnDisk {
  readonly store: WalStore;
  /** Where the writer notes its cuts; undefined where the store has no place for it. */
  readonly cutsFile: MarkFile | undefined;
  /** Undefined: the head, as it is when it is first looked at. */
  readonly from: Lsn | undefined;
  readonly until: Until;
  readonly maxRecordBytes: number;
  readonly isOpen: () => boolean;
}

/** What is remembered of the record that was given last. */
interface LastGiven {
  readonly lsn: Lsn;
  readonly length: number;
  readonly checksum: number;
}

export class DiskTail implements Tail {
  readonly #log: LogOnDisk;
  #cutsSeen: number;
  #cursor: Cursor;
  /** Whether anything was found out yet about the log as it is now. */
  #begun = false;
  #last: LastGiven | null = null;
  /** A cut that whoever asks next is to be told of. */
  #told: WalError | null = null;
  #mark = 0;
  #length = 0;
  /** Whether the cursor is of a look since which nothing was given and nobody waited. */
  #looked = false;
  #lookNext = true;
  /** The last look found what may pass; and so many before it, one after another. */
  #troubled = false;
  #retries = 0;
  /** Something has changed since the last look. */
  #changed = true;
  #stopWatching: (() => void) | null = null;
  #wake: (() => void) | null = null;
  #closed = false;

  /** @throws {WalError} WAL_UNSUPPORTED when `until` is `durable` and the store has no mark to tell. */
  constructor(log: LogOnDisk) {
    const { store, from, until, maxRecordBytes } = log;
    if (until === "durable" && store.side?.mark === undefined) {
      throw new WalError(
        "WAL_UNSUPPORTED",
        "This store has no mark, which would say how much of a log that another process writes is durable.",
        { path: store.path },
      );
    }
    this.#log = log;
    // Before a byte is read: a cut that comes from now on is not missed.
    this.#cutsSeen = this.#readNotes()?.count ?? 0;
    this.#cursor = new Cursor(store, from ?? (0 as Lsn), from ?? 0, maxRecordBytes);
  }

  step(): WalRecord | WalError | "need" | "wait" | "end" {
    if (!this.#log.isOpen()) return "end";
    const told = this.#told;
    this.#told = null;
    if (told !== null) return told;
    const step = this.#begun ? this.#cursor.advance() : "end";
    if (step === "record") {
      this.#looked = false;
      this.#retries = 0;
      const record = this.#cursor.record();
      this.#last = { lsn: record.lsn, length: record.length, checksum: this.#cursor.checksum };
      return record;
    }
    this.#lookNext = step !== "need";
    if (step === "need" || !this.#looked) return "need";
    if (this.#troubled) return "wait";
    const damage = this.#judge(step);
    if (damage === null) this.#retries = 0;
    else this.#tryAgain(damage);
    return "wait";
  }

  async fill(): Promise<void> {
    try {
      if (this.#lookNext) await this.#look();
      else await this.#read();
    } catch (error) {
      // The log was closed here, or the follower ended, while the disk was at it: nobody asks any more.
      if (!this.#isOver) throw error;
    }
  }

  wait(wake: () => void): () => void {
    this.#looked = false;
    const retrying = this.#troubled;
    if (!retrying && this.#stopWatching === null) this.#watch();
    if (!retrying && this.#changed) {
      wake();
      return () => {};
    }
    const timer = setTimeout(wake, retrying ? followRetryMilliseconds : followPollMilliseconds);
    // In a browser it is a number, and nothing is kept by it.
    if (typeof timer === "object") timer.unref();
    this.#wake = retrying ? null : wake;
    return () => {
      clearTimeout(timer);
      this.#wake = null;
    };
  }

  leave(): void {
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.#stopWatching?.();
  }

  /**
   * Of bytes that are no intact record: damage, if there was one once. Or a cut that is under way: its
   * note was seen before, it was made between the look at the mark and the one at the bytes.
   */
  #judge(step: "end" | "damage"): WalError | null {
    const { store } = this.#log;
    const { offset, end, reason } = this.#cursor;
    // Reading up to the mark, its own end is no news.
    if (this.#mark <= offset || (step === "end" && offset < this.#length)) return null;
    const found = step === "end" ? "shorter-than-mark" : end < this.#length ? "torn-payload" : reason;
    return corruptRecord(store, offset, found);
  }

  /** How the log is now. What is wrong for a moment only is looked at again, after `wait`. */
  async #look(): Promise<void> {
    this.#looked = true;
    this.#changed = false;
    this.#troubled = false;
    const { store, until, maxRecordBytes } = this.#log;
    const { side } = store;
    let head: number;
    let same: boolean;
    let notes: CutNotes | null;
    try {
      // Before the bytes that it speaks of, so that it claims nothing that is not there yet.
      this.#mark = side?.mark === undefined ? 0 : (new Mark(side.mark).lsn ?? 0);
      side?.refresh?.();
      this.#length = store.length;
      head = store.head;
      same = await this.#lastIsThere();
      notes = this.#readNotes();
    } catch (error) {
      return this.#tryAgain(error);
    }
    if (this.#isOver) return;
    if (notes === null) return this.#tryAgain(this.#notesError());
    if (!this.#begun) this.#begin();
    const { offset } = this.#cursor;
    if (head > offset) throw corruptRecord(store, offset, "truncated");
    // What was read of the mark may be older than the cut.
    if (this.#heedCuts(notes)) return;
    // A cut: or one that is under way, and about to be noted.
    if (this.#length < offset || !same) return this.#tryAgain(cutUnnoted(store, offset, this.#length));
    const end = until === "durable" ? Math.min(this.#mark, this.#length) : this.#length;
    this.#cursor = new Cursor(store, offset, Math.max(offset, end), maxRecordBytes);
  }

  async #read(): Promise<void> {
    try {
      await this.#cursor.fillAhead();
    } catch (error) {
      // A segment has gone: the look that follows finds out whether it matters.
      if (!(error instanceof WalError) || error.code !== "WAL_CORRUPT") throw error;
      this.#restart(this.#cursor.offset);
    }
    if (this.#isOver) return;
    const notes = this.#readNotes();
    if (notes === null) this.#restart(this.#cursor.offset);
    else this.#heedCuts(notes);
  }

  /** The first look: where to begin. */
  #begin(): void {
    const { store, from, maxRecordBytes } = this.#log;
    if (from === undefined) {
      this.#cursor = new Cursor(store, store.head as Lsn, store.head, maxRecordBytes);
    } else if (from > this.#length) {
      throw invalidArgument(`from is ${from}, past the end of the log at ${this.#length}.`, {
        offset: from,
        path: store.path,
      });
    }
    this.#begun = true;
  }

  /** Whether what was given last still stands where it stood. Where it was dropped, there is nothing to compare. */
  async #lastIsThere(): Promise<boolean> {
    const { store } = this.#log;
    const last = this.#last;
    if (last === null || last.lsn < store.head || last.lsn + headerBytes > this.#length) return true;
    const header = new Uint8Array(headerBytes);
    const got = await readAheadChecked(store, last.lsn, header);
    if (got < headerBytes) return true;
    return readU32(header, 0) === last.checksum && readU32(header, lengthOffset) === last.length;
  }

  /** False: there was no cut. */
  #heedCuts(notes: CutNotes): boolean {
    if (notes.count === this.#cutsSeen) return false;
    const { store } = this.#log;
    const { offset } = this.#cursor;
    const lowest = notes.lowestSince(this.#cutsSeen);
    if (lowest < 0) throw cutUnnoted(store, offset, this.#length);
    this.#retries = 0;
    this.#cutsSeen = notes.count;
    if (lowest < offset) {
      this.#told = cutUnderFollower(store, offset, lowest as Lsn);
      this.#last = null;
    }
    this.#restart(Math.min(offset, lowest) as Lsn);
    return true;
  }

  /** Drops what was read ahead, and looks again. */
  #restart(at: Lsn): void {
    this.#cursor = new Cursor(this.#log.store, at, at, this.#log.maxRecordBytes);
    this.#looked = false;
  }

  #tryAgain(error: unknown): void {
    this.#troubled = true;
    if (this.#isOver || ++this.#retries <= followRetriesMax) return;
    throw asIoError(error, "Looking at the log again failed", { path: this.#log.store.path });
  }

  /** Nobody asks any more, and neither the store nor the notes may be touched. */
  get #isOver(): boolean {
    return this.#closed || !this.#log.isOpen();
  }

  #readNotes(): CutNotes | null {
    const { cutsFile } = this.#log;
    if (cutsFile === undefined) return CutNotes.none;
    try {
      return CutNotes.of(cutsFile.read());
    } catch (error) {
      const { path } = this.#log.store;
      throw asIoError(error, "Reading the notes of cuts beside the log failed", { path });
    }
  }

  #notesError(): WalError {
    return new WalError("WAL_IO", "The notes of cuts beside the log cannot be read: they are torn.", {
      path: this.#log.store.path,
    });
  }

  #watch(): void {
    const { side } = this.#log.store;
    // What came before it began to watch it has not seen.
    this.#changed = true;
    this.#stopWatching = () => {};
    try {
      const stop = side?.watch?.(() => {
        this.#changed = true;
        this.#wake?.();
      });
      if (stop !== undefined) this.#stopWatching = stop;
    } catch {
      // No more watches to be had: the poll remains.
    }
  }
}

/** A cut of which the notes do not tell where it was: it cannot be gone on from. */
function cutUnnoted(store: WalStore, at: Lsn, length: number): WalError {
  const offset = Math.max(store.head, Math.min(at, length)) as Lsn;
  return new WalError(
    "WAL_CORRUPT",
    `The log was cut under a follower that stood at ${at}, and nothing beside it tells where (truncated). ` +
      "Begin again from the head, or from a place that you can check.",
    { path: store.path, offset, reason: "truncated" },
  );
}
