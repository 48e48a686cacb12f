/**
 * One file, read and written at positions.
 *
 *   log.wal                      the bytes of the log, offset 0 first; nothing else
 *   log.wal.mark                 the mark (recovery/mark.ts)
 *   log.wal.joined               held by threads that have joined (joined-lock.ts)
 *   log.wal.quarantine-<lsn>     what recovery cut off and saved
 *
 * A crash may lose: what was written and not flushed. Not the name: it is flushed before open
 * returns, at every open, since the process that made the file may have died before it did.
 */
import { basename, dirname, resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";
import { asIoError, errnoOf, invalidArgument, WalError } from "../errors.ts";
import type { Disk } from "./disk.ts";
import { createDurably } from "./durable-fs.ts";
import { FileMark, NamedFiles, saveToQuarantine, watchDirectory } from "./file-side.ts";
import { JoinedLock } from "./joined-lock.ts";
import { nodeDisk } from "./node-disk.ts";
import { PositionedFile } from "./positioned-file.ts";
import { checkUnwrapped, type StoreSide, type WalStore } from "./store.ts";

/** How another thread finds the file of a log. */
export interface FileShare {
  readonly kind: "file";
  readonly path: string;
  /** The path as it was given, for messages. */
  readonly name: string;
  /** Device and inode. */
  readonly identity: string;
  /** What `JoinedLock.make` said; null: the owner has no lock, and who joins takes none. */
  readonly joined: string | null;
}

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
  readonly #file: PositionedFile;
  readonly #mark: FileMark;
  readonly #named: NamedFiles;
  readonly #joined: JoinedLock;
  #locked = false;

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
  constructor(
    disk: Disk,
    path: string,
    file: PositionedFile,
    readOnly: boolean,
    joined: JoinedLock = joinedLockOf(disk, file.path),
  ) {
    this.path = path;
    this.#file = file;
    this.#joined = joined;
    this.#mark = new FileMark(disk, `${file.path}.mark`, readOnly);
    this.#named = new NamedFiles(disk, dirname(file.path), `${basename(file.path)}.`, readOnly);
    const ours = basename(file.path);
    const isOurs = (name: string): boolean => name === ours || name.startsWith(`${ours}.`);
    this.side = {
      named: (name) => this.#named.get(name),
      names: () => this.#named.list(),
      lock: () => this.#lock(),
      heldByJoined: () => this.#joined.isHeld(),
      letGo: () => this.#joined.close(),
      refresh: () => this.#checkInPlace(),
      watch: (changed) => watchDirectory(disk, dirname(file.path), isOurs, changed),
      mark: this.#mark,
      share: (store): FileShare => {
        checkUnwrapped(store, this);
        const held = this.#locked ? joined.make() : null;
        return { kind: "file", path: file.path, name: path, identity: file.identity, joined: held };
      },
      quarantine: (from, to) =>
        saveToQuarantine(disk, `${file.path}.quarantine-${from}`, from, to, (offset, into) =>
          this.readAt(offset, into),
        ),
    };
  }

  get length(): number {
    return this.#file.size;
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    this.#file.writeAt(offset, bytes);
  }

  readAt(offset: number, into: Uint8Array): number {
    return this.#file.readAt(offset, into);
  }

  readAhead(offset: number, into: Uint8Array): Promise<number> {
    return this.#file.readAhead(offset, into);
  }

  truncate(length: number): void {
    // The system call would make the file longer.
    if (length <= this.length) this.#file.truncate(length);
  }

  /** A file gives nothing back from its front. */
  truncateBefore(_offset: number): number {
    return 0;
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  flushBlocking(): void {
    this.#file.flushBlocking();
  }

  close(): void {
    this.#mark.close();
    this.#named.closeAll();
    this.#joined.close();
    this.#file.close();
  }

  /** Reads go to the file that was opened; one that has taken its name since is another log. */
  #checkInPlace(): void {
    if (this.#file.isInPlace) return;
    throw new WalError(
      "WAL_IO",
      `The log ${this.path} was removed, or replaced by another file. Open it again.`,
      { path: this.path, reason: "replaced" },
    );
  }

  #lock(): void {
    if (!this.#file.lock()) throw lockedError(this.path);
    // Whoever had the lock before may have put another file under this name meanwhile.
    if (!this.#file.isInPlace) throw replacedError(this.path);
    this.#locked = true;
  }
}

function joinedLockOf(disk: Disk, path: string): JoinedLock {
  return new JoinedLock(disk, `${path}.joined`);
}

/** WAL_LOCKED, with the ways there are to join or look on. */
export function lockedError(path: string): WalError {
  return new WalError(
    "WAL_LOCKED",
    `The log ${path} is open already, in this process or another. Close it there. ` +
      "In this process, share() it where it is open, and Wal.attach to that in another thread; " +
      "to look at it from another process, open it with readOnly.",
    { path },
  );
}

export function replacedError(path: string): WalError {
  return new WalError(
    "WAL_LOCKED",
    `The log ${path} was replaced or removed while it was being opened. Open it again.`,
    { path },
  );
}

/** @internal FileStore.open, with the options that only this library gives. */
export function openFileStore(path: string | URL, options: OpenStoreOptions = {}): FileStore {
  const disk = options.disk ?? nodeDisk;
  const readOnly = options.readOnly ?? false;
  const asked = pathOf(path);
  try {
    const realPath = disk.resolve(asked);
    const fd = openOrCreate(disk, realPath, readOnly);
    const file = PositionedFile.adopt(disk, realPath, readOnly ? "r" : "r+", fd);
    return new FileStore(disk, asked, file, readOnly);
  } catch (error) {
    throw openError(error, asked);
  }
}

/** @internal The store of a log that another thread has shared. Makes nothing, and flushes no name. */
export function attachFileStore(share: FileShare, disk: Disk = nodeDisk): FileStore {
  const joined = joinedLockOf(disk, share.path);
  try {
    if (share.joined !== null) joined.hold(share.joined, share.name);
    const file = PositionedFile.open(disk, share.path, "r+");
    if (file.identity === share.identity) return new FileStore(disk, share.name, file, false, joined);
    file.close();
    throw replacedError(share.name);
  } catch (error) {
    joined.close();
    throw openError(error, share.name);
  }
}

function openOrCreate(disk: Disk, path: string, readOnly: boolean): number {
  const { kind } = disk.stat(path);
  if (kind === "other") {
    throw invalidArgument(`${path} is neither a file nor a directory. A log is a regular file.`, { path });
  }
  // Reading only, the system would open a folder as well, and fail at the first read.
  if (kind === "directory") throw folderError(path);
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
    disk.flushDirectoryBlocking(dirname(path));
  } catch (error) {
    disk.close(fd);
    throw error;
  }
  return fd;
}

function folderError(path: string): Error {
  return Object.assign(new Error(`EISDIR: ${path} is a folder`), { code: "EISDIR" });
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
  if (typeof path === "string" && path.startsWith("file:")) {
    throw invalidArgument(`${path} is a URL in a string: give new URL(${JSON.stringify(path)}), or a path.`);
  }
  if (typeof path !== "string" || path.length === 0 || path.includes("\0")) {
    throw invalidArgument("The path of a log is a non-empty string without NUL, or a file: URL.");
  }
  return resolvePath(path);
}

const openHints: Readonly<Record<string, string>> = {
  ENOENT: "Its folder must exist; with readOnly, or to be converted, so must the log.",
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
