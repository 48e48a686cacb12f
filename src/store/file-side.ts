/**
 * What stands beside a log on disk: `<log>.mark` (or `mark` within a segmented directory) and
 * `<log>.quarantine-<lsn>`.
 */
import { dirname, join } from "node:path";
import { errnoOf } from "../errors.ts";
import { rewriteChunkBytes } from "../limits.ts";
import { zerosEnd } from "../zeros.ts";
import type { Disk } from "./disk.ts";
import { createDurably, removeDurably, replaceDurably } from "./durable-fs.ts";
import { readFully, writeFully } from "./positioned-file.ts";
import type { NamedFile } from "./store.ts";

/** The mark's file, opened when it is first read or written, held open until `close`. */
export class FileMark implements NamedFile {
  readonly path: string;
  readonly #disk: Disk;
  readonly #readOnly: boolean;
  #fd: number | null = null;
  #closed = false;

  constructor(disk: Disk, path: string, readOnly: boolean) {
    this.#disk = disk;
    this.path = path;
    this.#readOnly = readOnly;
  }

  read(): Uint8Array {
    const fd = this.#openExisting();
    if (fd === null) return new Uint8Array(0);
    const bytes = new Uint8Array(64);
    return bytes.subarray(0, readFully(this.#disk, fd, bytes, 0));
  }

  write(offset: number, bytes: Uint8Array): void {
    const fd = this.#openExisting() ?? this.#create();
    writeFully(this.#disk, fd, bytes, offset);
  }

  flush(): void {
    const fd = this.#openExisting();
    if (fd !== null) this.#disk.flushAllBlocking(fd);
  }

  close(): void {
    this.#closed = true;
    if (this.#fd === null) return;
    const fd = this.#fd;
    this.#fd = null;
    this.#disk.close(fd);
  }

  remove(): void {
    this.close();
    removeDurably(this.#disk, this.path);
  }

  #openExisting(): number | null {
    if (this.#fd !== null) return this.#fd;
    // A flush may land after the log was closed, and its lock is another's by then.
    if (this.#closed) throw new Error(`${this.path} was closed`);
    try {
      this.#fd = this.#disk.open(this.path, this.#readOnly ? "r" : "r+");
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
    return this.#fd;
  }

  #create(): number {
    this.#fd = createDurably(this.#disk, this.path);
    return this.#fd;
  }
}

/** The small files beside a log, by name: `<directory>/<prefix><name>`. */
export class NamedFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #prefix: string;
  readonly #readOnly: boolean;
  readonly #given: FileMark[] = [];

  constructor(disk: Disk, directory: string, prefix: string, readOnly: boolean) {
    this.#disk = disk;
    this.#directory = directory;
    this.#prefix = prefix;
    this.#readOnly = readOnly;
  }

  get(name: string): NamedFile {
    const file = new FileMark(this.#disk, join(this.#directory, this.#prefix + name), this.#readOnly);
    this.#given.push(file);
    return file;
  }

  closeAll(): void {
    for (const file of this.#given) file.close();
  }

  list(): string[] {
    const names = this.#disk.list(this.#directory).filter((name) => name.startsWith(this.#prefix));
    return names.map((name) => name.slice(this.#prefix.length));
  }
}

/** {@link StoreSide.watch} of a store whose files are those of a directory that `isOurs` knows. */
export function watchDirectory(
  disk: Disk,
  directory: string,
  isOurs: (name: string) => boolean,
  changed: () => void,
): () => void {
  if (disk.watch === undefined) return () => {};
  return disk.watch(directory, (name) => {
    if (name === null || isOurs(name)) changed();
  });
}

type ReadAt = (offset: number, into: Uint8Array) => number;

/**
 * Copies the bytes `[from, to)` of a log to `name`, file and name durable on return. A file that
 * holds them already is taken for it: a crash came after it was saved, and perhaps after the cut
 * had begun, which leaves zeros where bytes were. One with other bytes is left alone, and `.1`,
 * `.2`, ... is added to the name.
 */
export function saveToQuarantine(disk: Disk, name: string, from: number, to: number, readAt: ReadAt): string {
  for (let n = 0; ; n++) {
    const path = n === 0 ? name : `${name}.${n}`;
    if (disk.stat(path).kind === "missing") {
      replaceDurably(disk, path, (fd) => copy(disk, fd, from, to, readAt));
      return path;
    }
    if (holdsAlready(disk, path, from, to, readAt)) return path;
  }
}

function copy(disk: Disk, fd: number, from: number, to: number, readAt: ReadAt): void {
  const buffer = new Uint8Array(Math.min(rewriteChunkBytes, to - from));
  for (let at = from; at < to;) {
    const into = buffer.subarray(0, Math.min(buffer.length, to - at));
    const got = readAt(at, into);
    if (got < into.length) throw new Error(`the log ended at ${at + got} while it was being copied`);
    // A long run of zeros takes no room: it stays a hole.
    if (zerosEnd(into, 0, into.length) < into.length) writeFully(disk, fd, into, at - from);
    at += got;
  }
  disk.truncate(fd, to - from);
}

/** Whether every byte of the log that is not zero stands at its place in the file. */
function holdsAlready(disk: Disk, path: string, from: number, to: number, readAt: ReadAt): boolean {
  const { kind, size } = disk.stat(path);
  if (kind !== "file" || size < to - from) return false;
  // For writing, although nothing is written: Windows flushes no other.
  const fd = disk.open(path, "r+");
  try {
    const saved = new Uint8Array(Math.min(rewriteChunkBytes, to - from));
    const logged = new Uint8Array(saved.length);
    for (let at = from; at < to; at += saved.length) {
      const length = Math.min(saved.length, to - at);
      const a = readFully(disk, fd, saved.subarray(0, length), at - from);
      const b = readAt(at, logged.subarray(0, length));
      if (a !== length || b !== length) return false;
      for (let i = 0; i < length; i++) if (logged[i] !== 0 && saved[i] !== logged[i]) return false;
    }
    // The process that saved it may have died before it flushed the name.
    disk.flushAllBlocking(fd);
  } finally {
    disk.close(fd);
  }
  disk.flushDirectoryBlocking(dirname(path));
  return true;
}
