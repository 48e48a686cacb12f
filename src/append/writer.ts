/**
 * The way of a record into the log, in one thread:
 *
 *   frame     check the size, copy, header, checksum; a large payload stays where it is
 *   reserve   the range is this thread's                   gate closed: complete a cut, or wait
 *   write     into the page cache
 *   release   the bytes count as committed
 *
 * A write that fails is taken back, if no other thread has reserved behind it: the gate is closed,
 * what was written is cut off, the gate opens where the range began. Else the bytes of the range
 * would stay unwritten under records that are there, and the log is poisoned at that place.
 *
 * Of a batch the first records may have been written, intact, before the write failed, and a follower
 * in another process may have read them: so that is noted as a cut, by whoever keeps the notes.
 */
import { type GroupCommit, poisoned } from "../commit/group-commit.ts";
import type { LogState } from "../commit/log-state.ts";
import type { LocalProgress } from "../commit/progress.ts";
import type { Standing } from "../commit/standing.ts";
import { readU32 } from "../bytes.ts";
import { asIoError, WalError } from "../errors.ts";
import { logBytesMax, payloadInPlaceBytesMin } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import { headerBytes, lengthOffset } from "../record/format.ts";
import { FrameBuffer, headerFor, payloadOf, type RecordInput } from "../record/frame.ts";
import { checkDone } from "../store/store-io.ts";
import type { WalStore } from "../store/store.ts";
import type { SuffixCut } from "../truncation/suffix-cut.ts";

/** What a writer works on. */
export interface Writable {
  readonly store: WalStore;
  readonly state: LogState;
  readonly standing: Standing;
  readonly commit: GroupCommit;
  readonly progress: LocalProgress;
  /** The cuts made by this thread: one that is under way is completed rather than waited for. */
  readonly cuts: SuffixCut | null;
  readonly maxRecordBytes: number;
  /** Part of what was written at `start` may have been intact records, and goes. Must not throw. */
  readonly noteCut: (start: Lsn) => void;
}

export class Writer {
  /** Records appended, and their bytes, headers included. */
  appends = 0;
  appendedBytes = 0;
  /** The end of what this thread appended last. */
  lastEnd: Lsn;
  readonly #log: Writable;
  readonly #store: WalStore;
  readonly #state: LogState;
  readonly #progress: LocalProgress;
  readonly #maxRecordBytes: number;
  readonly #frames = new FrameBuffer();

  constructor(log: Writable) {
    this.#log = log;
    this.#store = log.store;
    this.#state = log.state;
    this.#progress = log.progress;
    this.#maxRecordBytes = log.maxRecordBytes;
    this.lastEnd = log.state.head;
  }

  append(record: RecordInput): Lsn {
    if (typeof record !== "string" && record?.length >= payloadInPlaceBytesMin)
      return this.#appendInPlace(record);
    const frames = this.#frames;
    frames.reset();
    try {
      frames.add(record, this.#maxRecordBytes);
      const lsn = this.#write(frames.view(), null);
      this.appends++;
      return lsn;
    } finally {
      frames.done();
    }
  }

  /** Back to back, in one reservation and one write. */
  appendBatch(records: readonly RecordInput[]): Lsn[] {
    if (records.length === 0) return [];
    const frames = this.#frames;
    frames.reset();
    try {
      const starts: number[] = [];
      for (const record of records) {
        starts.push(frames.length);
        frames.add(record, this.#maxRecordBytes);
      }
      const first = this.#write(frames.view(), null);
      this.appends += records.length;
      return starts.map((start) => (first + start) as Lsn);
    } finally {
      frames.done();
    }
  }

  /** The header and the payload in two writes: a copy of a large payload costs more than a call. */
  #appendInPlace(record: Uint8Array): Lsn {
    const checked = payloadOf(record, this.#maxRecordBytes);
    // Another thread could change shared bytes between the checksum and the write. (Not slice():
    // of a Buffer that is no copy.)
    const shared = typeof SharedArrayBuffer === "function" && checked.buffer instanceof SharedArrayBuffer;
    const payload = shared ? new Uint8Array(checked) : checked;
    const lsn = this.#write(headerFor(payload), payload);
    this.appends++;
    return lsn;
  }

  #write(bytes: Uint8Array, rest: Uint8Array | null): Lsn {
    const state = this.#state;
    const size = bytes.length + (rest === null ? 0 : rest.length);
    if (state.tail + size > logBytesMax) {
      throw new WalError("WAL_UNSUPPORTED", `The log would grow beyond ${logBytesMax} bytes.`, {
        path: this.#store.path,
      });
    }
    let start = state.reserve(size) as Lsn;
    if (start < 0) start = this.#reserveLater(size);
    try {
      checkDone(this.#store, "writeAt", this.#store.writeAt(start, bytes));
      if (rest !== null) checkDone(this.#store, "writeAt", this.#store.writeAt(start + bytes.length, rest));
    } catch (error) {
      const several = rest === null && headerBytes + readU32(bytes, lengthOffset) < size;
      throw this.#failedWrite(start, size, several, error);
    }
    state.release();
    if (this.#progress.appendAwaited) this.#progress.afterAppend();
    this.lastEnd = (start + size) as Lsn;
    this.appendedBytes += size;
    return start;
  }

  /** Once the gate is open again, after a cut or while another thread takes a write back. */
  #reserveLater(size: number): Lsn {
    const { state, cuts, commit, standing } = this.#log;
    for (;;) {
      if (state.poison !== null || state.isClosing) throw standing.refusal();
      if (!(cuts?.completeBlocking() ?? false)) {
        commit.yieldLead();
        state.waitBlocking("other", () => !state.gateIsClosed || state.poison !== null || state.isClosing);
      }
      const start = state.reserve(size);
      if (start >= 0) return start as Lsn;
    }
  }

  /** Noted twice, as every cut is: before the bytes go, and before others take their place. */
  #failedWrite(start: Lsn, size: number, several: boolean, error: unknown): WalError {
    if (several) this.#log.noteCut(start);
    const failure = this.#takeBack(start, size, error);
    if (several) this.#log.noteCut(start);
    return failure;
  }

  /** Takes the reservation back, and what was written of it; or else poisons the log. */
  #takeBack(start: Lsn, size: number, error: unknown): WalError {
    const store = this.#store;
    const state = this.#state;
    const where = { path: store.path, offset: start };
    const failure = asIoError(error, `Writing ${size} bytes at ${start} failed`, where);
    if (!state.takeBack(start, size)) {
      state.setPoison(failure);
      return poisoned(state.poison ?? failure, store.path);
    }
    try {
      // Bytes left of it would stand behind the next record, and look like a torn or damaged one.
      checkDone(store, "truncate", store.truncate(start));
    } catch (cutError) {
      const cut = asIoError(
        cutError,
        `Taking back a write at ${start} that failed (${failure.message}) failed`,
        where,
      );
      state.setPoison(cut);
      return poisoned(cut, store.path);
    }
    state.openGate(start);
    return failure;
  }
}
