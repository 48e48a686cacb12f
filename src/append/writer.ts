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
import { type LogState, logIsFull } from "../commit/log-state.ts";
import type { LocalProgress } from "../commit/progress.ts";
import type { Standing } from "../commit/standing.ts";
import { readU32 } from "../bytes.ts";
import type { Codec } from "../codec/codec.ts";
import { atValue, encoded } from "../codec/coding.ts";
import { asIoError, WalError } from "../errors.ts";
import { logBytesMax, payloadInPlaceBytesMin, stageBytesMax, stagedRecordBytesMax } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import { headerBytes, lengthOffset } from "../record/format.ts";
import { FrameBuffer, headerFor, payloadOf, type RecordInput, seemsLonger } from "../record/frame.ts";
import { checkDone } from "../store/store-io.ts";
import type { WalStore } from "../store/store.ts";
import type { SuffixCut } from "../truncation/suffix-cut.ts";
import { plainView } from "../true-bytes.ts";
import { recordsIn, Stage } from "./stage.ts";

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
  /**
   * Part of what was written at `start` may have been intact records, and goes. Called with the gate
   * closed. Must not throw.
   */
  readonly noteCut: (start: Lsn) => void;
}

export class Writer {
  /** Records appended, and their bytes, headers included. */
  appends = 0;
  appendedBytes = 0;
  /** The end of what this thread appended last. */
  lastEnd: Lsn;
  /** Where in its stage the record stands that was staged last. */
  stagedLast = 0;
  readonly #log: Writable;
  readonly #store: WalStore;
  readonly #state: LogState;
  readonly #progress: LocalProgress;
  readonly #maxRecordBytes: number;
  readonly #frames = new FrameBuffer();
  /** For values, while they are encoded; null while one is. */
  #valueFrames: FrameBuffer | null = null;
  /** What `#frames` holds for the end of this turn. */
  #stage: Stage | null = null;
  /** Written, and not yet flushed: they wait for the rest of their turn. */
  readonly #written: Stage[] = [];

  constructor(log: Writable) {
    this.#log = log;
    this.#store = log.store;
    this.#state = log.state;
    this.#progress = log.progress;
    this.#maxRecordBytes = log.maxRecordBytes;
    this.lastEnd = log.state.head;
  }

  append(record: RecordInput): Lsn {
    this.writeStaged();
    if (typeof record !== "string" && seemsLonger(record, payloadInPlaceBytesMin - 1))
      return this.#appendLarge(record);
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
    this.writeStaged();
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

  /**
   * A value, encoded straight into its frame; null where the codec does not do that, or it is too large. The frame
   * is in a buffer that nobody else uses meanwhile: a codec may append, to this log too, and then its record comes first.
   */
  appendInPlace<T>(value: T, codec: Codec<T>): Lsn | null {
    this.writeStaged();
    const frames = this.#takeValueFrames();
    try {
      if (!frames.addInPlace(value, codec, this.#maxRecordBytes)) return null;
      return this.#writeValues(frames, 1);
    } finally {
      this.#giveValueFrames(frames);
    }
  }

  /** Values back to back, all encoded before anything is reserved; each copied before the next is encoded. */
  appendValues<T>(values: readonly T[], codec: Codec<T>): Lsn[] {
    if (values.length === 0) return [];
    this.writeStaged();
    const frames = this.#takeValueFrames();
    try {
      const starts = this.#addValues(frames, values, codec);
      const first = this.#writeValues(frames, values.length);
      return starts.map((start) => (first + start) as Lsn);
    } finally {
      this.#giveValueFrames(frames);
    }
  }

  /** Where each of them begins in the frames. */
  #addValues<T>(frames: FrameBuffer, values: readonly T[], codec: Codec<T>): number[] {
    const starts: number[] = [];
    try {
      for (const value of values) {
        starts.push(frames.length);
        if (frames.addInPlace(value, codec, this.#maxRecordBytes)) continue;
        frames.add(encoded(codec, value), this.#maxRecordBytes);
      }
    } catch (error) {
      throw atValue(error, starts.length - 1, values.length);
    }
    return starts;
  }

  /** What a codec has staged meanwhile stands before its value. Has it closed the log, nothing can be reserved. */
  #writeValues(frames: FrameBuffer, count: number): Lsn {
    this.writeStaged();
    const lsn = this.#write(frames.view(), null);
    this.appends += count;
    return lsn;
  }

  #takeValueFrames(): FrameBuffer {
    const frames = this.#valueFrames ?? new FrameBuffer();
    this.#valueFrames = null;
    frames.reset();
    return frames;
  }

  #giveValueFrames(frames: FrameBuffer): void {
    frames.done();
    this.#valueFrames = frames;
  }

  /** Holds a record back until the end of the turn; null when it is too large for that: append it. */
  stage(record: RecordInput): Stage | null {
    if (seemsLonger(record, stagedRecordBytesMax)) return null;
    if (this.#stage !== null && this.#frames.length > stageBytesMax) this.#writeHeldBack(this.#stage);
    const stage = (this.#stage ??= this.#newStage());
    const at = this.#frames.length;
    this.#frames.add(record, this.#maxRecordBytes);
    this.stagedLast = at;
    stage.records++;
    return stage;
  }

  #newStage(): Stage {
    const stage = new Stage();
    this.#frames.reset();
    queueMicrotask(() => {
      if (this.#stage === stage) this.writeStaged();
    });
    return stage;
  }

  /** Before anybody looks, or appends: what was held back comes first. Its callers are told of failures. */
  writeStaged(): void {
    if (this.#stage === null) return;
    this.#writeHeldBack(this.#stage);
    if (this.#written.length === 0) return;
    const flush = this.#log.commit.sync(this.lastEnd, recordsIn(this.#written));
    for (const stage of this.#written.splice(0)) stage.wait(flush);
  }

  #writeHeldBack(stage: Stage): void {
    this.#stage = null;
    try {
      // Empty: the one record that was to be staged was refused.
      if (this.#frames.length === 0) return;
      this.#writeStage(stage, this.#frames.view());
      this.#written.push(stage);
    } catch (error) {
      stage.wait(Promise.reject(error));
    } finally {
      this.#frames.done();
    }
  }

  #writeStage(stage: Stage, bytes: Uint8Array): void {
    try {
      stage.written(this.#write(bytes, null));
      this.appends += stage.records;
    } catch (error) {
      if (stage.records === 1 || this.#state.poison !== null || this.#log.standing.isClosed) throw error;
      stage.writtenApart(this.#writeApart(bytes));
    }
  }

  #writeApart(bytes: Uint8Array): Map<number, Lsn | WalError> {
    const outcomes = new Map<number, Lsn | WalError>();
    for (let at = 0; at < bytes.length;) {
      const size = headerBytes + readU32(bytes, at + lengthOffset);
      try {
        outcomes.set(at, this.#write(bytes.subarray(at, at + size), null));
        this.appends++;
      } catch (error) {
        outcomes.set(at, asIoError(error, "Writing the record failed", { path: this.#store.path }));
      }
      at += size;
    }
    return outcomes;
  }

  /** The header and the payload in two writes: a copy of a large payload costs more than a call. */
  #appendLarge(record: Uint8Array): Lsn {
    const checked = plainView(payloadOf(record, this.#maxRecordBytes));
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
    let start = state.reserve(size) as Lsn;
    if (start < 0) start = this.#reserveLater(size, start);
    try {
      checkDone(this.#store, "writeAt", this.#store.writeAt(start, bytes));
      if (rest !== null) checkDone(this.#store, "writeAt", this.#store.writeAt(start + bytes.length, rest));
    } catch (error) {
      const several = rest === null && headerBytes + readU32(bytes, lengthOffset) < size;
      throw this.#takeBack(start, size, several, error);
    }
    state.release();
    if (this.#progress.appendAwaited) this.#progress.afterAppend();
    this.lastEnd = (start + size) as Lsn;
    this.appendedBytes += size;
    return start;
  }

  /** Once the gate is open again, after a cut or while another thread takes a write back. */
  #reserveLater(size: number, refused: number): Lsn {
    const { state, cuts, commit, standing } = this.#log;
    for (let start = refused; ;) {
      if (start >= 0) return start as Lsn;
      if (start === logIsFull) throw tooLong(this.#store.path);
      if (state.poison !== null || state.isClosing) throw standing.refusal();
      if (!(cuts?.completeBlocking() ?? false)) {
        commit.yieldLead();
        state.waitBlocking("other", () => !state.gateIsClosed || state.poison !== null || state.isClosing);
      }
      start = state.reserve(size);
    }
  }

  /** Takes the reservation back, and what was written of it; or else poisons the log. */
  #takeBack(start: Lsn, size: number, several: boolean, error: unknown): WalError {
    const store = this.#store;
    const state = this.#state;
    const where = { path: store.path, offset: start };
    const failure = asIoError(error, `Writing ${size} bytes at ${start} failed`, where);
    if (!state.takeBack(start, size)) {
      state.setPoison(failure);
      return poisoned(state.poison ?? failure, store.path);
    }
    // Noted twice, as every cut is: before the bytes go, and before others take their place.
    if (several) this.#log.noteCut(start);
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
    if (several) this.#log.noteCut(start);
    state.openGate(start);
    return failure;
  }
}

function tooLong(path: string | undefined): WalError {
  return new WalError("WAL_UNSUPPORTED", `The log would grow beyond ${logBytesMax} bytes.`, { path });
}
