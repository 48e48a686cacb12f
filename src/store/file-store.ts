/**
 * One file, read and written at positions.
 *
 *   log.wal                      the bytes of the log, offset 0 first; nothing else
 *   log.wal.mark                 the mark (recovery/mark.ts)
 *   log.wal.quarantine-<lsn>     what recovery cut off and saved
 *
 * Two descriptors. The first reads, writes, flushes when blocking, and bears the lock. The second
 * serves what runs off the thread: asynchronous flushes and reads. So `close` can release the
 * first, and with it the lock, while the second waits for what is under way; no operation ever
 * meets a descriptor number that was closed and given out again. And Linux reports a failed
 * write-back once to each descriptor (errseq_t, since 4.13): a blocking flush beside a pending one
 * is told of the same failure.
 *
 * A crash may lose: what was written and not flushed. Not the name: it is flushed before open
 * returns, at every open, since the process that made the file may have died before it did.
 */
import { dirname, resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";
import { asIoError, errnoOf, invalidArgument, WalError } from "../errors.ts";
import type { Disk } from "./disk.ts";
import { createDurably } from "./durable-fs.ts";
import { FileMark, saveToQuarantine } from "./file-side.ts";
import { nodeDisk } from "./node-disk.ts";
import { readFully, readFullyAhead, writeFully } from "./positioned-file.ts";
import type { StoreSide, WalStore } from "./store.ts";

export interface OpenStoreOptions {
  /** Default: the disk of node:fs. */
  readonly disk?: Disk;
  /** Open nothing for writing, make no file. Default false. */
  readonly readOnly?: boolean;
}

/**
 * A {@link WalStore} in one file.
 *
 * @example
 * const wal = await Wal.withStore(FileStore.open("app.wal"));
 */
export class FileStore implements WalStore {
  readonly head = 0;
  readonly path: string;
  readonly side: StoreSide;
  readonly #disk: Disk;
  readonly #realPath: string;
  readonly #fd: number;
  readonly #aheadFd: number;
  readonly #mark: FileMark;
  #aheadBusy = 0;
  #closed = false;
  /**
   * A cut changes the file's size, for which fdatasync is not asked to answer. True at first: the
   * process before this one may have been killed between its cut and the flush.
   */
  #cut = true;

  /**
   * Opens the file, or makes it; its name is on stable storage on return. Takes no lock: the log does.
   *
   * @throws {WalError} WAL_IO when the system refuses (`errno`: ENOENT for a missing folder, EISDIR,
   *   EACCES, ...); WAL_INVALID_ARGUMENT when `path` is no path, or names a device or pipe.
   */
  static open(path: string | URL): FileStore {
    return openFileStore(path);
  }

  /** @internal */
  constructor(disk: Disk, path: string, realPath: string, fd: number, aheadFd: number, readOnly: boolean) {
    this.#disk = disk;
    this.path = path;
    this.#realPath = realPath;
    this.#fd = fd;
    this.#aheadFd = aheadFd;
    this.#mark = new FileMark(disk, `${realPath}.mark`, readOnly);
    this.side = {
      lock: () => this.#lock(),
      mark: this.#mark,
      quarantine: (from, to) =>
        saveToQuarantine(disk, realPath, from, to, (offset, into) => this.readAt(offset, into)),
    };
  }

  get length(): number {
    return this.#disk.statOpen(this.#fd).size;
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    writeFully(this.#disk, this.#fd, bytes, offset);
  }

  readAt(offset: number, into: Uint8Array): number {
    return readFully(this.#disk, this.#fd, into, offset);
  }

  readAhead(offset: number, into: Uint8Array): Promise<number> {
    return this.#ahead(readFullyAhead(this.#disk, this.#aheadFd, into, offset));
  }

  truncate(length: number): void {
    this.#cut = true;
    this.#disk.truncate(this.#fd, length);
  }

  truncateBefore(_offset: number): number {
    return 0;
  }

  flush(): Promise<void> {
    const cut = this.#takeCut();
    return this.#ahead(cut ? this.#disk.flushAll(this.#aheadFd) : this.#disk.flushData(this.#aheadFd));
  }

  flushBlocking(): void {
    if (this.#takeCut()) this.#disk.flushAllBlocking(this.#fd);
    else this.#disk.flushDataBlocking(this.#fd);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#mark.close();
    } finally {
      this.#closeAheadWhenIdle();
      this.#disk.close(this.#fd);
      this.#disk.unlock(this.#realPath);
    }
  }

  #takeCut(): boolean {
    const cut = this.#cut;
    this.#cut = false;
    return cut;
  }

  async #ahead<T>(operation: Promise<T>): Promise<T> {
    this.#aheadBusy++;
    try {
      return await operation;
    } finally {
      this.#aheadBusy--;
      if (this.#closed) this.#closeAheadWhenIdle();
    }
  }

  #closeAheadWhenIdle(): void {
    if (this.#aheadBusy === 0) this.#disk.close(this.#aheadFd);
  }

  #lock(): void {
    const taken = this.#disk.lock(this.#fd, this.#realPath);
    // Whoever had the lock before may have put another file under this name meanwhile.
    const same = this.#disk.stat(this.#realPath).identity === this.#disk.statOpen(this.#fd).identity;
    if (taken && same) return;
    throw new WalError(
      "WAL_LOCKED",
      taken
        ? `The log ${this.path} was replaced or removed while it was being opened. Open it again.`
        : `The log ${this.path} is open already, in this process or another. Close it there; from a worker ` +
            "thread join it with Wal.attach; to look at it meanwhile, open it with readOnly.",
      { path: this.path },
    );
  }
}

/** @internal FileStore.open, with the options that only this library gives. */
export function openFileStore(path: string | URL, options: OpenStoreOptions = {}): FileStore {
  const disk = options.disk ?? nodeDisk;
  const readOnly = options.readOnly ?? false;
  const asked = pathOf(path);
  try {
    const realPath = disk.resolve(asked);
    const fd = openOrCreate(disk, realPath, readOnly);
    let aheadFd: number;
    try {
      aheadFd = disk.open(realPath, readOnly ? "r" : "r+");
    } catch (error) {
      disk.close(fd);
      throw error;
    }
    return new FileStore(disk, asked, realPath, fd, aheadFd, readOnly);
  } catch (error) {
    throw openError(error, asked);
  }
}

function openOrCreate(disk: Disk, path: string, readOnly: boolean): number {
  const { kind } = disk.stat(path);
  if (kind === "other") {
    throw invalidArgument(`${path} is neither a file nor a directory. A log is a regular file.`, { path });
  }
  if (readOnly) return disk.open(path, "r");
  if (kind === "missing") {
    try {
      return createDurably(disk, path);
    } catch (error) {
      // Another process came first: its file is as good, and the lock will tell whose it is.
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  }
  const fd = disk.open(path, "r+");
  try {
    disk.flushDirectory(dirname(path));
  } catch (error) {
    disk.close(fd);
    throw error;
  }
  return fd;
}

/** An absolute path from what users give. */
export function pathOf(path: string | URL): string {
  if (path instanceof URL) {
    try {
      return fileURLToPath(path);
    } catch (error) {
      throw invalidArgument(`${path.href} is not a file: URL of this machine.`, { cause: error });
    }
  }
  if (typeof path !== "string" || path.length === 0 || path.includes("\0")) {
    throw invalidArgument("The path of a log is a non-empty string without NUL, or a file: URL.");
  }
  return resolvePath(path);
}

const openHints: Readonly<Record<string, string>> = {
  ENOENT: "Its folder must exist, and with readOnly the log too.",
  EISDIR: "A folder holds a segmented log: open that with Wal.openSegmented.",
  EACCES: "This process needs the right to read and write the file and its folder (readOnly: to read).",
  EPERM: "This process needs the right to read and write the file and its folder (readOnly: to read).",
  EROFS: "The file system is mounted read-only: open with readOnly.",
  EMFILE: "This process has too many files open.",
  ENOTDIR: "A part of the path is a file, not a folder.",
  ENOSPC: "The disk is full: a new log needs room for its name.",
};

/** WAL_IO with a way out, for what opening a path threw. */
export function openError(error: unknown, path: string): WalError {
  if (error instanceof WalError) return error;
  const errno = errnoOf(error);
  const hint = errno === undefined ? undefined : openHints[errno];
  const io = asIoError(error, `Opening the log ${path} failed`, { path });
  if (hint === undefined) return io;
  return new WalError("WAL_IO", `${io.message}. ${hint}`, { path, errno, cause: error });
}
