/**
 * A disk that writes down each call it passes on, and may be told to do something else at one of
 * them: fail, do half, or stop for good, as a killed process does.
 */
import type { Disk } from "#internal/store/disk.js";

export interface DiskCall {
  readonly name: string;
  /** The file or directory it was made on. */
  readonly path: string;
  /** Where a write or read began, where a cut was made. */
  readonly position?: number;
  readonly bytes?: Uint8Array;
  /** The new name, of a rename. */
  readonly to?: string;
}

/** Calls that change something, or make a change durable; the rest only look. */
const changing = new Set(["create", "write", "truncate", "flush", "flushDirectory", "rename", "remove"]);

export class Stopped extends Error {
  constructor() {
    super("the process was stopped here");
  }
}

export interface RecordingOptions {
  /**
   * Called before each changing call with its number from 1 on; what it throws is what the call
   * does. For assertions see `watch`: the library may swallow what is thrown at it here.
   */
  readonly before?: (call: DiskCall, number: number) => void;
  /** Called before each changing call; what it throws is kept for `checkWatched`. */
  readonly watch?: (call: DiskCall) => void;
  /** How many bytes of a write are asked of the disk underneath. Default: all. */
  readonly writeLength?: (call: DiskCall, length: number) => number;
}

export class RecordingDisk {
  readonly calls: DiskCall[] = [];
  /** Calls so far that change something. */
  changes = 0;
  readonly disk: Disk;
  readonly #base: Disk;
  readonly #options: RecordingOptions;
  readonly #paths = new Map<number, string>();
  #stopped = false;
  #watched: { readonly error: unknown } | null = null;

  constructor(base: Disk, options: RecordingOptions = {}) {
    this.#base = base;
    this.#options = options;
    this.disk = this.#wrap();
  }

  /** From here on every call throws, as though the process were gone. */
  stop(): never {
    this.#stopped = true;
    throw new Stopped();
  }

  /** Throws the first thing that `watch` threw. */
  checkWatched(): void {
    if (this.#watched !== null) throw this.#watched.error;
  }

  /** The changing calls as lines to compare: "write log.wal 12+4". `base` is cut from the paths. */
  lines(base: string): string[] {
    return this.calls.filter((call) => changing.has(call.name)).map((call) => lineOf(call, base));
  }

  #note(call: DiskCall): void {
    if (this.#stopped) throw new Stopped();
    if (changing.has(call.name)) {
      this.changes++;
      try {
        this.#options.watch?.(call);
      } catch (error) {
        this.#watched ??= { error };
      }
      this.#options.before?.(call, this.changes);
    }
    this.calls.push(call);
  }

  #pathOf(fd: number): string {
    return this.#paths.get(fd) ?? `(descriptor ${fd})`;
  }

  #wrap(): Disk {
    const base = this.#base;
    const flushed = (fd: number): void => this.#note({ name: "flush", path: this.#pathOf(fd) });
    return {
      resolve: (path) => base.resolve(path),
      stat: (path) => {
        this.#note({ name: "stat", path });
        return base.stat(path);
      },
      list: (path) => base.list(path),
      open: (path, mode) => {
        this.#note({ name: mode === "create" ? "create" : "open", path });
        const fd = base.open(path, mode);
        this.#paths.set(fd, path);
        return fd;
      },
      close: (fd) => {
        if (this.#stopped) throw new Stopped();
        this.#note({ name: "close", path: this.#pathOf(fd) });
        this.#paths.delete(fd);
        base.close(fd);
      },
      statOpen: (fd) => base.statOpen(fd),
      read: (fd, into, from, length, position) => {
        this.#note({ name: "read", path: this.#pathOf(fd), position });
        return base.read(fd, into, from, length, position);
      },
      readAhead: (fd, into, from, length, position) => {
        this.#note({ name: "read", path: this.#pathOf(fd), position });
        return base.readAhead(fd, into, from, length, position);
      },
      write: (fd, bytes, from, length, position) => {
        const call = {
          name: "write",
          path: this.#pathOf(fd),
          position,
          bytes: bytes.slice(from, from + length),
        };
        this.#note(call);
        return base.write(fd, bytes, from, this.#options.writeLength?.(call, length) ?? length, position);
      },
      truncate: (fd, length) => {
        this.#note({ name: "truncate", path: this.#pathOf(fd), position: length });
        base.truncate(fd, length);
      },
      flushData: async (fd) => {
        flushed(fd);
        await base.flushData(fd);
      },
      flushDataBlocking: (fd) => {
        flushed(fd);
        base.flushDataBlocking(fd);
      },
      flushAll: async (fd) => {
        flushed(fd);
        await base.flushAll(fd);
      },
      flushAllBlocking: (fd) => {
        flushed(fd);
        base.flushAllBlocking(fd);
      },
      openDirectory: (path) => {
        this.#note({ name: "open", path });
        const fd = base.openDirectory(path);
        this.#paths.set(fd, path);
        return fd;
      },
      flushDirectory: async (path) => {
        this.#note({ name: "flushDirectory", path });
        await base.flushDirectory(path);
      },
      flushDirectoryBlocking: (path) => {
        this.#note({ name: "flushDirectory", path });
        base.flushDirectoryBlocking(path);
      },
      lock: (fd, path) => {
        this.#note({ name: "lock", path });
        return base.lock(fd, path);
      },
      lockShared: (fd, path) => {
        this.#note({ name: "lock", path });
        return base.lockShared(fd, path);
      },
      unlock: (fd) => base.unlock(fd),
      rename: (from, to) => {
        this.#note({ name: "rename", path: from, to });
        base.rename(from, to);
      },
      remove: (path) => {
        this.#note({ name: "remove", path });
        base.remove(path);
      },
      makeDirectory: (path) => base.makeDirectory(path),
      removeDirectory: (path) => base.removeDirectory(path),
    };
  }
}

function lineOf(call: DiskCall, base: string): string {
  const short = (path: string): string => (path === base ? "." : path.replace(`${base}/`, ""));
  const where =
    call.position === undefined
      ? ""
      : ` ${call.position}${call.bytes === undefined ? "" : `+${call.bytes.length}`}`;
  return `${call.name} ${short(call.path)}${where}${call.to === undefined ? "" : ` to ${short(call.to)}`}`;
}
