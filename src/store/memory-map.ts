/**
 * Files mapped into memory, shared: what is copied into the map is in the page cache, without a system
 * call. As an interface, and its binding to Linux and macOS.
 *
 *   reserve   every block of the file is allocated, holes too: writing it again needs no room
 *   map       mmap(MAP_SHARED) of what was reserved
 *   write     a copy; nothing else ever touches the memory, and no view of it leaves this file
 *   unmap     the view is given up first: a write after it throws, as one past the end does
 *
 * A write through a map that needs room and finds none ends the process (SIGBUS); so does one past the
 * end of the file. Hence `reserve`; hence a file is unmapped before it is cut; hence no map on a file
 * system that writes each change to a new place (`checkMappable`): blocks reserved once are not enough there.
 *
 * Linux knows of each page that was written through a map from the first write on (do_page_mkwrite), and
 * fdatasync writes it back like any other: msync(2), "since Linux 2.6.19 ... the kernel properly tracks
 * dirty pages". On macOS the pages must be pushed first, msync(MS_SYNC), and then the drive be emptied,
 * F_FULLFSYNC: as LMDB does it with MDB_WRITEMAP (mdb.c, mdb_env_sync0). What is for macOS is written from
 * documentation and not run here.
 *
 * fallocate(2), not posix_fallocate: where the file system cannot, glibc's writes a byte to each block,
 * which says nothing of the next write. MADV_POPULATE_WRITE (Linux 5.14) makes pages writable, a stretch
 * at once, without changing them; without it each page costs a fault when it is first written.
 */
import { isMainThread } from "node:worker_threads";
import { messageOf, WalError } from "../errors.ts";
import { prefaultHereBytes, prefaultsAtOnceMax } from "../limits.ts";
import type { Disk } from "./disk.ts";
import { type Koffi, koffi, type NativeFunction } from "./native.ts";

/** A file, or the front of it, in memory. */
export interface MemoryMap {
  /** Copies `bytes` to `position`. Throws when that is not within the map, or after `unmap`. */
  write(position: number, bytes: Uint8Array): void;
  /** Touches what it can of the pages in `[from, to)`, so that writing them needs no fault; returns how far. */
  prefault(from: number, to: number): number;
  /** Hands what was written to the file's own flush, where the system needs to be asked (`pushes`). */
  push(): Promise<void>;
  pushBlocking(): void;
  unmap(): void;
}

export interface Mapper {
  /** Whether `push` must come before each flush, and before `unmap`. */
  readonly pushes: boolean;
  /** Allocates the first `length` bytes of an open file, and makes it so long. May fail half-way. */
  reserve(fd: number, length: number): void;
  map(fd: number, length: number): MemoryMap;
}

/** Write each change to a new place: btrfs, ZFS, bcachefs (linux/magic.h; ZFS_SUPER_MAGIC). */
const copyOnWrite: ReadonlyMap<number, string> = new Map([
  [0x9123683e, "btrfs"],
  [0x2fc12fc1, "ZFS"],
  [0xca451a4e, "bcachefs"],
]);

/** @throws {WalError} WAL_UNSUPPORTED when files in this directory cannot be mapped and never run out of room. */
export function checkMappable(disk: Disk, directory: string): void {
  const name = copyOnWrite.get((disk.fileSystem?.(directory) ?? 0) >>> 0);
  if (name === undefined) return;
  throw new WalError(
    "WAL_UNSUPPORTED",
    `${directory} is on ${name}, which writes each change to a new place: room for mapped files cannot be ` +
      "reserved there. Use SegmentedStore (Wal.openSegmented): the files are the same.",
    { path: directory, reason: "copy-on-write" },
  );
}

/* ---- Linux and macOS ---- */

const readAndWrite = 3;
const mapShared = 1;
const syncNow = process.platform === "darwin" ? 0x10 : 4;
const populateWrite = 23;
const preallocateCommand = 42;
const allocateAll = 4;
const fromEndOfFile = 3;
const seekEnd = 2;
const seekHole = 3;

let native: NativeMapper | undefined;

/** @throws {WalError} WAL_UNSUPPORTED where there is no mmap, or memory cannot be shown to JavaScript. */
export function nativeMapper(): Mapper {
  if (native !== undefined) return native;
  const { platform, arch } = process;
  if (platform !== "linux" && platform !== "darwin") throw unsupported(`no memory maps on ${platform}`);
  if (["arm", "ia32", "mips", "mipsel", "ppc", "s390"].includes(arch))
    throw unsupported(`not enough address space on ${arch}`);
  native = new NativeMapper(koffi());
  return native;
}

function unsupported(why: string, cause?: unknown): WalError {
  return new WalError(
    "WAL_UNSUPPORTED",
    `A mapped store cannot be had here: ${why}. Use SegmentedStore (Wal.openSegmented): the files are the same.`,
    { cause },
  );
}

class NativeMapper implements Mapper {
  readonly pushes: boolean = process.platform === "darwin";
  readonly #native: Koffi;
  readonly #mmap: NativeFunction;
  readonly #allocate: (fd: number, length: number) => number;
  readonly calls: MapCalls;

  constructor(native: Koffi) {
    const library = native.load(null);
    this.#native = native;
    this.#mmap = library.func(
      "void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)",
    );
    this.calls = {
      munmap: library.func("int munmap(void *address, size_t length)"),
      madvise: library.func("int madvise(void *address, size_t length, int advice)"),
      msync: library.func("int msync(void *address, size_t length, int flags)"),
      failure: (call) => this.#failure(call),
    };
    this.#allocate = process.platform === "darwin" ? this.#darwin() : this.#linux();
    this.#tryView();
  }

  reserve(fd: number, length: number): void {
    // Interrupted: what was allocated stays, and is passed over.
    while (this.#allocate(fd, length) !== 0) {
      const failure = this.#failure("fallocate");
      if (failure.code === "EINTR") continue;
      if (failure.code !== "EOPNOTSUPP" && failure.code !== "ENOSYS") throw failure;
      throw unsupported("its file system cannot reserve room (fallocate)", failure);
    }
  }

  map(fd: number, length: number): MemoryMap {
    const address = this.#mapAt(length, mapShared, fd);
    return new NativeMap(this.calls, address, this.#view(address, length));
  }

  #mapAt(length: number, flags: number, fd: number): bigint {
    const address = BigInt(this.#mmap(null, length, readAndWrite, flags, fd, 0) as bigint | number);
    // MAP_FAILED is -1.
    if (BigInt.asIntN(64, address) === -1n) throw this.#failure("mmap");
    return address;
  }

  #view(address: bigint, length: number): Uint8Array {
    try {
      return new Uint8Array(this.#native.view(address, length));
    } catch (error) {
      this.calls.munmap(address, length);
      throw unsupported(`this runtime shows no foreign memory (${messageOf(error)})`, error);
    }
  }

  /** Some runtimes (Electron) refuse: known when a store is opened, not at the first append. */
  #tryView(): void {
    const bytes = 4096;
    const anonymous = process.platform === "darwin" ? 0x1000 : 0x20;
    const address = this.#mapAt(bytes, 2 | anonymous, -1);
    const probe = new NativeMap(this.calls, address, this.#view(address, bytes));
    probe.write(0, new Uint8Array(1));
    probe.unmap();
  }

  #failure(call: string): Error & { readonly code: string } {
    const errno = this.#native.errno();
    const names = Object.entries(this.#native.os.errno);
    const code = names.find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
    return Object.assign(new Error(`${code}: ${call} failed`), { code });
  }

  #linux(): (fd: number, length: number) => number {
    const fallocate = this.#native
      .load(null)
      .func("int fallocate(int fd, int mode, int64_t offset, int64_t length)");
    return (fd, length) => fallocate(fd, 0, 0, length) as number;
  }

  /** fcntl(2), F_PREALLOCATE: room behind what the file has. A hole within it would not be filled: refused. */
  #darwin(): (fd: number, length: number) => number {
    const library = this.#native.load(null);
    const fcntl = library.func("int fcntl(int fd, int command, ...)");
    const lseek = library.func("int64_t lseek(int fd, int64_t offset, int whence)");
    const ftruncate = library.func("int ftruncate(int fd, int64_t length)");
    return (fd, length) => {
      const size = Number(lseek(fd, 0, seekEnd));
      if (size < 0) return -1;
      const hole = Number(lseek(fd, 0, seekHole));
      if (hole >= 0 && hole < size)
        throw unsupported("a segment has holes, and this system cannot fill them");
      if (size >= length) return 0;
      // fstore_t: flags u32, position mode i32, offset i64, length i64, bytes allocated i64.
      const request = new DataView(new ArrayBuffer(32));
      request.setUint32(0, allocateAll, true);
      request.setInt32(4, fromEndOfFile, true);
      request.setBigInt64(16, BigInt(length - size), true);
      const asked = fcntl(fd, preallocateCommand, "uint8_t *", new Uint8Array(request.buffer));
      return asked === -1 ? -1 : (ftruncate(fd, length) as number);
    };
  }
}

/**
 * Whether a native call may run off this thread. On Bun the process ends with SIGSEGV when a worker is terminated
 * while one is out (Bun 1.4.5, koffi 3): its answer is for a thread that is gone.
 */
const canCallAside = isMainThread || process.versions["bun"] === undefined;

interface MapCalls {
  readonly munmap: NativeFunction;
  readonly madvise: NativeFunction;
  readonly msync: NativeFunction;
  failure(call: string): Error & { readonly code: string };
}

/** Calls to touch pages that are out, of all maps of this thread: under way, or not yet seen to have returned. */
let prefaulting = 0;

class NativeMap implements MemoryMap {
  readonly #calls: MapCalls;
  readonly #address: bigint;
  readonly #length: number;
  /** The only view there is. Replaced by an empty one before the memory goes. */
  #memory: Uint8Array;
  /** Calls on it that run off the thread: the memory stays until they have returned. */
  #busy = 0;
  #unmapped = false;
  #prefaults = process.platform === "linux";

  constructor(calls: MapCalls, address: bigint, memory: Uint8Array) {
    this.#calls = calls;
    this.#address = address;
    this.#length = memory.length;
    this.#memory = memory;
  }

  write(position: number, bytes: Uint8Array): void {
    this.#memory.set(bytes, position);
  }

  prefault(from: number, to: number): number {
    if (this.#unmapped || !this.#prefaults) return this.#length;
    // madvise takes whole pages, and those of any system are 64 KiB at most.
    const start = from - (from % 65536);
    const here = !canCallAside || prefaulting >= prefaultsAtOnceMax;
    const end = Math.min(here ? from + prefaultHereBytes : to, this.#length);
    if (end <= start) return end;
    if (here) this.#prefaultHere(start, end);
    else this.#prefaultAside(start, end);
    return end;
  }

  async push(): Promise<void> {
    if (!canCallAside) return this.pushBlocking();
    if (this.#unmapped) return;
    this.#busy++;
    const { msync } = this.#calls;
    try {
      await new Promise<void>((resolve, reject) => {
        msync.async(this.#address, this.#length, syncNow, (error: Error | null, answer: number) => {
          if (error === null && answer === 0) resolve();
          // What errno was on that thread is not known on this one.
          else reject(Object.assign(new Error("EIO: msync failed"), { code: "EIO", cause: error }));
        });
      });
    } finally {
      this.#landed();
    }
  }

  pushBlocking(): void {
    if (this.#unmapped) return;
    if (this.#calls.msync(this.#address, this.#length, syncNow) !== 0) throw this.#calls.failure("msync");
  }

  unmap(): void {
    if (this.#unmapped) return;
    this.#memory = new Uint8Array(0);
    this.#unmapped = true;
    if (this.#busy === 0) this.#release();
  }

  #prefaultHere(start: number, end: number): void {
    const { madvise } = this.#calls;
    this.#prefaults = madvise(this.#address + BigInt(start), end - start, populateWrite) === 0;
  }

  #prefaultAside(start: number, end: number): void {
    const { madvise } = this.#calls;
    this.#busy++;
    prefaulting++;
    const done = (error: Error | null, answer: number): void => {
      prefaulting--;
      // EINVAL, before Linux 5.14; or the file was cut meanwhile. It only saves time: without it all holds.
      if (error !== null || answer !== 0) this.#prefaults = false;
      this.#landed();
    };
    try {
      madvise.async(this.#address + BigInt(start), end - start, populateWrite, done);
    } catch (error) {
      done(error as Error, -1);
    }
  }

  #landed(): void {
    this.#busy--;
    if (this.#unmapped && this.#busy === 0) this.#release();
  }

  #release(): void {
    this.#calls.munmap(this.#address, this.#length);
  }
}
