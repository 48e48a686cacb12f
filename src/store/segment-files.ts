/**
 * The open files of a segmented log: a bounded number, least recently used first to go. One that
 * has unflushed bytes is flushed before it goes: a failure to write them back is told only to
 * those who had the file open.
 */
import { WalError } from "../errors.ts";
import { openSegmentsMax } from "../limits.ts";
import type { Disk } from "./disk.ts";
import { PositionedFile } from "./positioned-file.ts";

export class SegmentFiles {
  readonly #disk: Disk;
  readonly #mode: "r" | "r+";
  readonly #pathOf: (index: number) => string;
  /** In order of use, the latest last. */
  readonly #open = new Map<number, PositionedFile>();
  /** Segments with bytes that no flush has been asked for. */
  readonly #dirty = new Set<number>();
  /** Those that a flush has been asked for, and has not come to its end with. */
  readonly #owed = new Set<number>();
  #flushFailure: { readonly error: unknown } | null = null;
  /** Told of such a failure at once, where another thread may be the next to flush. */
  onFlushFailure: ((error: unknown) => void) | null = null;
  #lastIndex = -1;
  #lastFile: PositionedFile | null = null;
  #closed = false;

  constructor(disk: Disk, mode: "r" | "r+", pathOf: (index: number) => string) {
    this.#disk = disk;
    this.#mode = mode;
    this.#pathOf = pathOf;
  }

  /** The file of a segment that exists. */
  get(index: number): PositionedFile {
    if (index === this.#lastIndex && this.#lastFile !== null) return this.#lastFile;
    const path = this.#pathOf(index);
    // A read or a flush of several segments may be under way: what it opened now, nobody would close.
    if (this.#closed) throw new WalError("WAL_CLOSED", `The log of ${path} was closed.`, { path });
    return this.#use(index, this.#open.get(index) ?? PositionedFile.open(this.#disk, path, this.#mode));
  }

  /** Makes the file of a segment. Its name is not flushed. */
  create(index: number): PositionedFile {
    return this.#use(index, PositionedFile.create(this.#disk, this.#pathOf(index)));
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
    this.#setLast(-1, null);
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
  }

  #use(index: number, file: PositionedFile): PositionedFile {
    this.#open.delete(index);
    this.#open.set(index, file);
    this.#setLast(index, file);
    if (this.#open.size > openSegmentsMax) this.#closeOldest();
    return file;
  }

  #setLast(index: number, file: PositionedFile | null): void {
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
