/**
 * A machine with a disk: starts processes, takes them down at any call, and makes calls fail. What
 * the disk itself does with bytes that are not flushed is the simulated disk's matter.
 */
import type { Disk } from "#internal/store/disk.js";
import { randomFrom, systemError, VolatileDisk } from "../support/volatile-disk.ts";
import type { Crash, FaultCall, FaultOp, LieKind } from "./program.ts";

/** What a process gets to see of its own end. */
export class Stopped extends Error {
  constructor() {
    super("the process was stopped here");
  }
}

interface ArmedFault {
  readonly call: FaultCall;
  readonly does: FaultOp["does"];
  left: number;
}

interface ArmedStop {
  left: number;
  readonly half: boolean;
  readonly crash: Crash;
}

/** Calls that change what is on the disk or what of it is durable: where a crash makes a difference. */
const changing: ReadonlySet<string> = new Set([
  "create",
  "write",
  "truncate",
  "flush",
  "flushDirectory",
  "rename",
  "remove",
]);

interface OneWrite {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly length: number;
  readonly position: number;
}

/** Files by path. */
export type Files = Readonly<Record<string, Uint8Array>>;

export class Machine {
  /** Faults that were met. */
  faultsMet = 0;
  lies = 0;
  /** A crash has left part of a sector. */
  hasTornSectors = false;
  /** From then on the disk is not what was written to it. */
  hasLied = false;
  calls = 0;
  /** A hash of every changing call: two runs of one program have the same. */
  trace = 0x811c9dc5;
  /** When set, each changing call and each step is told to it. */
  onTrace: ((line: string) => void) | null = null;
  /** Called before each changing call. What it throws is kept in `watchFailure`. */
  watch: ((call: string, path: string) => void) | null = null;
  watchFailure: { readonly error: unknown } | null = null;
  readonly #sim = new VolatileDisk();
  #process = 0;
  #faults: ArmedFault[] = [];
  #stop: ArmedStop | null = null;
  #stopped: Crash | null = null;
  #lie: { readonly kind: LieKind; readonly isMeant: (path: string) => boolean; readonly at: number } | null =
    null;
  #watchers = new Set<{ directory: string; changed: (name: string | null) => void }>();

  files(): Files {
    return this.#sim.files();
  }

  durableFiles(): Files {
    return this.#sim.durableFiles();
  }

  /** Set when an armed stop has come: how the machine goes down. */
  get stoppedBy(): Crash | null {
    return this.#stopped;
  }

  arm(calls: number, half: boolean, crash: Crash): void {
    this.#stop = { left: calls, half, crash };
  }

  fault({ call, nth, does }: FaultOp): void {
    this.#faults.push({ call, does, left: nth });
  }

  clearFaults(): void {
    this.#faults = [];
    this.#lie = null;
  }

  /** Runs `work`, during which no fault is met and no process ends. */
  undisturbed<T>(work: () => T): T {
    const [faults, stop] = [this.#faults, this.#stop];
    this.#faults = [];
    this.#stop = null;
    try {
      return work();
    } finally {
      this.#faults = faults;
      this.#stop = stop;
    }
  }

  /**
   * The disk does wrong: a bit of a file turns, now; or the next write to such a file is lost, or goes
   * elsewhere, though the disk says that it was done.
   */
  lie(kind: LieKind, isMeant: (path: string) => boolean, at: number, bit: number): void {
    if (kind === "rot") this.#rot(isMeant, at, bit);
    else this.#lie = { kind, isMeant, at };
  }

  #rot(isMeant: (path: string) => boolean, at: number, bit: number): void {
    const some = Object.entries(this.files()).filter(([path, bytes]) => bytes.length > 0 && isMeant(path));
    const total = some.reduce((sum, [, bytes]) => sum + bytes.length, 0);
    let offset = Math.min(total - 1, Math.floor(at * total));
    for (const [path, bytes] of some) {
      if (offset >= bytes.length) {
        offset -= bytes.length;
        continue;
      }
      const fd = this.#sim.disk.open(path, "r+");
      this.#sim.disk.write(fd, Uint8Array.of((bytes[offset] ?? 0) ^ (1 << bit)), 0, 1, offset);
      this.#sim.disk.close(fd);
      this.#sim.writeBack((each) => each === path);
      this.#lied(`rot ${path} ${offset}`);
      return;
    }
  }

  #lied(what: string): void {
    this.hasLied = true;
    this.lies++;
    this.note(what);
  }

  writeBack(seed: number): void {
    const random = randomFrom(seed);
    this.#sim.writeBack(() => random() < 0.5);
  }

  /** The process is gone, and perhaps the power. */
  crash(crash: Crash): void {
    this.#process++;
    this.#stop = null;
    this.#stopped = null;
    this.#faults = [];
    this.#watchers.clear();
    this.note(`crash ${JSON.stringify(crash)}`);
    this.hasTornSectors ||= crash.how === "power" && crash.tear === "byte";
    this.#sim.wholeWriteBytes = crash.tear === "byte" ? 0 : 16;
    if (crash.how === "kill") this.#sim.killProcess();
    else this.#sim.cutPower(crash.seed === null ? undefined : randomFrom(crash.seed), crash.names);
  }

  /** A word into the trace. */
  note(line: string): void {
    let hash = this.trace;
    for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    this.trace = hash >>> 0;
    this.onTrace?.(line);
  }

  /** The disk as a process that starts now sees it; of no use after the next crash. */
  start(): Disk {
    return this.#wrap(this.#sim.disk, this.#process);
  }

  #isGone(process: number): boolean {
    return process !== this.#process || this.#stopped !== null;
  }

  #takeDown(): never {
    this.#stopped = this.#stop?.crash ?? null;
    this.#stop = null;
    throw new Stopped();
  }

  /** Before a call: the fault that it is to meet, if any. Throws when the process ends here. */
  #meet(process: number, call: string, path: string, detail: string): FaultOp["does"] | null {
    if (this.#isGone(process)) throw new Stopped();
    let met: FaultOp["does"] | null = null;
    for (const fault of this.#faults) if (fault.call === call && --fault.left === 0) met = fault.does;
    if (met !== null) {
      this.#faults = this.#faults.filter((fault) => fault.left > 0);
      this.faultsMet++;
      this.note(`fault ${met} at ${call} ${path}`);
    }
    if (changing.has(call)) {
      this.calls++;
      this.note(`${call} ${path}${detail}`);
      this.#tellWatch(call, path);
      if (this.#stop !== null && --this.#stop.left === 0 && !(this.#stop.half && call === "write"))
        this.#takeDown();
      if (this.#stop !== null && this.#stop.left < 0) this.#takeDown();
    }
    if (met === "EIO" || met === "ENOSPC") {
      // A flush that fails does so in the disk, which drops what it should have written.
      if (call !== "flush") throw systemError(met);
      this.#sim.failFlush = 1;
    }
    return met;
  }

  #tellWatch(call: string, path: string): void {
    if (this.watch === null) return;
    try {
      this.watch(call, path);
    } catch (error) {
      this.watchFailure ??= { error };
    }
  }

  #changed(path: string): void {
    const slash = path.lastIndexOf("/");
    for (const { directory, changed } of this.#watchers) {
      if (directory === path.slice(0, slash)) changed(path.slice(slash + 1));
    }
  }

  #writeWrong(base: Disk, fd: number, path: string, write: OneWrite): number {
    const { bytes, from, length, position } = write;
    const { kind, at } = this.#lie ?? { kind: "lost", at: 0 };
    this.#lie = null;
    const elsewhere = Math.floor(at * (base.statOpen(fd).size + 64));
    this.#lied(`${kind} ${path} ${position}+${length} ${elsewhere}`);
    if (kind === "misdirected") base.write(fd, bytes, from, length, elsewhere);
    return length;
  }

  /** Half of this write reaches the page cache, then the process ends. */
  get #halves(): boolean {
    return this.#stop !== null && this.#stop.left === 0 && this.#stop.half;
  }

  #wrap(base: Disk, process: number): Disk {
    const paths = new Map<number, string>();
    const pathOf = (fd: number): string => paths.get(fd) ?? "?";
    const meet = (call: string, path: string, detail = ""): FaultOp["does"] | null =>
      this.#meet(process, call, path, detail);
    const opened = (fd: number, path: string): number => {
      paths.set(fd, path);
      return fd;
    };
    const alive = <T>(value: T): T => {
      if (this.#isGone(process)) throw new Stopped();
      return value;
    };
    const flush = async (fd: number, all: boolean): Promise<void> => {
      const slow = meet("flush", pathOf(fd), all ? " all" : "") === "slow";
      await (all ? base.flushAll(fd) : base.flushData(fd));
      for (let turns = slow ? 7 : 0; turns > 0; turns--) await nextTurn();
      alive(null);
    };
    return {
      resolve: (path) => alive(base.resolve(path)),
      stat: (path) => alive(base.stat(path)),
      list: (path) => alive(base.list(path)),
      open: (path, mode) => {
        meet(mode === "create" ? "create" : "open", path);
        return opened(base.open(path, mode), path);
      },
      openDirectory: (path) => opened(alive(base.openDirectory(path)), path),
      close: (fd) => {
        alive(null);
        paths.delete(fd);
        base.close(fd);
      },
      statOpen: (fd) => alive(base.statOpen(fd)),
      read: (fd, into, from, length, position) => {
        meet("read", pathOf(fd));
        return base.read(fd, into, from, length, position);
      },
      readAhead: async (fd, into, from, length, position) => {
        meet("read", pathOf(fd));
        await nextTurn();
        alive(null);
        return base.read(fd, into, from, length, position);
      },
      write: (fd, bytes, from, length, position) => {
        const path = pathOf(fd);
        const met = meet("write", path, ` ${position}+${length} ${sumOf(bytes, from, length)}`);
        if (this.#lie?.isMeant(path) === true)
          return this.#writeWrong(base, fd, path, { bytes, from, length, position });
        const half = this.#halves;
        const short = (met === "short" || half) && length > 1;
        const wrote = base.write(fd, bytes, from, short ? length >> 1 : length, position);
        if (half) this.#takeDown();
        this.#changed(path);
        return wrote;
      },
      truncate: (fd, length) => {
        meet("truncate", pathOf(fd), ` ${length}`);
        base.truncate(fd, length);
        this.#changed(pathOf(fd));
      },
      flushData: (fd) => flush(fd, false),
      flushAll: (fd) => flush(fd, true),
      flushDataBlocking: (fd) => {
        meet("flush", pathOf(fd));
        base.flushDataBlocking(fd);
      },
      flushAllBlocking: (fd) => {
        meet("flush", pathOf(fd), " all");
        base.flushAllBlocking(fd);
      },
      flushDirectory: async (path) => {
        meet("flushDirectory", path);
        await base.flushDirectory(path);
        alive(null);
      },
      flushDirectoryBlocking: (path) => {
        meet("flushDirectory", path);
        base.flushDirectoryBlocking(path);
      },
      lock: (fd, path) => alive(base.lock(fd, path)),
      unlock: (path) => base.unlock(path),
      rename: (from, to) => {
        meet("rename", from, ` to ${to}`);
        base.rename(from, to);
        this.#changed(to);
      },
      remove: (path) => {
        meet("remove", path);
        base.remove(path);
        this.#changed(path);
      },
      makeDirectory: (path) => alive(base.makeDirectory(path)),
      removeDirectory: (path) => alive(base.removeDirectory(path)),
      watch: (directory, changed) => {
        const watcher = { directory, changed };
        this.#watchers.add(watcher);
        return () => this.#watchers.delete(watcher);
      },
    };
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function sumOf(bytes: Uint8Array, from: number, length: number): number {
  let sum = 0;
  for (let i = from; i < from + length; i++) sum = (Math.imul(sum, 31) + (bytes[i] as number)) | 0;
  return sum;
}
