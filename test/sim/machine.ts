/**
 * A machine with a disk: starts processes, takes them down at any call, and makes calls fail. What
 * the disk itself does with bytes that are not flushed is the simulated disk's matter
 * (src/testing/simulated-disk.ts).
 *
 * A process sees the disk through a Disk of its own, which is of no use once it is gone: what it still
 * had under way must not reach the disk of the next one.
 */
import type { Disk } from "#internal/store/disk.js";
import { type DiskEffect, Random, SimulatedDisk } from "wal-db/testing";
import type { Crash, FaultCall, FaultOp, LieKind } from "./program.ts";

/** What a process gets to see of its own end. */
export class Stopped extends Error {
  constructor() {
    super("the process was stopped here");
  }
}

/** The process ended in it, whatever it was wrapped in. */
export function isStopped(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof Stopped) return true;
  return false;
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

interface ArmedLie {
  readonly kind: LieKind;
  readonly isMeant: (path: string) => boolean;
  readonly at: number;
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
  "makeDirectory",
]);

/** Turns of the event loop that a slow flush takes. */
const slowTurns = 8;

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
  /** Changing calls so far. */
  calls = 0;
  /** A hash of every changing call: two runs of one program have the same. */
  trace = 0x811c9dc5;
  /** When set, each changing call and each step is told to it. */
  onTrace: ((line: string) => void) | null = null;
  /** Called before each changing call. What it throws is kept in `watchFailure`. */
  watch: ((call: string, path: string) => void) | null = null;
  watchFailure: { readonly error: unknown } | null = null;
  readonly #sim: SimulatedDisk;
  #process = 0;
  #faults: ArmedFault[] = [];
  #stop: ArmedStop | null = null;
  #stopped: Crash | null = null;
  #lie: ArmedLie | null = null;
  #isQuiet = false;

  constructor(seed: number) {
    this.#sim = new SimulatedDisk({ seed, directories: ["/logs"] });
  }

  files(chosen?: (path: string) => boolean): Files {
    return this.#sim.files(chosen);
  }

  durableFiles(chosen?: (path: string) => boolean): Files {
    return this.#sim.durableFiles(chosen);
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

  /** Nothing that was asked for and has not come will come. */
  clearFaults(): void {
    this.#faults = [];
    this.#lie = null;
    this.#stop = null;
  }

  /** Runs `work`, during which no fault is met and no process ends. */
  undisturbed<T>(work: () => T): T {
    this.#isQuiet = true;
    try {
      return work();
    } finally {
      this.#isQuiet = false;
    }
  }

  /**
   * The disk does wrong: a bit of a file turns, now; or the next write to such a file, or its next
   * flush, is not done, or done elsewhere, though the disk says that it was done.
   */
  lie(kind: LieKind, isMeant: (path: string) => boolean, at: number, bit: number): void {
    if (kind === "rot" || kind === "hidden rot") this.#rot(isMeant, at, bit, kind === "hidden rot");
    else this.#lie = { kind, isMeant, at };
  }

  writeBack(seed: number): void {
    const random = new Random(seed);
    this.#sim.writeBack(() => random.next(2) === 0);
  }

  /** The process is gone, and perhaps the power. */
  crash(crash: Crash): void {
    this.#process++;
    this.#stop = null;
    this.#stopped = null;
    this.#faults = [];
    this.#sim.flushTurns = 1;
    this.note(`crash ${JSON.stringify(crash)}`);
    if (crash.how === "kill") this.#sim.kill();
    else {
      const { seed, keep, names, tear, order, room } = crash;
      this.hasTornSectors ||= tear === "byte";
      this.#sim.crash({ keep, names, tear, order, room, chooser: new Random(seed) });
    }
    if (crash.dropsCache) this.#sim.dropCache();
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
    return this.#wrap(this.#sim, this.#process);
  }

  #rot(isMeant: (path: string) => boolean, at: number, bit: number, cached: boolean): void {
    const some = Object.entries(this.files()).filter(([path, bytes]) => bytes.length > 0 && isMeant(path));
    const total = some.reduce((sum, [, bytes]) => sum + bytes.length, 0);
    let offset = Math.min(total - 1, Math.floor(at * total));
    for (const [path, bytes] of some) {
      if (offset < bytes.length) {
        this.#sim.rot(path, offset, { bit, cached });
        this.#lied(`rot ${path} ${offset}`);
        return;
      }
      offset -= bytes.length;
    }
  }

  #lied(what: string): void {
    this.hasLied = true;
    this.lies++;
    this.note(what);
  }

  #isGone(process: number): boolean {
    return process !== this.#process || this.#stopped !== null;
  }

  #takeDown(): never {
    this.#stopped = this.#stop?.crash ?? null;
    this.#stop = null;
    throw new Stopped();
  }

  /** Before a call: has it meet its fault, if any. Throws when the process ends here. */
  #meet(process: number, call: string, path: string, detail: string, length = 0): void {
    if (this.#isGone(process)) throw new Stopped();
    if (this.#isQuiet) return;
    const does = this.#faultOf(call);
    if (does !== null) {
      this.faultsMet++;
      this.note(`fault ${does} at ${call} ${path}`);
    }
    if (changing.has(call)) {
      this.calls++;
      this.note(`${call} ${path}${detail}`);
      this.#tellWatch(call, path);
      const stop = this.#stop;
      if (stop !== null && --stop.left <= 0 && !(stop.half && call === "write")) this.#takeDown();
    }
    if (does === "slow") this.#sim.flushTurns = slowTurns;
    else if (does === "short") this.#inject(call, { kind: "short", most: Math.max(1, length >> 1) });
    else if (does !== null) this.#inject(call, { kind: "fail", errno: does });
    this.#tellLie(call, path);
  }

  #faultOf(call: string): FaultOp["does"] | null {
    let does: FaultOp["does"] | null = null;
    for (const fault of this.#faults) if (fault.call === call && --fault.left === 0) does = fault.does;
    if (does !== null) this.#faults = this.#faults.filter((fault) => fault.left > 0);
    return does;
  }

  #inject(call: string, effect: DiskEffect): void {
    this.#sim.clearFaults();
    this.#sim.inject({ call: call as FaultCall, effect });
  }

  #tellLie(call: string, path: string): void {
    const lie = this.#lie;
    if (lie === null || call !== (lie.kind === "flush" ? "flush" : "write") || !lie.isMeant(path)) return;
    this.#lie = null;
    this.#lied(`${lie.kind} ${call} ${path}`);
    const by = Math.floor(lie.at * 200) - 100;
    if (lie.kind === "misdirected") this.#inject(call, { kind: "misdirected", by });
    else this.#inject(call, { kind: lie.kind === "flush" ? "lie" : "lost" });
  }

  #tellWatch(call: string, path: string): void {
    if (this.watch === null) return;
    try {
      this.watch(call, path);
    } catch (error) {
      this.watchFailure ??= { error };
    }
  }

  #wrap(base: Disk, process: number): Disk {
    const paths = new Map<number, string>();
    const pathOf = (fd: number): string => paths.get(fd) ?? "?";
    const meet = (call: string, path: string, detail = "", length = 0): void =>
      this.#meet(process, call, path, detail, length);
    const opened = (fd: number, path: string): number => {
      paths.set(fd, path);
      return fd;
    };
    const alive = <T>(value: T): T => {
      if (this.#isGone(process)) throw new Stopped();
      return value;
    };
    const flush = async (fd: number, all: boolean): Promise<void> => {
      meet("flush", pathOf(fd), all ? " all" : "");
      const flushed = all ? base.flushAll(fd) : base.flushData(fd);
      this.#sim.flushTurns = 1;
      await flushed;
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
        meet("read", pathOf(fd), "", length);
        return base.read(fd, into, from, length, position);
      },
      readAhead: async (fd, into, from, length, position) => {
        await nextTurn();
        meet("read", pathOf(fd), "", length);
        return base.readAhead(fd, into, from, length, position);
      },
      write: (fd, bytes, from, length, position) => {
        const path = pathOf(fd);
        meet("write", path, ` ${position}+${length} ${sumOf(bytes, from, length)}`, length);
        // Half of it reaches the page cache, then the process ends.
        const half = !this.#isQuiet && this.#stop !== null && this.#stop.left <= 0;
        const wrote = base.write(fd, bytes, from, half && length > 1 ? length >> 1 : length, position);
        if (half) this.#takeDown();
        return wrote;
      },
      truncate: (fd, length) => {
        meet("truncate", pathOf(fd), ` ${length}`);
        base.truncate(fd, length);
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
      lockShared: (fd, path) => alive(base.lockShared(fd, path)),
      unlock: (fd) => base.unlock(fd),
      rename: (from, to) => {
        meet("rename", from, ` to ${to}`);
        base.rename(from, to);
      },
      remove: (path) => {
        meet("remove", path);
        base.remove(path);
      },
      makeDirectory: (path) => {
        meet("makeDirectory", path);
        base.makeDirectory(path);
      },
      removeDirectory: (path) => alive(base.removeDirectory(path)),
      watch: (directory, changed) => base.watch?.(directory, changed) ?? (() => {}),
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
