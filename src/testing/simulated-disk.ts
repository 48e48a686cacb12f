/**
 * A disk in memory under the file stores, which keeps apart what the running system sees and what
 * would be left after a power cut, and which fails when it is told to.
 *
 *   system call -> count, fault, stop -> what is seen changes, the change is pending
 *   flush       -> pending changes of that file or directory become durable
 *   kill        -> descriptors and locks are gone; what was written is still seen
 *   crash       -> the same, and of what was pending any part is left (crash-options.ts)
 *
 * Everything that happens by chance comes from one seed; nothing reads a clock. A call costs what
 * it moves and never what the file holds, so that a simulator can crash thousands of times a second.
 */
import type { Disk, FileStat, OpenMode } from "../store/disk.ts";
import { type FileStore, openFileStore } from "../store/file-store.ts";
import { openSegmentedStore, type SegmentedStore } from "../store/segmented-store.ts";
import { Crash, type CrashOptions, type CrashReport } from "./crash-options.ts";
import {
  type DiskCall,
  type DiskCallKind,
  type DiskEffect,
  type DiskFault,
  type HeldFlush,
  isOn,
} from "./disk-fault.ts";
import { FaultPlan } from "./fault-plan.ts";
import { checkCrashOptions, checkDiskFault, checkDiskOptions, checkRot, checkStop } from "./option-checks.ts";
import { Random } from "./random.ts";
import type { SimulatedDirectory, SimulatedNode } from "./simulated-names.ts";
import { SimulatedNames, splitPath } from "./simulated-names.ts";
import type { SimulatedFile } from "./simulated-file.ts";
import { systemError } from "./system-error.ts";
import { turn } from "./turn.ts";

/** A file of this disk lies in memory. */
const fileBytesMax = 1024 * 1024 * 1024;

const changing: ReadonlySet<DiskCallKind> = new Set<DiskCallKind>([
  "create",
  "write",
  "truncate",
  "flush",
  "flushDirectory",
  "rename",
  "remove",
  "makeDirectory",
  "removeDirectory",
]);

export interface SimulatedDiskOptions {
  /** What all chance comes from; a run is repeated by its number. Default 1. */
  readonly seed?: number | undefined;
  /** Files that are on the disk from the beginning, by absolute path; their directories too. */
  readonly files?: Readonly<Record<string, Uint8Array>> | undefined;
  /** Directories that are there from the beginning, by absolute path. `/` always is. */
  readonly directories?: readonly string[] | undefined;
  /** Bytes that all files together can hold; a write beyond is short, then ENOSPC. Default: no limit. */
  readonly capacity?: number | undefined;
  /** Turns of the event loop that an asynchronous flush takes. Default 1. */
  readonly flushTurns?: number | undefined;
}

interface Descriptor {
  readonly node: SimulatedNode;
  readonly path: string;
  readonly writable: boolean;
  /** How many failures to write back it was told of. */
  told: number;
}

/** What is thrown at a process that was stopped: it is gone, and must not go on. */
export class ProcessStopped extends Error {
  constructor() {
    super(
      "the simulated process was stopped here: call kill() or crash() on its disk, and open the log again",
    );
    this.name = "ProcessStopped";
  }
}

/**
 * A disk in memory that loses, tears and reorders what was not flushed, and fails on demand.
 *
 * The stores on files run on it unchanged. Paths are absolute; a relative one is taken from the working
 * directory of the process. There are no links.
 *
 * @example
 * const disk = new SimulatedDisk({ seed: 42 });
 * let wal = await Wal.withStore(disk.fileStore("/app.wal"));
 * await wal.appendAndSync("acknowledged");
 * wal.append("perhaps");
 * disk.crash();
 * wal = await Wal.withStore(disk.fileStore("/app.wal"));
 * console.log(wal.read(wal.head).text()); // acknowledged
 */
export class SimulatedDisk implements Disk {
  /** Bytes that all files together can hold. */
  capacity: number;
  /** Turns of the event loop that an asynchronous flush takes; 0: it is done at once. */
  flushTurns: number;
  /** True: asynchronous flushes wait in `heldFlushes` until they are ended by hand. */
  holdFlushes = false;
  /** Asynchronous flushes under way that wait to be ended by hand, oldest first. */
  readonly heldFlushes: HeldFlush[] = [];
  /** Called before each system call; what it throws is what the call throws. */
  onCall: ((call: DiskCall) => void) | null = null;
  /** System calls so far that change something or make a change durable. */
  changes = 0;
  readonly #random: Random;
  readonly #names: SimulatedNames = new SimulatedNames();
  readonly #faults: FaultPlan<DiskCallKind, DiskEffect, DiskFault> = new FaultPlan();
  readonly #descriptors = new Map<number, Descriptor>();
  /** The descriptors that hold a file; a single one, when it is held exclusively. */
  readonly #locks = new Map<SimulatedNode, { readonly shared: boolean; readonly fds: Set<number> }>();
  readonly #watchers = new Map<SimulatedNode, Set<(name: string | null) => void>>();
  /** Files in which seen and durable may differ. */
  readonly #unclean = new Set<SimulatedFile>();
  #nextDescriptor = 100;
  /** Counts the ends of the process: what began before one must not go on after it. */
  #lives = 0;
  #stopAtChange: number = Number.POSITIVE_INFINITY;
  #stopHalfway = false;
  #stopped = false;

  /** @throws {WalError} WAL_INVALID_ARGUMENT when an option is unknown or not of its kind. */
  constructor(options: SimulatedDiskOptions = {}) {
    checkDiskOptions(options);
    this.#random = new Random(options.seed ?? 1);
    this.capacity = options.capacity ?? Number.POSITIVE_INFINITY;
    this.flushTurns = options.flushTurns ?? 1;
    for (const path of options.directories ?? []) this.#names.place(path, null);
    for (const [path, content] of Object.entries(options.files ?? {})) this.#names.place(path, content);
  }

  /* ---- Stores ---- */

  /**
   * What `FileStore.open(path)` is on a real disk.
   *
   * @throws {WalError} WAL_IO when the disk refuses, as `FileStore.open` does.
   */
  fileStore(path: string, options: { readonly readOnly?: boolean | undefined } = {}): FileStore {
    return openFileStore(path, { disk: this, readOnly: options.readOnly ?? false });
  }

  /**
   * What `SegmentedStore.open(dir, segmentSize)` is on a real disk.
   *
   * @param segmentSize Bytes per segment file. Default 64 MiB; small ones make more happen.
   * @throws {WalError} WAL_IO when the disk refuses, WAL_CORRUPT as `SegmentedStore.open` does.
   */
  segmentedStore(
    dir: string,
    segmentSize?: number,
    options: { readonly readOnly?: boolean | undefined } = {},
  ): SegmentedStore {
    return openSegmentedStore(dir, segmentSize, { disk: this, readOnly: options.readOnly ?? false });
  }

  /* ---- What may happen to it ---- */

  /**
   * The power goes. What was flushed is left, and any part of the rest; the process with its
   * descriptors and locks is gone. A log that was open on this disk must not be used any more.
   *
   * @throws {WalError} WAL_INVALID_ARGUMENT when an option is unknown or not of its kind.
   */
  crash(options: CrashOptions = {}): CrashReport {
    checkCrashOptions(options);
    this.kill();
    const crash = new Crash(options, this.#random);
    this.#names.crash(crash);
    for (const file of this.#unclean) file.crash(crash);
    this.#unclean.clear();
    return crash.counts;
  }

  /** The process is gone, its descriptors and locks with it. All that it wrote is still seen. */
  kill(): void {
    this.#lives++;
    this.#stopped = false;
    this.#stopAtChange = Number.POSITIVE_INFINITY;
    this.#descriptors.clear();
    this.#locks.clear();
    this.#watchers.clear();
    for (const held of this.heldFlushes.splice(0)) held.land();
  }

  /**
   * Stops the process at the n-th changing call from here on, before it is made; from there on every
   * call throws, until `kill` or `crash`.
   *
   * @param nth From 1 on: the next.
   * @param halfway True: if that call is a write, half of it is made.
   * @throws {WalError} WAL_INVALID_ARGUMENT when `nth` is no whole number from 1 on.
   */
  stopAt(nth: number, halfway: boolean = false): void {
    checkStop(nth, halfway);
    this.#stopAtChange = this.changes + nth;
    this.#stopHalfway = halfway;
  }

  /** Whether the process was stopped, by `stopAt` or `stop`. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Stops the process now; for `onCall`. */
  stop(): never {
    this.#stopped = true;
    throw new ProcessStopped();
  }

  /**
   * Adds a fault.
   *
   * @throws {WalError} WAL_INVALID_ARGUMENT when it is not of its kind, or could never strike.
   */
  inject(fault: DiskFault): void {
    checkDiskFault(fault);
    this.#faults.add(fault);
  }

  /** Takes all faults back. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /** Faults that can still strike. */
  get faultsWaiting(): number {
    return this.#faults.waiting;
  }

  /**
   * Flips one bit of a file, on the disk and in what is seen.
   *
   * @param offset Byte offset in the file; past its end nothing happens.
   * @param options.bit Which of the eight, 0 the lowest. Default 0.
   * @param options.cached True: the cache still shows the byte as it was. Default false.
   * @throws {WalError} WAL_INVALID_ARGUMENT when there is no such offset, bit or option.
   */
  rot(
    path: string,
    offset: number,
    options: { readonly bit?: number | undefined; readonly cached?: boolean | undefined } = {},
  ): void {
    checkRot(offset, options);
    const file = this.#fileAt(path, "rot");
    file.rot(offset, 1 << (options.bit ?? 0), options.cached ?? false);
    this.#unclean.add(file);
  }

  /** All bytes of a file are lost, flushed or not; until the cache lets go they are still seen. */
  forget(path: string): void {
    const file = this.#fileAt(path, "forget");
    file.forget();
    this.#unclean.add(file);
  }

  /** The cache lets go of what counts as clean: reads show what is on the disk. */
  dropCache(): void {
    for (const file of this.#unclean) file.dropCache();
  }

  /** The system writes back, on its own, what is pending of files. Default: of all. No names. */
  writeBack(chosen: (path: string) => boolean = () => true): void {
    for (const [path, file] of this.#names.files("seen")) {
      if (chosen(path)) file.settle(file.nextNumber, true);
    }
  }

  /** What the running system sees: copies of files, by path. Default: of all. */
  files(chosen?: (path: string) => boolean): Record<string, Uint8Array> {
    return this.#content("seen", chosen);
  }

  /** What a crash would leave that takes all it can. Default: of all files. */
  durableFiles(chosen?: (path: string) => boolean): Record<string, Uint8Array> {
    return this.#content("durable", chosen);
  }

  /* ---- The system calls ---- */

  resolve(path: string): string {
    return path;
  }

  stat(path: string): FileStat {
    this.#enter("stat", path);
    return statOf(this.#names.find(path));
  }

  list(directory: string): string[] {
    this.#enter("list", directory);
    return [...this.#names.directory(directory, "scandir").seen.keys()];
  }

  open(path: string, mode: OpenMode): number {
    this.#enter(mode === "create" ? "create" : "open", path);
    const there = this.#names.find(path);
    if (mode === "create") {
      if (there !== undefined) throw systemError("EEXIST", `open '${path}'`);
      const file = this.#names.createFile(path);
      this.#tell(path);
      return this.#describe(file, path, true);
    }
    if (there === undefined) throw systemError("ENOENT", `open '${path}'`);
    if (there.kind === "directory" && mode === "r+") throw systemError("EISDIR", `open '${path}'`);
    return this.#describe(there, path, mode === "r+");
  }

  openDirectory(path: string): number {
    this.#enter("open", path);
    return this.#describe(this.#names.directory(path, "open"), path, false);
  }

  close(fd: number): void {
    const { node, path } = this.#descriptor(fd, "close");
    this.#enter("close", path);
    this.#descriptors.delete(fd);
    const lock = this.#locks.get(node);
    if (lock?.fds.delete(fd) === true && lock.fds.size === 0) this.#locks.delete(node);
  }

  statOpen(fd: number): FileStat {
    if (this.#stopped) throw new ProcessStopped();
    return statOf(this.#descriptor(fd, "fstat").node);
  }

  read(fd: number, into: Uint8Array, from: number, length: number, position: number): number {
    const { node, path } = this.#descriptor(fd, "read");
    const file = fileOf(node, path, "read");
    const effect = this.#enter("read", path, undefined, position, length);
    const count = effect?.kind === "short" ? Math.min(effect.most, length) : length;
    return file.read(into.subarray(from, from + count), position);
  }

  async readAhead(
    fd: number,
    into: Uint8Array,
    from: number,
    length: number,
    position: number,
  ): Promise<number> {
    return this.read(fd, into, from, length, position);
  }

  write(fd: number, bytes: Uint8Array, from: number, length: number, position: number): number {
    const file = this.#writable(fd, "write");
    const { path } = this.#descriptor(fd, "write");
    const effect = this.#enter("write", path, undefined, position, length);
    const most = effect?.kind === "short" ? Math.min(effect.most, length) : length;
    const count = this.#stopped ? most >> 1 : this.#roomFor(file, path, position, most);
    if (position + count > fileBytesMax) throw systemError("EFBIG", `write '${path}'`);
    // Not slice, which for a Buffer gives a view.
    const copy = new Uint8Array(count);
    copy.set(bytes.subarray(from, from + count));
    file.write(position, copy, landsAt(effect, position));
    this.#unclean.add(file);
    this.#tell(path);
    if (this.#stopped) throw new ProcessStopped();
    return count;
  }

  truncate(fd: number, length: number): void {
    const file = this.#writable(fd, "ftruncate");
    const { path } = this.#descriptor(fd, "ftruncate");
    this.#enter("truncate", path, undefined, length);
    if (length > fileBytesMax) throw systemError("EFBIG", `ftruncate '${path}'`);
    file.cut(length);
    this.#unclean.add(file);
    this.#tell(path);
  }

  flushData(fd: number): Promise<void> {
    return this.#flushSoon(fd, false);
  }

  flushDataBlocking(fd: number): void {
    this.#flush(fd, false);
  }

  flushAll(fd: number): Promise<void> {
    return this.#flushSoon(fd, true);
  }

  flushAllBlocking(fd: number): void {
    this.#flush(fd, true);
  }

  async flushDirectory(path: string): Promise<void> {
    await this.#flushNamesSoon(this.#names.directory(path, "open"), path);
  }

  flushDirectoryBlocking(path: string): void {
    this.#flushNames(this.#names.directory(path, "open"), path);
  }

  lock(fd: number, path: string): boolean {
    const { node } = this.#descriptor(fd, "flock");
    this.#enter("lock", path);
    if (this.#locks.has(node)) return false;
    this.#locks.set(node, { shared: false, fds: new Set([fd]) });
    return true;
  }

  lockShared(fd: number, path: string): boolean {
    const { node } = this.#descriptor(fd, "flock");
    this.#enter("lock", path);
    const lock = this.#locks.get(node) ?? { shared: true, fds: new Set<number>() };
    if (!lock.shared) return false;
    this.#locks.set(node, lock);
    lock.fds.add(fd);
    return true;
  }

  unlock(_fd: number): void {}

  rename(from: string, to: string): void {
    this.#enter("rename", from, to);
    this.#names.rename(from, to);
    this.#tell(from);
    this.#tell(to);
  }

  remove(path: string): void {
    this.#enter("remove", path);
    this.#names.remove(path);
    this.#tell(path);
  }

  makeDirectory(path: string): void {
    this.#enter("makeDirectory", path);
    this.#names.makeDirectory(path);
    this.#tell(path);
  }

  removeDirectory(path: string): void {
    this.#enter("removeDirectory", path);
    this.#names.removeDirectory(path);
    this.#tell(path);
  }

  watch(path: string, changed: (name: string | null) => void): () => void {
    const directory = this.#names.directory(path, "watch");
    const watchers = this.#watchers.get(directory) ?? new Set();
    this.#watchers.set(directory, watchers);
    watchers.add(changed);
    return () => watchers.delete(changed);
  }

  /* ---- Below ---- */

  /** Counts a call, stops the process at it, or throws its fault; what it does else is answered. */
  #enter(
    kind: DiskCallKind,
    path: string,
    to?: string,
    position?: number,
    length?: number,
  ): DiskEffect | undefined {
    if (this.#stopped) throw new ProcessStopped();
    if (changing.has(kind)) {
      this.changes++;
      if (this.changes >= this.#stopAtChange) {
        this.#stopped = true;
        if (!this.#stopHalfway || kind !== "write") throw new ProcessStopped();
        return undefined;
      }
    }
    this.onCall?.({ kind, path, to, position, length });
    const effect = this.#faults.meet(kind, (fault) => isOn(fault, path));
    if (effect?.kind === "fail" && kind !== "flush") throw systemError(effect.errno, `${kind} '${path}'`);
    return effect;
  }

  #describe(node: SimulatedNode, path: string, writable: boolean): number {
    const fd = this.#nextDescriptor++;
    // One that is opened later is told too of a failure that nobody was told of yet.
    const told = node.kind === "file" ? node.failuresTold : 0;
    this.#descriptors.set(fd, { node, path, writable, told });
    return fd;
  }

  #descriptor(fd: number, call: string): Descriptor {
    const descriptor = this.#descriptors.get(fd);
    if (descriptor !== undefined) return descriptor;
    if (this.#stopped) throw new ProcessStopped();
    throw systemError("EBADF", `${call} ${fd}`);
  }

  #writable(fd: number, call: string): SimulatedFile {
    const { node, path, writable } = this.#descriptor(fd, call);
    if (!writable) throw systemError("EBADF", `${call} '${path}'`);
    return fileOf(node, path, call);
  }

  #fileAt(path: string, call: string): SimulatedFile {
    const node = this.#names.find(path);
    if (node === undefined) throw systemError("ENOENT", `${call} '${path}'`);
    return fileOf(node, path, call);
  }

  /** How many of `length` bytes the disk has room for. */
  #roomFor(file: SimulatedFile, path: string, position: number, length: number): number {
    if (this.capacity === Number.POSITIVE_INFINITY || length === 0) return length;
    let used = 0;
    for (const [, each] of this.#names.files("seen")) used += each.seen.length;
    const grows = Math.max(0, position + length - file.seen.length);
    const taken = Math.max(0, length - Math.max(0, grows - Math.max(0, this.capacity - used)));
    if (taken === 0) throw systemError("ENOSPC", `write '${path}'`);
    return taken;
  }

  #flush(fd: number, all: boolean): void {
    const descriptor = this.#descriptor(fd, "fsync");
    if (descriptor.node.kind === "directory") return this.#flushNames(descriptor.node, descriptor.path);
    const file = fileOf(descriptor.node, descriptor.path, "fsync");
    const effect = this.#enter("flush", descriptor.path);
    strike(file, file.nextNumber, effect);
    this.#settle(descriptor, file, file.nextNumber, all, effect);
  }

  async #flushSoon(fd: number, all: boolean): Promise<void> {
    const descriptor = this.#descriptor(fd, "fsync");
    if (descriptor.node.kind === "directory") return this.#flushNamesSoon(descriptor.node, descriptor.path);
    const file = fileOf(descriptor.node, descriptor.path, "fsync");
    const effect = this.#enter("flush", descriptor.path);
    // What is written after a flush began is not covered by it.
    const number = file.nextNumber;
    // At once: a blocking flush that comes meanwhile must not find the pages still there to write.
    strike(file, number, effect);
    const failed = await this.#underWay(descriptor.path);
    strike(file, number, failed);
    this.#settle(descriptor, file, number, all, failed ?? effect);
  }

  #flushNames(directory: SimulatedDirectory, path: string): void {
    const effect = this.#enter("flushDirectory", path);
    this.#settleNames(directory, this.#names.nextNumber, effect, path);
  }

  async #flushNamesSoon(directory: SimulatedDirectory, path: string): Promise<void> {
    const effect = this.#enter("flushDirectory", path);
    const number = this.#names.nextNumber;
    const failed = await this.#underWay(path);
    this.#settleNames(directory, number, failed ?? effect, path);
  }

  /** Waits until a flush has its turn, or is ended by hand; answers how it was made to fail. */
  async #underWay(path: string): Promise<DiskEffect | undefined> {
    const life = this.#lives;
    const failed = this.holdFlushes ? await this.#held(path) : await this.#turns();
    if (life !== this.#lives || this.#stopped) throw new ProcessStopped();
    return failed;
  }

  async #turns(): Promise<undefined> {
    for (let i = 0; i < this.flushTurns; i++) await turn();
  }

  #held(path: string): Promise<DiskEffect | undefined> {
    return new Promise((resolve) => {
      const end = (effect?: DiskEffect): void => {
        const at = this.heldFlushes.indexOf(held);
        if (at >= 0) this.heldFlushes.splice(at, 1);
        resolve(effect);
      };
      const held: HeldFlush = {
        path,
        land: () => end(),
        fail: (errno = "EIO") => end({ kind: "fail", errno }),
      };
      this.heldFlushes.push(held);
    });
  }

  /** The end of a flush: it says what went wrong, or puts on the disk what it speaks for. */
  #settle(
    descriptor: Descriptor,
    file: SimulatedFile,
    number: number,
    all: boolean,
    effect: DiskEffect | undefined,
  ): void {
    if (effect?.kind === "lie") return;
    if (effect?.kind !== "fail" && descriptor.told === file.failures) {
      file.settle(number, all);
      if (file.isClean) this.#unclean.delete(file);
      return;
    }
    descriptor.told = file.failures;
    file.failuresTold = file.failures;
    throw systemError(effect?.kind === "fail" ? effect.errno : "EIO", `fsync '${descriptor.path}'`);
  }

  #settleNames(
    directory: SimulatedDirectory,
    number: number,
    effect: DiskEffect | undefined,
    path: string,
  ): void {
    if (effect?.kind === "fail") throw systemError(effect.errno, `fsync '${path}'`);
    if (effect?.kind !== "lie") this.#names.settle(directory, number);
  }

  /** Those who watch its directory learn that something of this name changed, in a turn of their own. */
  #tell(path: string): void {
    if (this.#watchers.size === 0) return;
    const [parent, name] = splitPath(path);
    const directory = this.#names.find(parent);
    const watchers = directory === undefined ? undefined : this.#watchers.get(directory);
    for (const changed of watchers ?? []) {
      void turn().then(() => {
        if (watchers?.has(changed) === true) changed(name);
      });
    }
  }

  #content(view: "seen" | "durable", chosen?: (path: string) => boolean): Record<string, Uint8Array> {
    const content: Record<string, Uint8Array> = {};
    for (const [path, file] of this.#names.files(view)) {
      if (chosen?.(path) !== false) content[path] = file[view].copy();
    }
    return content;
  }
}

function statOf(node: SimulatedNode | undefined): FileStat {
  if (node === undefined) return { kind: "missing", size: 0, identity: "" };
  return { kind: node.kind, size: node.kind === "file" ? node.seen.length : 0, identity: `1:${node.id}` };
}

function fileOf(node: SimulatedNode, path: string, call: string): SimulatedFile {
  if (node.kind === "file") return node;
  throw systemError("EISDIR", `${call} '${path}'`);
}

/** What becomes of the pages that a flush could not write, or only said it had written. */
function strike(file: SimulatedFile, number: number, effect: DiskEffect | undefined): void {
  const fails = effect?.kind === "fail";
  if (effect?.kind === "lie" || (fails && effect.pages !== "dirty")) file.lose(number);
  if (fails) file.failures++;
}

function landsAt(effect: DiskEffect | undefined, position: number): number | null {
  if (effect?.kind === "lost") return null;
  return effect?.kind === "misdirected" ? Math.max(0, position + effect.by) : position;
}
