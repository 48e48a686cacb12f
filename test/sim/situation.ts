/**
 * How things stand in a run: the machine and its disk, the log that is open, the model of what it must
 * hold, and what was found to be wrong. The parts of the world (world.ts) share it.
 */
import { Finding } from "./finding.ts";
import { Followed } from "./followed.ts";
import { Machine, isStopped } from "./machine.ts";
import { Model, type SimRecord } from "./model.ts";
import type { Program } from "./program.ts";
import type { SimLibrary } from "./sim-library.ts";
import { Archived } from "./archived.ts";
import type { Clock } from "./clock.ts";
import type { Wal, WalError } from "wal-db";
import type { Disk } from "#internal/store/disk.js";
import type { Layout } from "./view.ts";
import { type Counts, noCounts } from "./counts.ts";

/** More than any record of a program. */
export const maxRecordSize = 300_000;

/** Something that was asked for and is not answered yet. */
export interface Outstanding {
  readonly what: string;
  readonly startedPoisoned: boolean;
}

export class Situation {
  readonly counts: Counts = noCounts();
  readonly machine: Machine;
  readonly lib: SimLibrary;
  readonly program: Program;
  readonly clock: Clock;
  readonly model = new Model();
  readonly archived = new Archived();
  readonly outstanding = new Set<Outstanding>();
  readonly readers = new Map<string, { position: number; last: number }>();
  followers: Followed[] = [];
  /** What is told to stop when all is to settle. */
  endless: (() => void)[] = [];
  layout: Layout;
  disk: Disk;
  wal: Wal | null = null;
  poisoned = false;
  closing = false;
  faultsBefore = 0;
  crashedSince = false;
  durableSeen = 0;
  logs = 0;
  hookFails = 0;
  drops = 0;
  finding: Finding | null = null;

  constructor(lib: SimLibrary, program: Program, clock: Clock) {
    this.lib = lib;
    this.program = program;
    this.clock = clock;
    this.machine = new Machine(program.seed);
    this.layout = this.nextLayout(program.segmentSize);
    this.disk = this.machine.start();
  }

  insist(holds: boolean, what: string): asserts holds {
    if (holds) return;
    throw (this.finding ??= new Finding(what));
  }

  /** From within a callback of the library, which may swallow what is thrown. */
  report(fault: string | null): void {
    if (fault !== null) this.finding ??= new Finding(fault);
  }

  get isDown(): boolean {
    return this.machine.stoppedBy !== null;
  }

  get faulty(): boolean {
    return this.machine.faultsMet > this.faultsBefore || this.machine.hasLied;
  }

  /** An error of a call: one that the call may answer with, in the state that all is in. */
  checkError(what: string, error: unknown, allowed: readonly string[] = []): void {
    if (this.isDown || isStopped(error)) return;
    if (!(error instanceof Error) || error.name !== "WalError") {
      this.report(`${what} threw ${error instanceof Error ? error.stack : String(error)}`);
      return;
    }
    const { code } = error as WalError;
    if (code === "WAL_POISONED") this.poisoned = true;
    const faults = this.faulty ? ["WAL_IO", "WAL_POISONED"] : [];
    const closing = this.closing ? ["WAL_CLOSED"] : [];
    const lies = this.machine.hasLied ? ["WAL_CORRUPT", "WAL_INVALID_ARGUMENT"] : [];
    if (![...allowed, ...closing, ...faults, ...lies].includes(code))
      this.report(`${what} threw ${code}: ${error.message}`);
  }

  nextLayout(segmentSize: number | null): Layout {
    const number = ++this.logs;
    return { path: segmentSize === null ? `/logs/${number}.wal` : `/logs/${number}`, segmentSize };
  }

  recordAt(at: number): SimRecord | undefined {
    const { records } = this.model;
    return records[Math.min(records.length - 1, Math.floor(at * records.length))];
  }

  tried(what: string, call: () => unknown): boolean {
    try {
      call();
      return true;
    } catch (error) {
      this.checkError(what, error);
      return false;
    }
  }

  leave(): void {
    this.wal = null;
    this.poisoned = false;
    this.closing = false;
    this.outstanding.clear();
    this.followers = [];
    this.endless = [];
  }
}
