/**
 * The few calls that the file stores make on an operating system, as one interface. Production
 * binds node:fs (node-disk.ts, the only file that imports it); tests bind a disk that fails, tears
 * and forgets.
 *
 * Each call is one system call, may fail as it does there, and may do less than was asked: the
 * loops that complete a short read or write stand above this line (positioned-file.ts).
 */

/** What an open call may do when there is no such file, or when there is one. */
export type OpenMode =
  /** Read and write; the file must exist. Never `w`, which would empty it. */
  | "r+"
  /** Read only; the file must exist. */
  | "r"
  /** Create, read and write; the file must not exist. */
  | "create";

export type FileKind = "file" | "directory" | "other" | "missing";

/** Tells one file from another, whatever its name: device and inode. */
export interface FileStat {
  readonly kind: FileKind;
  readonly size: number;
  readonly identity: string;
}

export interface Disk {
  /** Resolves links; a last component that does not exist is kept as it is. */
  resolve(path: string): string;
  stat(path: string): FileStat;
  list(directory: string): string[];

  open(path: string, mode: OpenMode): number;
  /** A directory, to lock it. Where directories cannot be opened: a file in it, made for this. */
  openDirectory(path: string): number;
  close(fd: number): void;
  statOpen(fd: number): FileStat;
  read(fd: number, into: Uint8Array, from: number, length: number, position: number): number;
  readAhead(fd: number, into: Uint8Array, from: number, length: number, position: number): Promise<number>;
  write(fd: number, bytes: Uint8Array, from: number, length: number, position: number): number;
  truncate(fd: number, length: number): void;

  /** The true barrier for the bytes of a file and what is needed to read them back. */
  flushData(fd: number): Promise<void>;
  flushDataBlocking(fd: number): void;
  /** The same for all of a file's metadata too. */
  flushAll(fd: number): Promise<void>;
  flushAllBlocking(fd: number): void;
  /** The barrier for the entries of a directory: creations, renames, removals. */
  flushDirectory(directory: string): Promise<void>;
  flushDirectoryBlocking(directory: string): void;

  /**
   * Takes the kernel's exclusive lock on an open file, without waiting; false when another holds it.
   * Gone when the descriptor is closed, by whatever end of the process.
   */
  lock(fd: number, path: string): boolean;
  /** The same, together with any others that take it so; false when another holds the exclusive one. */
  lockShared(fd: number, path: string): boolean;
  /** Before a descriptor is closed: lets go of its lock where the closing does not (Windows). */
  unlock(fd: number): void;

  /** The kind of file system a path is on, as statfs(2) of Linux numbers them; null where it cannot be told. */
  fileSystem?(path: string): number | null;

  rename(from: string, to: string): void;
  remove(path: string): void;
  makeDirectory(path: string): void;
  /** Removes an empty directory. */
  removeDirectory(path: string): void;

  /**
   * Tells of changes in a directory, with the name of what changed where the system says it, until
   * the returned function is called. Keeps no process alive. A disk that cannot has none.
   */
  watch?(directory: string, changed: (name: string | null) => void): () => void;
}
