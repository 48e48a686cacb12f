/**
 * Archiving: each segment that is full and on stable storage is handed to a hook, low to high, one
 * at a time, before it may be removed.
 *
 *   archived = the end of the last segment that the hook has taken, kept beside the log in the
 *              form of a mark (recovery/mark.ts): an old one is still true.
 *
 * At least once: a crash between the hook's promise and the note of it shows the hook that segment
 * again; so does a truncateAfter that reaches into it, whose bytes then differ. Once there is a
 * note, segments it does not cover are kept also by those who open the log without the hook.
 */
import type { Progress } from "../commit/progress.ts";
import { messageOf, WalError } from "../errors.ts";
import { readChunkBytes } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import { crc32cRange } from "../record/crc32c.ts";
import { Mark } from "../recovery/mark.ts";
import { readAheadChecked } from "../store/store-io.ts";
import type { NamedFile, StoreSegment, StoreSegments, WalStore } from "../store/store.ts";

/** A segment that is full and on stable storage, as the archive hook gets it. */
export interface SealedSegment {
  /** The segment's file. Read it, do not change or remove it. */
  readonly path: string;
  /** Offset in the log of its first byte. Records are not aligned to segments. */
  readonly start: Lsn;
  /** Offset in the log after its last byte. */
  readonly end: Lsn;
  /** CRC32C of the whole file. */
  readonly checksum: number;
}

export type ArchiveHook = (segment: SealedSegment) => Promise<void> | void;

export interface ArchiveStats {
  /** Segments that the hook has taken since the log was opened. */
  readonly archived: number;
  /** Everything below has been taken. */
  readonly position: Lsn;
  /** Times that the hook has failed, and how it did last; null when it has taken one since. */
  readonly failures: number;
  readonly lastFailure: WalError | null;
}

/** Who is told what becomes of each segment. Must neither throw nor call the log. */
export interface ArchiveWatch {
  /** The time, to be given back. */
  now(): number;
  taken(begun: number, segment: SealedSegment): void;
  /** @param end Null when no segment could be looked for. */
  notTaken(begun: number, path: string, start: Lsn, end: Lsn | null, error: WalError): void;
}

/** The log that is archived. */
interface ArchivedLog {
  readonly durable: () => Lsn;
  readonly onTaken: () => void;
  readonly watch: ArchiveWatch;
}

const fileName = "archived";

export class Archive {
  readonly #store: WalStore;
  readonly #segments: StoreSegments;
  readonly #file: NamedFile;
  readonly #mark: Mark;
  readonly #hook: ArchiveHook | undefined;
  readonly #durable: () => Lsn;
  readonly #onTaken: () => void;
  readonly #watch: ArchiveWatch;
  /** How often the end was cut: a segment that the hook was at meanwhile is another one now. */
  #cuts = 0;
  #running: Promise<void> | null = null;
  #stopped = false;
  #closed = false;
  #taken = 0;
  #failures = 0;
  #lastFailure: WalError | null = null;
  #unheed: () => void = () => {};
  /** Those who wait for the next segment to be taken, or for the hook to fail. */
  #waiting: (() => void)[] = [];

  private constructor(
    store: WalStore,
    segments: StoreSegments,
    file: NamedFile,
    hook: ArchiveHook | undefined,
    log: ArchivedLog,
  ) {
    this.#store = store;
    this.#segments = segments;
    this.#file = file;
    this.#mark = new Mark(file);
    this.#hook = hook;
    this.#durable = log.durable;
    this.#onTaken = log.onTaken;
    this.#watch = log.watch;
  }

  /** The archive of a log that has a hook, or has had one; null for any other. */
  static of(store: WalStore, end: Lsn, hook: ArchiveHook | undefined, log: ArchivedLog): Archive | null {
    const side = store.side;
    if (side?.segments === undefined || side.named === undefined) return null;
    if (hook === undefined && !(side.names?.().includes(fileName) ?? false)) return null;
    const file = side.named(fileName);
    try {
      const archive = new Archive(store, side.segments, file, hook, log);
      if (hook !== undefined) archive.#begin();
      // Loss that was accepted by policy took segments away that had been archived.
      if (archive.position > end) archive.cut(end);
      return archive;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * The note is on stable storage from now on, so that none who lack the hook remove what it has not
   * seen: without it the log could not keep its word, and does not open.
   */
  #begin(): void {
    const lowest = lowestWithoutGap(this.#segments.list(), this.#store.head);
    if (this.#mark.raise(this.#mark.lsn ?? (lowest as Lsn))) return;
    const { path } = this.#store;
    throw new WalError(
      "WAL_IO",
      `The log ${path ?? ""} was given an archive hook, and how far that got could not be noted beside the log ` +
        "(is the disk full?). Without the note an open that lacks the hook would remove segments that were never " +
        "archived, so the log was not opened. Make room, or open it without the hook and archive later.",
      { path },
    );
  }

  /** Everything below has been taken. */
  get position(): Lsn {
    return this.#mark.lsn ?? (0 as Lsn);
  }

  stats(): ArchiveStats {
    return {
      archived: this.#taken,
      position: this.position,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
    };
  }

  /** Hands over what is sealed and on stable storage, in the background. */
  advance(): void {
    if (this.#hook === undefined || this.#running !== null || this.#stopped) return;
    if (this.#find() === null) return;
    this.#running = this.#run(this.#hook).then((well) => {
      this.#running = null;
      // Another thread may have flushed since it found nothing more, and its word come too early.
      if (well) this.advance();
      this.#wake();
    });
  }

  /** From now on other threads flush too: hands over what they seal. Keeps no process alive. */
  heed(progress: Progress, from: Lsn = progress.durable): void {
    const seen = progress.epoch;
    // Poisoned, nothing more becomes durable.
    if (this.#hook === undefined || this.#stopped || progress.poison !== null) return;
    const { durable } = progress;
    // Woken for nothing, it must not bother a hook that has failed.
    if (durable > from) this.advance();
    this.#unheed = progress.whenPast(durable, "durable", seen, () => this.heed(progress, durable));
  }

  /**
   * Resolves when all that is sealed now has been taken: not what is sealed meanwhile, which may go on
   * for ever. Rejects with the failure of the hook. Null: the log was closed before.
   */
  async caughtUp(): Promise<Lsn | null> {
    const target = this.#sealed;
    // What is under way may fail for a reason that is gone by now: then it is tried again.
    let tries = this.#running === null ? 1 : 2;
    // A cut may come, and take away what was waited for.
    while (this.#hook !== undefined && this.position < Math.min(target, this.#sealed)) {
      if (this.#stopped) return null;
      const failures = this.#failures;
      this.advance();
      if (this.#running !== null) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      else if (this.#failures === failures) break;
      if (this.#failures > failures && --tries === 0 && this.#lastFailure !== null) throw this.#lastFailure;
    }
    return this.position;
  }

  /** The log was cut at `end`: segments from there on will be sealed again. */
  cut(end: Lsn): void {
    this.#cuts++;
    const whole = Math.floor(end / this.#segments.size) * this.#segments.size;
    this.#mark.lower(whole as Lsn);
  }

  /** No more segments are handed over. Resolves when the one under way is through. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unheed();
    await this.#running;
  }

  close(): void {
    this.#stopped = true;
    this.#closed = true;
    this.#unheed();
    this.#file.close();
  }

  /** The end of the last segment that is full and on stable storage. */
  get #sealed(): number {
    return Math.floor(this.#durable() / this.#segments.size) * this.#segments.size;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The next one; null also when the directory cannot be looked at now: the next flush looks again. */
  #find(): StoreSegment | null {
    try {
      return this.#next();
    } catch (error) {
      const { path = "the log" } = this.#store;
      this.#watch.notTaken(
        this.#watch.now(),
        path,
        this.position,
        null,
        this.#fail(path, this.position, error),
      );
      return null;
    }
  }

  #next(): StoreSegment | null {
    const { position } = this;
    const end = (Math.floor(position / this.#segments.size) + 1) * this.#segments.size;
    // This is asked after every flush: the list is only made when there is something to find in it.
    if (end > this.#durable()) return null;
    const sealed = this.#segments.list().find((segment) => segment.end > position);
    return sealed !== undefined &&
      sealed.end - sealed.start === this.#segments.size &&
      sealed.end <= this.#durable()
      ? sealed
      : null;
  }

  /** False: it has failed. */
  async #run(hook: ArchiveHook): Promise<boolean> {
    for (;;) {
      const segment = this.#stopped ? null : this.#find();
      if (segment === null) return true;
      const cuts = this.#cuts;
      const begun = this.#watch.now();
      try {
        const checksum = await this.#checksum(segment);
        // A cut came while it was read: it is not whole now, or is made of other bytes. Or the log was
        // closed, and may be another's by now.
        if (this.#cuts !== cuts || this.#closed) continue;
        const sealed = { path: segment.path, start: segment.start as Lsn, end: segment.end as Lsn, checksum };
        await hook(sealed);
        // A cut may have come while the hook was at it: then this is not the segment that it took.
        if (this.#cuts !== cuts) continue;
        this.#note(segment);
        this.#watch.taken(begun, sealed);
      } catch (error) {
        if (!this.#stopped) this.#failAt(segment, begun, error);
        return false;
      }
    }
  }

  #note(segment: StoreSegment): void {
    if (!this.#mark.raise(segment.end as Lsn)) {
      throw new Error("that it was taken could not be noted beside the log (is the disk full?)");
    }
    this.#taken++;
    this.#lastFailure = null;
    this.#wake();
    this.#onTaken();
  }

  #failAt({ path, start, end }: StoreSegment, begun: number, error: unknown): void {
    const failure = this.#fail(path, start as Lsn, error);
    this.#watch.notTaken(begun, path, start as Lsn, end as Lsn, failure);
  }

  #fail(path: string, offset: Lsn, error: unknown): WalError {
    this.#failures++;
    const failure = new WalError(
      "WAL_IO",
      `Archiving ${path} failed: ${messageOf(error)}. What is not archived is kept, and handed over ` +
        "again with the next sync, truncateBefore or archived().",
      { path, offset, cause: error },
    );
    this.#lastFailure = failure;
    return failure;
  }

  #checkRunning(): void {
    if (this.#stopped) throw new Error("the log was closed");
  }

  async #checksum(segment: StoreSegment): Promise<number> {
    const chunk = new Uint8Array(Math.min(readChunkBytes, segment.end - segment.start));
    let crc = 0;
    for (let at = segment.start; at < segment.end;) {
      if (this.#stopped) throw new Error("the log was closed");
      const into = chunk.subarray(0, Math.min(chunk.length, segment.end - at));
      const got = await readAheadChecked(this.#store, at, into, () => this.#checkRunning());
      if (got === 0) throw new Error(`the log ended at ${at} within the segment`);
      crc = crc32cRange(into, 0, got, crc);
      at += got;
    }
    return crc;
  }
}

/**
 * Where an archive begins: below the head too there may be segments that were kept for it. But not
 * those below a gap, left over when the power was cut while a front was being dropped.
 */
function lowestWithoutGap(segments: readonly StoreSegment[], head: number): number {
  let lowest = segments[0]?.start ?? head;
  let before = lowest;
  for (const { start, end } of segments) {
    if (start > head) break;
    if (start !== before) lowest = start;
    before = end;
  }
  return lowest;
}
