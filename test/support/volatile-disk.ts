/**
 * A disk in memory that keeps apart what the running system sees and what would be left after a
 * power cut.
 *
 *   seen      what reads give: every call that was made
 *   durable   what a flush has put there; a power cut leaves this and any part of the rest
 *   pending   calls since the last flush, in order
 *
 * A power cut keeps of each file's pending calls any subset, writes possibly torn; of the
 * directory's pending changes any prefix (file systems journal those in order), or, where the test
 * asks for it, any subset of them as well. A flush that fails
 * does what Linux does: the pending writes are dropped and their pages count as clean, so that they
 * are still seen, and no later flush will put them on the disk.
 */
import { basename, dirname, join } from "node:path";
import type { Disk, FileStat } from "#internal/store/disk.js";

type Pending =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly length: number };

interface Inode {
  readonly id: number;
  seen: Uint8Array;
  durable: Uint8Array;
  pending: Pending[];
}

type Entries = Map<string, Inode>;
type EntryChange =
  | { readonly kind: "link"; readonly path: string; readonly inode: Inode }
  | { readonly kind: "unlink"; readonly path: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string; readonly inode: Inode }
  | { readonly kind: "renameDirectory"; readonly from: string; readonly to: string };

/** Numbers from a seed, alike on every machine. */
export type Random = () => number;

export function randomFrom(seed: number): Random {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export class VolatileDisk {
  readonly disk: Disk;
  /** The number of the next flush of a file that fails with EIO, counted down; 0: none. */
  failFlush = 0;
  /** Writes of up to this many bytes are kept or lost and not torn: a drive writes a sector at once. */
  wholeWriteBytes = 0;
  /** Writes beyond this many bytes of all files together fail with ENOSPC. */
  capacity: number = Number.POSITIVE_INFINITY;
  #nextId = 1;
  #nextFd = 100;
  readonly #seen: Entries = new Map();
  readonly #durable: Entries = new Map();
  #changes: EntryChange[] = [];
  readonly #open = new Map<number, Inode>();
  readonly #directories = new Map<string, Inode>();
  /** Which descriptor has the lock on which file. */
  readonly #locks = new Map<Inode, number>();

  constructor(files: Readonly<Record<string, Uint8Array>> = {}) {
    for (const [path, bytes] of Object.entries(files)) {
      const inode = this.#newInode();
      inode.seen = bytes.slice();
      inode.durable = bytes.slice();
      this.#seen.set(path, inode);
      this.#durable.set(path, inode);
    }
    this.disk = this.#make();
  }

  /** What the running system sees, by path. */
  files(): Record<string, Uint8Array> {
    return contentOf(this.#seen, (inode) => inode.seen);
  }

  /** What a power cut would leave if it took all that is not flushed. */
  durableFiles(): Record<string, Uint8Array> {
    return contentOf(this.#durable, (inode) => inode.durable);
  }

  /** The system writes back, on its own, what it holds of these files. */
  writeBack(chosen: (path: string) => boolean): void {
    for (const [path, inode] of this.#seen) {
      if (!chosen(path)) continue;
      for (const call of inode.pending) inode.durable = applied(inode.durable, call);
      inode.pending = [];
    }
  }

  /** What was flushed of this file is lost after all: a drive that lied, or a hand that removed it. */
  forget(path: string): void {
    const inode = this.#seen.get(path);
    if (inode === undefined) return;
    inode.durable = new Uint8Array(0);
    inode.pending = [];
  }

  /** The process is gone: its descriptors and locks with it. What it wrote is still seen. */
  killProcess(): void {
    this.#open.clear();
    this.#locks.clear();
  }

  /**
   * The power is cut: without `random` all that was not flushed is gone, with it any part; of the
   * names a prefix of the changes, or any of them.
   */
  cutPower(random?: Random, names: "prefix" | "any" = "prefix"): void {
    this.killProcess();
    const inodes = new Set([...this.#seen.values(), ...this.#durable.values()]);
    for (const change of this.#changes) if (change.kind === "link") inodes.add(change.inode);
    const kept = new Set(this.#keptChanges(random, names));
    for (const change of kept) applyEntry(this.#durable, change);
    for (const change of this.#changes.toReversed()) {
      if (change.kind !== "renameDirectory" || kept.has(change)) continue;
      const directory = this.#directories.get(change.to);
      this.#directories.delete(change.to);
      if (directory !== undefined) this.#directories.set(change.from, directory);
    }
    this.#changes = [];
    this.#seen.clear();
    for (const [path, inode] of this.#durable) this.#seen.set(path, inode);
    for (const inode of inodes) {
      for (const call of inode.pending) {
        if (random === undefined) break;
        const fate = random();
        if (fate < 0.4) inode.durable = applied(inode.durable, call);
        else if (fate < 0.7 && this.#canTear(call))
          inode.durable = applied(inode.durable, torn(call, random));
      }
      inode.pending = [];
      inode.seen = inode.durable.slice();
    }
  }

  #canTear(call: Pending): boolean {
    return call.kind === "truncate" || call.bytes.length > this.wholeWriteBytes;
  }

  #keptChanges(random: Random | undefined, names: "prefix" | "any"): EntryChange[] {
    if (random === undefined) return [];
    if (names === "any") return this.#changes.filter(() => random() < 0.5);
    return this.#changes.slice(0, Math.floor(random() * (this.#changes.length + 1)));
  }

  #newInode(): Inode {
    return { id: this.#nextId++, seen: new Uint8Array(0), durable: new Uint8Array(0), pending: [] };
  }

  #inode(fd: number): Inode {
    const inode = this.#open.get(fd);
    if (inode === undefined) throw systemError("EBADF");
    return inode;
  }

  #call(fd: number, call: Pending): void {
    const inode = this.#inode(fd);
    inode.seen = applied(inode.seen, call);
    inode.pending.push(call);
  }

  #flush(fd: number, all: boolean): void {
    const inode = this.#inode(fd);
    this.#settle(inode, new Set(inode.pending), all);
  }

  /** @param covered The calls that the flush speaks for; another may have settled some meanwhile. */
  #settle(inode: Inode, covered: ReadonlySet<Pending>, all: boolean): void {
    const calls = inode.pending.filter((call) => covered.has(call));
    const later = inode.pending.filter((call) => !covered.has(call));
    if (this.failFlush > 0 && --this.failFlush === 0) {
      inode.pending = [...calls.filter((call) => call.kind === "truncate"), ...later];
      throw systemError("EIO");
    }
    const before = inode.durable;
    for (const call of calls) inode.durable = applied(inode.durable, call);
    inode.pending = later;
    const { length } = inode.durable;
    if (all || length >= before.length) return;
    // A flush of the data alone need not make a smaller size durable.
    inode.durable = applied(before, { kind: "write", position: 0, bytes: inode.durable });
    inode.pending.unshift({ kind: "truncate", length });
  }

  /** The directory of that name, made when it is first spoken of; its own name is durable. */
  #directory(path: string): Inode {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const made = this.#newInode();
    this.#directories.set(path, made);
    return made;
  }

  /** Makes those of the `covered` changes durable that are of that directory. */
  #flushNames(directory: string, covered: ReadonlySet<EntryChange>): void {
    const flushed = this.#changes.filter(
      (change) => covered.has(change) && dirname(entryPathOf(change)) === directory,
    );
    for (const change of flushed) applyEntry(this.#durable, change);
    this.#changes = this.#changes.filter((change) => !flushed.includes(change));
  }

  /** One change of one name: after a power cut all the files are under one of the two. */
  #renameDirectory(directory: Inode, from: string, to: string): void {
    this.#directories.delete(from);
    this.#directories.set(to, directory);
    this.#change({ kind: "renameDirectory", from, to });
  }

  #used(): number {
    let sum = 0;
    for (const inode of this.#seen.values()) sum += inode.seen.length;
    return sum;
  }

  #change(change: EntryChange): void {
    applyEntry(this.#seen, change);
    this.#changes.push(change);
  }

  #stat(inode: Inode | undefined): FileStat {
    if (inode === undefined) return { kind: "missing", size: 0, identity: "" };
    return { kind: "file", size: inode.seen.length, identity: String(inode.id) };
  }

  #make(): Disk {
    const flushSoon = async (fd: number, all: boolean): Promise<void> => {
      // What is written after a flush began is not covered by it.
      const inode = this.#inode(fd);
      const covered = new Set(inode.pending);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      this.#settle(inode, covered, all);
    };
    const read: Disk["read"] = (fd, into, from, length, position) => {
      const bytes = this.#inode(fd).seen.subarray(position, position + length);
      into.set(bytes, from);
      return bytes.length;
    };
    return {
      resolve: (path) => path,
      stat: (path) => {
        const directory = this.#directories.get(path);
        if (directory !== undefined) return { kind: "directory", size: 0, identity: String(directory.id) };
        return this.#stat(this.#seen.get(path));
      },
      list: (directory) =>
        [...this.#seen.keys()].filter((path) => dirname(path) === directory).map((path) => basename(path)),
      open: (path, mode) => {
        const there = this.#seen.get(path);
        if (mode === "create" && there !== undefined) throw systemError("EEXIST");
        if (mode !== "create" && there === undefined) throw systemError("ENOENT");
        const inode = there ?? this.#newInode();
        if (there === undefined) this.#change({ kind: "link", path, inode });
        const fd = this.#nextFd++;
        this.#open.set(fd, inode);
        return fd;
      },
      close: (fd) => {
        const inode = this.#inode(fd);
        this.#open.delete(fd);
        if (this.#locks.get(inode) === fd) this.#locks.delete(inode);
      },
      statOpen: (fd) => this.#stat(this.#inode(fd)),
      read,
      readAhead: async (fd, into, from, length, position) => read(fd, into, from, length, position),
      write: (fd, bytes, from, length, position) => {
        const grows = Math.max(0, position + length - this.#inode(fd).seen.length);
        const room = this.capacity - this.#used();
        const taken = grows > room ? Math.max(0, length - (grows - Math.max(0, room))) : length;
        if (taken === 0) throw systemError("ENOSPC");
        this.#call(fd, { kind: "write", position, bytes: bytes.slice(from, from + taken) });
        return taken;
      },
      truncate: (fd, length) => this.#call(fd, { kind: "truncate", length }),
      flushData: (fd) => flushSoon(fd, false),
      flushDataBlocking: (fd) => this.#flush(fd, false),
      flushAll: (fd) => flushSoon(fd, true),
      flushAllBlocking: (fd) => this.#flush(fd, true),
      openDirectory: (path) => {
        const fd = this.#nextFd++;
        this.#open.set(fd, this.#directory(path));
        return fd;
      },
      flushDirectory: async (path) => {
        const covered = new Set(this.#changes);
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
        this.#flushNames(path, covered);
      },
      flushDirectoryBlocking: (path) => this.#flushNames(path, new Set(this.#changes)),
      lock: (fd) => {
        const inode = this.#inode(fd);
        if (this.#locks.has(inode)) return false;
        this.#locks.set(inode, fd);
        return true;
      },
      unlock: () => {},
      rename: (from, to) => {
        const directory = this.#directories.get(from);
        if (directory !== undefined) return this.#renameDirectory(directory, from, to);
        const inode = this.#seen.get(from);
        if (inode === undefined) throw systemError("ENOENT");
        this.#change({ kind: "rename", from, to, inode });
      },
      remove: (path) => {
        if (!this.#seen.has(path)) throw systemError("ENOENT");
        this.#change({ kind: "unlink", path });
      },
      makeDirectory: (path) => void this.#directory(path),
      removeDirectory: (path) => void this.#directories.delete(path),
    };
  }
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the test asked`), { code });
}

function contentOf(entries: Entries, bytes: (inode: Inode) => Uint8Array): Record<string, Uint8Array> {
  const content: Record<string, Uint8Array> = {};
  for (const path of [...entries.keys()].toSorted()) {
    const inode = entries.get(path);
    if (inode !== undefined) content[path] = bytes(inode).slice();
  }
  return content;
}

function entryPathOf(change: EntryChange): string {
  return change.kind === "link" || change.kind === "unlink" ? change.path : change.to;
}

function applyEntry(entries: Entries, change: EntryChange): void {
  if (change.kind === "link") entries.set(change.path, change.inode);
  else if (change.kind === "unlink") entries.delete(change.path);
  else if (change.kind === "rename") {
    entries.delete(change.from);
    entries.set(change.to, change.inode);
  } else {
    for (const [path, inode] of Array.from(entries)) {
      if (dirname(path) !== change.from) continue;
      entries.delete(path);
      entries.set(join(change.to, basename(path)), inode);
    }
  }
}

function applied(bytes: Uint8Array, call: Pending): Uint8Array {
  if (call.kind === "truncate") {
    const cut = new Uint8Array(call.length);
    cut.set(bytes.subarray(0, call.length));
    return cut;
  }
  const end = call.position + call.bytes.length;
  const out = new Uint8Array(Math.max(bytes.length, end));
  out.set(bytes);
  out.set(call.bytes, call.position);
  return out;
}

/** The part of a write that reached the disk: its front, or its end. */
function torn(call: Pending, random: Random): Pending {
  if (call.kind === "truncate") return call;
  const at = Math.floor(random() * call.bytes.length);
  if (random() < 0.5) return { ...call, bytes: call.bytes.slice(0, at) };
  return { ...call, position: call.position + at, bytes: call.bytes.slice(at) };
}
