/**
 * A file read and written at positions: what a single-file log is, and each segment of a segmented
 * one.
 *
 * Two descriptors. The first reads, writes, flushes when blocking, and may bear the lock. The
 * second serves what runs off the thread: asynchronous flushes and reads. So `close` can release
 * the first, and with it the lock, while the second waits for what is under way; no operation ever
 * meets a descriptor number that was closed and given out again. And Linux reports a failed
 * write-back once to each descriptor (errseq_t, since 4.13), to one that is opened later too while
 * nobody has seen it: a blocking flush beside a pending one is told of the same failure.
 */
import { errnoOf } from "../errors.ts";
import type { Disk } from "./disk.ts";

/** Linux moves at most 0x7ffff000 bytes in one call, and Node takes no length above 2^31 - 1. */
const transferBytesMax = 0x4000_0000;

export class PositionedFile {
  readonly path: string;
  readonly #disk: Disk;
  readonly #mode: "r" | "r+";
  readonly #fd: number;
  #aheadFd: number | null = null;
  #aheadBusy = 0;
  #closed = false;
  /**
   * A new file, or one whose size was cut, needs more than fdatasync is asked to answer for. One at
   * first: the process before this one may have been killed between its cut and the flush.
   */
  #cuts = 1;
  /** Those that a flush which has succeeded began after: until it has, every flush is for all. */
  #flushedCuts = 0;

  private constructor(disk: Disk, path: string, mode: "r" | "r+", fd: number) {
    this.path = path;
    this.#disk = disk;
    this.#mode = mode;
    this.#fd = fd;
  }

  /** Opens a file that exists. */
  static open(disk: Disk, path: string, mode: "r" | "r+"): PositionedFile {
    return PositionedFile.#ready(disk, path, mode, disk.open(path, mode));
  }

  /** Makes a file that does not exist. Neither its bytes nor its name are flushed. */
  static create(disk: Disk, path: string): PositionedFile {
    const fd = disk.open(path, "create");
    try {
      return PositionedFile.#ready(disk, path, "r+", fd);
    } catch (error) {
      // Left there it would be in the way of the next attempt.
      disk.remove(path);
      throw error;
    }
  }

  /** Takes over a descriptor. */
  static adopt(disk: Disk, path: string, mode: "r" | "r+", fd: number): PositionedFile {
    return PositionedFile.#ready(disk, path, mode, fd);
  }

  /** With the second descriptor open: a flush must not find that there is none to be had. */
  static #ready(disk: Disk, path: string, mode: "r" | "r+", fd: number): PositionedFile {
    const file = new PositionedFile(disk, path, mode, fd);
    try {
      if (mode === "r+") file.#openAhead();
      return file;
    } catch (error) {
      disk.close(fd);
      throw error;
    }
  }

  get size(): number {
    return this.#disk.statOpen(this.#fd).size;
  }

  /** The first descriptor, for what maps the file; closed by `close`. */
  get descriptor(): number {
    return this.#fd;
  }

  /** Tells the open file from any other, whatever its name. */
  get identity(): string {
    return this.#disk.statOpen(this.#fd).identity;
  }

  /** Whether the name still leads to this file. */
  get isInPlace(): boolean {
    return this.#disk.stat(this.path).identity === this.identity;
  }

  /** Takes the kernel's lock; false when another holds it. */
  lock(): boolean {
    return this.#disk.lock(this.#fd, this.path);
  }

  /** Writes all of `bytes` at `position`, or throws what the disk threw. */
  writeAt(position: number, bytes: Uint8Array): void {
    writeFully(this.#disk, this.#fd, bytes, position);
  }

  /** Fills `into` from `position`; fewer bytes than asked = the file ends there. */
  readAt(position: number, into: Uint8Array): number {
    return readFully(this.#disk, this.#fd, into, position);
  }

  readAhead(position: number, into: Uint8Array): Promise<number> {
    return this.#ahead((fd) => readFullyAhead(this.#disk, fd, into, position));
  }

  truncate(length: number): void {
    this.#cuts++;
    this.#disk.truncate(this.#fd, length);
  }

  /** @param first Begun at once, and waited for before the flush, which comes even if the file is closed meanwhile. */
  async flush(first?: () => Promise<void>): Promise<void> {
    const cuts = this.#cuts;
    await this.#ahead(async (fd) => {
      if (first !== undefined) await first();
      await (cuts > this.#flushedCuts ? this.#disk.flushAll(fd) : this.#disk.flushData(fd));
    });
    this.#flushedCuts = Math.max(this.#flushedCuts, cuts);
  }

  flushBlocking(): void {
    const cuts = this.#cuts;
    if (cuts > this.#flushedCuts) this.#disk.flushAllBlocking(this.#fd);
    else this.#disk.flushDataBlocking(this.#fd);
    this.#flushedCuts = Math.max(this.#flushedCuts, cuts);
  }

  /** Releases the first descriptor at once, the second when nothing is under way on it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeAheadWhenIdle();
    this.#disk.unlock(this.#fd);
    this.#disk.close(this.#fd);
  }

  #openAhead(): number {
    if (this.#aheadFd !== null) return this.#aheadFd;
    const fd = this.#disk.open(this.path, this.#mode);
    try {
      if (this.#disk.statOpen(fd).identity !== this.#disk.statOpen(this.#fd).identity) {
        throw new Error("the file was replaced by another while it was being opened");
      }
    } catch (error) {
      this.#disk.close(fd);
      throw error;
    }
    this.#aheadFd = fd;
    return fd;
  }

  async #ahead<T>(operation: (fd: number) => Promise<T>): Promise<T> {
    const fd = this.#openAhead();
    this.#aheadBusy++;
    try {
      return await operation(fd);
    } finally {
      this.#aheadBusy--;
      if (this.#closed) this.#closeAheadWhenIdle();
    }
  }

  #closeAheadWhenIdle(): void {
    if (this.#aheadBusy > 0 || this.#aheadFd === null) return;
    const fd = this.#aheadFd;
    this.#aheadFd = null;
    this.#disk.close(fd);
  }
}

/* A system call may do less than it was asked, or be interrupted, and neither is an error. */

/** Writes all of `bytes` at `position`, or throws what the disk threw. */
export function writeFully(disk: Disk, fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(bytes.length - done, transferBytesMax);
    try {
      const wrote = disk.write(fd, bytes, done, length, position + done);
      if (wrote === 0) throw new Error(`the disk took none of ${length} bytes and gave no reason`);
      done += wrote;
    } catch (error) {
      if (errnoOf(error) !== "EINTR") throw error;
    }
  }
}

/** Fills `into` from `position`; fewer bytes than asked = the file ends there. */
export function readFully(disk: Disk, fd: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(into.length - done, transferBytesMax);
    try {
      const got = disk.read(fd, into, done, length, position + done);
      if (got === 0) break;
      done += got;
    } catch (error) {
      if (errnoOf(error) !== "EINTR") throw error;
    }
  }
  return done;
}

async function readFullyAhead(disk: Disk, fd: number, into: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(into.length - done, transferBytesMax);
    try {
      const got = await disk.readAhead(fd, into, done, length, position + done);
      if (got === 0) break;
      done += got;
    } catch (error) {
      if (errnoOf(error) !== "EINTR") throw error;
    }
  }
  return done;
}
