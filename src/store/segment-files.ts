/**
 * The open files of a segmented log: a bounded number, least recently used first to go. One that
 * has unflushed bytes is flushed before it goes: a failure to write them back is told only to
 * those who had the file open.
 */
import { WalError } from "../errors.ts";
import { openSegmentsMax } from "../limits.ts";
import type { Disk } from "./disk.ts";
import { PositionedFile } from "./positioned-file.ts";

/** What a segment is to those who read and write it; see {@link PositionedFile}. */
export interface SegmentFile {
  readonly isInPlace: boolean;
  writeAt(position: number, bytes: Uint8Array): void;
  readAt(position: number, into: Uint8Array): number;
  readAhead(position: number, into: Uint8Array): Promise<number>;
  truncate(length: number): void;
  flush(): Promise<void>;
  flushBlocking(): void;
  close(): void;
  /** Writes bytes again that are there, where that is another thing than `writeAt`: it needs no new room. */
  rewriteAt?(position: number, bytes: Uint8Array): void;
  /** Sets room aside for a whole segment: writing it needs none after that. */
  makeRoom?(): void;
  /** The log has gone on to the next: lets go of what only writing needs. */
  settle?(): void;
}

/** How the files of segments are opened and made. */
export interface SegmentKind {
  open(path: string): SegmentFile;
  /** Of a file that does not exist. Its name is not flushed. On failure there is no file, or one of zeros. */
  create(path: string): SegmentFile;
  /** Whether there is room for a whole segment when `create` returns: then they are worth being made early. */
  readonly reserves: boolean;
  /** From now on others make and write the same files. */
  share(): void;
}

/** Written and read by system calls; they grow as they are written. */
export function plainSegments(disk: Disk, mode: "r" | "r+"): SegmentKind {
  return {
    open: (path) => PositionedFile.open(disk, path, mode),
    create: (path) => PositionedFile.create(disk, path),
    reserves: false,
    share: () => {},
  };
}

export class SegmentFiles {
  readonly #kind: SegmentKind;
  readonly #pathOf: (index: number) => string;
  /** In order of use, the latest last. */
  readonly #open = new Map<number, SegmentFile>();
  /** Made early, and not yet part of the log; null: closed again. */
  readonly #prepared = new Map<number, SegmentFile | null>();
  /** Segments with bytes that no flush has been asked for. */
  readonly #dirty = new Set<number>();
  /** Those that a flush has been asked for, and has not come to its end with. */
  readonly #owed = new Set<number>();
  #flushFailure: { readonly error: unknown } | null = null;
  /** Told of such a failure at once, where another thread may be the next to flush. */
  onFlushFailure: ((error: unknown) => void) | null = null;
  #lastIndex = -1;
  #lastFile: SegmentFile | null = null;
  #closed = false;

  constructor(kind: SegmentKind, pathOf: (index: number) => string) {
    this.#kind = kind;
    this.#pathOf = pathOf;
  }

  /** Whether room for a write can be had before it is made. */
  get reserves(): boolean {
    return this.#kind.reserves;
  }

  /** The file of a segment that exists. */
  get(index: number): SegmentFile {
    if (index === this.#lastIndex && this.#lastFile !== null) return this.#lastFile;
    const path = this.#pathOf(index);
    // A read or a flush of several segments may be under way: what it opened now, nobody would close.
    if (this.#closed) throw new WalError("WAL_CLOSED", `The log of ${path} was closed.`, { path });
    return this.#use(index, this.#open.get(index) ?? this.#kind.open(path));
  }

  /** Makes the file of a segment. Its name is not flushed. */
  create(index: number): SegmentFile {
    const prepared = this.#prepared.get(index);
    if (prepared === undefined) return this.#use(index, this.#kind.create(this.#pathOf(index)));
    const file = prepared ?? this.#kind.open(this.#pathOf(index));
    this.#prepared.delete(index);
    return this.#use(index, file);
  }

  /** Makes the file of a segment that the log has not reached. One of them is kept open. */
  prepare(index: number): void {
    if (this.#closed || this.#prepared.has(index)) return;
    const file = this.#kind.create(this.#pathOf(index));
    const isOnlyOne = this.#prepared.size === 0;
    if (!isOnlyOne) file.close();
    this.#prepared.set(index, isOnlyOne ? file : null);
  }

  /** Those that were made and not reached, high to low; closed, and no longer known. */
  takePrepared(): number[] {
    for (const file of this.#prepared.values()) file?.close();
    const taken = [...this.#prepared.keys()].toSorted((a, b) => b - a);
    this.#prepared.clear();
    return taken;
  }

  /** Others make and write the same files from now on; what was made early they find by its name. */
  share(): void {
    this.takePrepared();
    this.#kind.share();
  }

  /** The log has gone on to segment `index`. */
  settleBelow(index: number): void {
    for (const [each, file] of this.#open) if (each < index) file.settle?.();
  }

  /** Closes all, for good. */
  close(): void {
    this.#closed = true;
    this.closeAll();
  }

  markDirty(index: number): void {
    this.#dirty.add(index);
  }

  /** Closes everything and knows nothing any more: the files may have been replaced by others. */
  forgetAll(): void {
    this.#dirty.clear();
    this.closeAll();
  }

  /** Throws what the flush of a segment that had to go failed with: the next flush must fail too. */
  throwFlushFailure(): void {
    if (this.#flushFailure !== null) throw this.#flushFailure.error;
  }

  /** The segments with unflushed bytes, low to high; they count as clean from now on. */
  takeDirty(): number[] {
    const taken = [...this.#dirty].toSorted((a, b) => a - b);
    this.#dirty.clear();
    for (const index of taken) this.#owed.add(index);
    return taken;
  }

  /** A flush that began after `takeDirty` has succeeded. */
  flushed(index: number): void {
    this.#owed.delete(index);
  }

  /** Closes the file of a segment that is about to be removed. */
  forget(index: number): void {
    this.#dirty.delete(index);
    this.#owed.delete(index);
    const file = this.#open.get(index);
    this.#open.delete(index);
    if (index === this.#lastIndex) this.#setLast(-1, null);
    file?.close();
  }

  closeAll(): void {
    this.takePrepared();
    this.#setLast(-1, null);
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
  }

  #use(index: number, file: SegmentFile): SegmentFile {
    this.#open.delete(index);
    this.#open.set(index, file);
    this.#setLast(index, file);
    if (this.#open.size > openSegmentsMax) this.#closeOldest();
    return file;
  }

  #setLast(index: number, file: SegmentFile | null): void {
    this.#lastIndex = index;
    this.#lastFile = file;
  }

  #closeOldest(): void {
    for (const [index, file] of this.#open) {
      this.#open.delete(index);
      try {
        const isDirty = this.#dirty.delete(index);
        if (this.#owed.delete(index) || isDirty) file.flushBlocking();
      } catch (error) {
        this.#flushFailure ??= { error };
        this.onFlushFailure?.(error);
      }
      file.close();
      return;
    }
  }
}
