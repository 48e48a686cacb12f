/**
 * What the threads share, and what must hold of it: cells, a store, a note, who lives and who waits.
 *
 * The store knows what the log's own counters only claim: which bytes are written, and which are on
 * stable storage. A flush covers what stood written when it began, of what its thread wrote itself or
 * was told of, and nothing else; all that is on stable storage when it ends, not before.
 */
import type { Operation, Remark } from "./operation.js";
import { type ThreadRun, timedOut } from "./thread-run.js";

/** A breach of what must hold. */
export class Breach extends Error {}

/** The cells by name, as log-state.ts has them. */
export interface CellNumbers {
  readonly tailCell: number;
  readonly durableCell: number;
  readonly phaseCell: number;
  readonly writersCell: number;
  readonly slotsCell: number;
  readonly ownersCell: number;
}

export type Phase = "open" | "poisoned" | "closing" | "closed";

interface StoredRecord {
  readonly id: number;
  readonly by: number;
  readonly start: number;
  readonly size: number;
  /** False for what a failed write has left. */
  readonly whole: boolean;
  /** Its append has returned. */
  readonly appended: boolean;
  readonly durable: boolean;
}

interface Flight {
  readonly thread: number;
  /** 0 for a blocking one. */
  readonly event: number;
  readonly covers: readonly number[];
  /** It began after the last cut. */
  readonly coversCut: boolean;
  readonly fails: boolean;
}

interface Waiter {
  readonly event: number;
  readonly cell: number;
  readonly woken: boolean;
}

interface Thread {
  readonly run: ThreadRun;
  readonly alive: boolean;
  /** In a blocking wait; woken: it may go on. */
  readonly blocked: "no" | "waits" | "pauses" | "woken";
  readonly waiters: readonly Waiter[];
  /** Names of syncs under way, each with the records that it owes. */
  readonly owed: ReadonlyMap<number, readonly number[]>;
  /** What the log was when its append or sync under way was called for. */
  readonly phaseAtCall: Phase;
  readonly writes: number;
  /** How often it has looked for dead threads after a wait that nobody ended. */
  readonly looks: number;
}

/** What can happen next. */
export type Move =
  | { readonly kind: "steps" | "looks" | "dies"; readonly thread: number }
  | {
      readonly kind: "wakes" | "lands" | "looks up";
      readonly thread: number;
      readonly event: number;
    };

/** What a program lets happen, beside the threads' own steps. */
export interface Weather {
  /** Threads of which one may die, at any point. */
  readonly mortal: readonly number[];
  /** Which flush fails, counted from 1 over all threads; 0: none. */
  readonly failingFlush: number;
  /** How many waits may end before anyone has ended them, while others could still move. */
  readonly earlyLooks: number;
}

const phases = ["open", "poisoned", "closing", "closed"] as const;
const slotIdle = -1;
const gateClosed: number = 2 ** 53;
const looksMax = 3;

/** Who has changed which cell, as far as the search has come: a bit for each thread. */
export type Changers = Map<number, number>;

/** A cell was changed by a thread that was not known to: what was searched so far took that for given. */
export class NewChanger extends Error {}

/** A step that was made, for the trace. */
export interface Step {
  readonly thread: number;
  readonly operation: Operation;
  /** What its cell held before. */
  readonly before: number;
}

export class World {
  declare readonly changers: Changers;
  /** What the last move did. */
  declare steps: Step[];
  declare readonly names: CellNumbers;
  declare readonly weather: Weather;
  declare cells: readonly number[];
  declare threads: readonly Thread[];
  /** All bytes below are written and durable, from before the threads began. */
  declare base: number;
  records: readonly StoredRecord[] = [];
  flights: readonly Flight[] = [];
  note: readonly number[] = [0, 0];
  flushes = 0;
  deaths = 0;
  earlyLooks = 0;
  /** The thread that is cutting the end off, or -1: for it the store may lose records that were appended. */
  cutting = -1;
  /** The lowest end that the log was cut to. */
  cutAt = Infinity;
  /** The owner has given the lock back: the log may be another process's by now. */
  isLetGo = false;
  /** A power cut now could bring back what was cut off. */
  cutIsLoose = false;

  private constructor(fields: Partial<World>) {
    Object.assign(this, fields);
  }

  static begin(
    names: CellNumbers,
    weather: Weather,
    changers: Changers,
    cells: readonly number[],
    runs: readonly ThreadRun[],
  ): World {
    const threads = runs.map((run): Thread => ({
      run,
      alive: true,
      blocked: "no",
      waiters: [],
      owed: new Map(),
      phaseAtCall: "open",
      writes: 0,
      looks: 0,
    }));
    const world = new World({
      names,
      weather,
      changers,
      cells,
      threads,
      steps: [],
      base: cells[names.durableCell] as number,
    });
    for (const thread of threads.keys()) world.#hear(thread, false);
    return world;
  }

  /**
   * The world after `move`; this one stays as it is. Loads of what no other thread ever changes come
   * with the step before: when they come makes no difference to anyone.
   *
   * @param steps Takes what was done, also when it ends in a breach.
   */
  after(move: Move, steps: Step[]): World {
    const world = new World(this);
    world.steps = steps;
    world.#endPauses(move.thread);
    world.#move(move);
    world.#check();
    while (move.kind !== "dies" && world.#nextIsPrivate(move.thread)) {
      world.#move({ kind: "steps", thread: move.thread });
      world.#check();
    }
    return world;
  }

  #nextIsPrivate(thread: number): boolean {
    const { run, blocked } = this.threads[thread] as Thread;
    const { standing, remarks } = run.stretch;
    if (standing.kind !== "asks" || blocked === "waits") return false;
    // The last one is alone.
    if (thread === this.threads.length - 1) return true;
    if (remarks.some(isLate)) return false;
    const { operation } = standing;
    if (operation.kind === "isAlive") return this.weather.mortal.length === 0;
    if (operation.kind !== "load") return false;
    return ((this.changers.get(operation.cell) ?? 0) & ~(1 << thread)) === 0;
  }

  get phase(): Phase {
    return phases[this.#cell("phaseCell")] ?? "open";
  }

  /** What can happen next. None: all who live are through. */
  moves(): Move[] {
    const last = this.threads.length - 1;
    const moves: Move[] = [];
    // The last thread comes when the others are through, and finds what they have left.
    for (let thread = 0; thread < last; thread++) this.#movesOf(thread, moves);
    if (moves.length === 0 && this.#areThrough(last)) this.#movesOf(last, moves);
    if (moves.length > 0) {
      for (const thread of this.weather.mortal) {
        if (this.deaths === 0 && !this.#isThrough(thread)) moves.push({ kind: "dies", thread });
      }
      if (this.earlyLooks < this.weather.earlyLooks) this.#looks(moves);
      return moves;
    }
    if (this.#areThrough(last + 1)) {
      this.#checkShut();
      return [];
    }
    // A pause ends by itself.
    this.threads.forEach(({ blocked }, thread) => {
      if (blocked === "pauses") moves.push({ kind: "steps", thread });
    });
    if (moves.length > 0) return moves;
    // Only time goes on now. That may find a dead thread; it must not be what finds a lost wake-up.
    if (this.deaths === 0) throw new Breach("all who live wait for each other");
    this.#looks(moves);
    return moves;
  }

  /** Equal for worlds of which the same can become. */
  key(): string {
    let key = "";
    for (const thread of this.threads) {
      // What one who is through has seen is over.
      if (!thread.alive) key += "dead";
      else if (thread.run.stretch.standing.kind !== "through") {
        key += `${thread.run.id},${thread.blocked},${thread.looks},${thread.phaseAtCall},`;
        for (const [name, ids] of thread.owed) key += `${name}=${ids.join(".")};`;
        for (const waiter of thread.waiters) key += `${waiter.event}${waiter.woken ? "!" : "?"}`;
      }
      key += "|";
    }
    for (const r of this.records) {
      key += `${r.id}@${r.start}+${r.size}${r.whole ? "w" : "-"}${r.appended ? "a" : "-"}${r.durable ? "d" : "-"}`;
    }
    for (const f of this.flights)
      key += `|${f.thread}.${f.event}>${f.covers.join(".")}${f.fails ? "x" : ""}${f.coversCut ? "c" : ""}`;
    key += `|${this.note.join()}|${this.base},${this.flushes},${this.deaths},${this.earlyLooks},${this.cutting},${this.cutAt}${this.cutIsLoose ? 1 : 0}${this.isLetGo ? 1 : 0}|`;
    for (const cell of this.changers.keys()) key += `,${this.cells[cell]}`;
    return key;
  }

  /* ---- moves ---- */

  #movesOf(thread: number, moves: Move[]): void {
    const { alive, run, blocked, waiters } = this.threads[thread] as Thread;
    const standing = run.stretch.standing;
    if (!alive || standing.kind === "through") return;
    if (standing.kind === "asks") {
      if (blocked === "no" || blocked === "woken") moves.push({ kind: "steps", thread });
      return;
    }
    for (const { woken, event } of waiters) if (woken) moves.push({ kind: "wakes", thread, event });
    for (const flight of this.flights) {
      if (flight.thread === thread && flight.event !== 0)
        moves.push({ kind: "lands", thread, event: flight.event });
    }
  }

  #looks(moves: Move[]): void {
    this.threads.forEach(({ alive, run, blocked, waiters }, thread) => {
      if (!alive) return;
      if (blocked === "waits") moves.push({ kind: "looks", thread });
      if (run.stretch.standing.kind !== "idle") return;
      for (const { woken, event } of waiters) if (!woken) moves.push({ kind: "looks up", thread, event });
    });
  }

  #isThrough(thread: number): boolean {
    const { alive, run } = this.threads[thread] as Thread;
    return !alive || run.stretch.standing.kind === "through";
  }

  #areThrough(count: number): boolean {
    for (let thread = 0; thread < count; thread++) if (!this.#isThrough(thread)) return false;
    return true;
  }

  #move(move: Move): void {
    const thread = this.threads[move.thread] as Thread;
    switch (move.kind) {
      case "dies":
        this.deaths++;
        this.flights = this.flights.filter((flight) => flight.thread !== move.thread);
        return this.#change(move.thread, { alive: false, blocked: "no", waiters: [], owed: new Map() });
      case "looks":
        this.#countLook(move.thread);
        this.#change(move.thread, { blocked: "no" });
        return this.#answer(move.thread, 1);
      case "wakes":
      case "looks up":
        if (move.kind === "looks up") this.#countLook(move.thread);
        this.#change(move.thread, { waiters: thread.waiters.filter(({ event }) => event !== move.event) });
        return this.#answer(move.thread, move.kind === "wakes" ? move.event : move.event + timedOut);
      case "lands": {
        const well = this.#land(move.thread, move.event);
        return this.#answer(move.thread, well ? move.event : -move.event);
      }
      case "steps": {
        const standing = thread.run.stretch.standing;
        if (standing.kind !== "asks") throw new Error("not at a step");
        const { operation } = standing;
        const before = "cell" in operation ? (this.cells[operation.cell] as number) : 0;
        this.steps.push({ thread: move.thread, operation, before });
        this.#hear(move.thread, true);
        const answer = this.#perform(move.thread, operation);
        if (answer !== null) this.#answer(move.thread, answer);
      }
    }
  }

  /** Who pauses goes on once another has done something: how long the pause is, nobody knows. */
  #endPauses(mover: number): void {
    if (!this.threads.some(({ blocked }) => blocked === "pauses")) return;
    this.threads = this.threads.map((thread, index) =>
      index !== mover && thread.blocked === "pauses" ? { ...thread, blocked: "woken" } : thread,
    );
  }

  #countLook(thread: number): void {
    if (this.deaths === 0) this.earlyLooks++;
    const looks = (this.threads[thread] as Thread).looks + 1;
    if (looks > looksMax)
      throw new Breach(`thread ${thread} has looked ${looks} times for dead threads, and waits on`);
    this.#change(thread, { looks });
  }

  #change(thread: number, change: Partial<Thread>): void {
    this.threads = this.threads.map((before, index) =>
      index === thread ? { ...before, ...change } : before,
    );
  }

  #answer(thread: number, answer: number): void {
    const before = this.threads[thread] as Thread;
    try {
      this.#change(thread, { run: before.run.after(answer) });
    } catch (error) {
      throw new Breach(`thread ${thread}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    this.#hear(thread, false);
  }

  /** Does what the thread asks for. Null: it waits, and has no answer yet. */
  #perform(thread: number, op: Operation): number | null {
    switch (op.kind) {
      case "load":
        return this.cells[op.cell] as number;
      case "store":
        this.#set(thread, op.cell, op.value);
        return 0;
      case "add": {
        const before = this.cells[op.cell] as number;
        this.#set(thread, op.cell, before + op.value);
        return before;
      }
      case "compareExchange": {
        const before = this.cells[op.cell] as number;
        if (before === op.expected) this.#set(thread, op.cell, op.value);
        return before;
      }
      case "wait": {
        const { blocked } = this.threads[thread] as Thread;
        const waits = blocked === "no" && this.cells[op.cell] === op.expected;
        this.#change(thread, { blocked: waits ? "waits" : "no" });
        return waits ? null : 0;
      }
      case "pause": {
        const { blocked } = this.threads[thread] as Thread;
        this.#change(thread, { blocked: blocked === "no" ? "pauses" : "no" });
        return blocked === "no" ? null : 1;
      }
      case "waitAsync": {
        if (this.cells[op.cell] !== op.expected) return 0;
        const { waiters } = this.threads[thread] as Thread;
        this.#change(thread, { waiters: [...waiters, { event: op.event, cell: op.cell, woken: false }] });
        return 1;
      }
      case "notify":
        this.#notify(op.cell);
        return 0;
      case "write":
        this.#write(thread, op.start, op.size, op.whole);
        return 0;
      case "truncate":
        this.#truncate(thread, op.length);
        return 0;
      case "flush":
      case "flushBlocking":
        this.#takeOff(thread, op.kind === "flush" ? op.event : 0, op.from, op.to);
        return 0;
      case "flushBlockingEnds":
        return this.#land(thread, 0) ? 0 : 1;
      case "noteWrite":
        this.note = this.note.map((before, half) => (half === op.half ? op.cause : before));
        return 0;
      case "noteRead":
        return this.note[op.half] as number;
      case "isAlive":
        return this.threads[op.thread]?.alive ? 1 : 0;
      default:
        return op satisfies never;
    }
  }

  #set(thread: number, cell: number, value: number): void {
    if (this.cells[cell] === value) return;
    const known = this.changers.get(cell) ?? 0;
    const bit = thread === this.threads.length - 1 ? 0 : 1 << thread;
    if ((known | bit) !== known || !this.changers.has(cell)) {
      this.changers.set(cell, known | bit);
      if (bit !== 0) throw new NewChanger();
    }
    this.cells = this.cells.with(cell, value);
  }

  #notify(cell: number): void {
    this.threads = this.threads.map((thread) => {
      const { standing } = thread.run.stretch;
      const waits =
        thread.blocked === "waits" &&
        standing.kind === "asks" &&
        standing.operation.kind === "wait" &&
        standing.operation.cell === cell;
      return {
        ...thread,
        blocked: waits ? "woken" : thread.blocked,
        waiters: thread.waiters.map((waiter) => (waiter.cell === cell ? { ...waiter, woken: true } : waiter)),
      };
    });
  }

  /* ---- the store ---- */

  #write(by: number, start: number, size: number, whole: boolean): void {
    const other = this.records.find((r) => start < r.start + r.size && r.start < start + size);
    if (other !== undefined || start < this.base) {
      const over =
        other === undefined ? `what ends at ${this.base}` : `thread ${other.by}'s at ${other.start}`;
      throw new Breach(`thread ${by} writes ${size} bytes at ${start}, over ${over}`);
    }
    const tail = this.#tail();
    if (start + size > tail)
      throw new Breach(`thread ${by} writes ${size} bytes at ${start}; the log ends at ${tail}`);
    if (this.cutIsLoose) throw new Breach(`thread ${by} writes at ${start} before the cut is durable`);
    this.#checkNotLetGo(by, "writes");
    const { writes } = this.threads[by] as Thread;
    this.#change(by, { writes: writes + 1 });
    const record = { id: by * 100 + writes, by, start, size, whole, appended: false, durable: false };
    this.records = [...this.records, record].toSorted((a, b) => a.start - b.start);
  }

  #truncate(by: number, length: number): void {
    const lost = this.records.find((r) => r.appended && r.start + r.size > length);
    this.#checkNotLetGo(by, "cuts the store");
    if (lost !== undefined && this.cutting !== by) {
      throw new Breach(
        `the store is cut at ${length}, and thread ${lost.by}'s record at ${lost.start} was appended`,
      );
    }
    if (this.cutting === by) {
      this.cutIsLoose = true;
      this.cutAt = Math.min(this.cutAt, length);
    }
    this.records = this.records.filter((r) => r.start < length);
    this.base = Math.min(this.base, length);
  }

  #takeOff(thread: number, event: number, from: number, to: number): void {
    const other = this.flights.find((flight) => flight.thread !== thread || event !== 0);
    if (other !== undefined) throw new Breach(`thread ${thread} flushes while thread ${other.thread} does`);
    this.#checkNotLetGo(thread, "flushes");
    const covered = this.records.filter(
      (r) => r.by === thread || (r.start >= from && r.start + r.size <= to),
    );
    this.flushes++;
    const fails = this.flushes === this.weather.failingFlush;
    this.flights = [
      ...this.flights,
      { thread, event, covers: covered.map(({ id }) => id), coversCut: this.cutIsLoose, fails },
    ];
  }

  #checkNotLetGo(by: number, does: string): void {
    if (this.isLetGo) throw new Breach(`thread ${by} ${does} after the owner has let go of the log`);
  }

  /** Whether it went well. */
  #land(thread: number, event: number): boolean {
    const flight = this.flights.find((one) => one.thread === thread && one.event === event);
    if (flight === undefined) throw new Error("no such flight");
    this.flights = this.flights.filter((one) => one !== flight);
    if (flight.fails) return false;
    if (flight.coversCut) this.cutIsLoose = false;
    this.records = this.records.map((r) => (flight.covers.includes(r.id) ? { ...r, durable: true } : r));
    return true;
  }

  /* ---- what must hold ---- */

  #cell(name: keyof CellNumbers): number {
    return this.cells[this.names[name]] as number;
  }

  #tail(): number {
    const tail = this.#cell("tailCell");
    return tail < 0 ? tail + gateClosed : tail;
  }

  /** Where the bytes end that are there without a gap. */
  #reach(counts: (record: StoredRecord) => boolean): number {
    let end = this.base;
    for (const record of this.records) {
      if (record.start !== end || !counts(record)) break;
      end += record.size;
    }
    return end;
  }

  #check(): void {
    let committed = this.#tail();
    for (let i = 0; i < this.#cell("writersCell"); i++) {
      const slot = this.cells[this.names.slotsCell + i] as number;
      if (slot !== slotIdle) committed = Math.min(committed, slot < 0 ? -2 - slot : slot);
    }
    this.#checkWritten("committed", committed);
    const durable = this.#cell("durableCell");
    const reach = this.#reach((r) => r.whole && r.durable);
    if (durable > reach) throw new Breach(`durable is ${durable}; on stable storage is all below ${reach}`);
  }

  /** When all is over: a log that takes no more has its gate closed for good, whoever was to close it. */
  #checkShut(): void {
    if (this.phase === "open" || this.#cell("tailCell") < 0) return;
    // One that died while it was closing the gate, and that nobody has missed yet.
    if (this.threads.some(({ alive }, thread) => !alive && !this.#isBuried(thread))) return;
    throw new Breach(`the log is ${this.phase}, and its gate stands open`);
  }

  #isBuried(thread: number): boolean {
    const { ownersCell } = this.names;
    // The identity of a thread is its number, from 1 on.
    return !this.threads.some((_, slot) => this.cells[ownersCell + slot] === thread + 1);
  }

  #checkWritten(who: string, below: number): void {
    const reach = this.#reach((r) => r.whole);
    if (below > reach) throw new Breach(`${who} is ${below}; written is all below ${reach}`);
  }

  /**
   * Holds what a thread has said since its last step against the world: that something has ended, at
   * once; that something begins, as late as can be, right before the next step. So what is promised
   * from the one to the other is promised for as little time as possible.
   */
  #hear(thread: number, late: boolean): void {
    const { remarks, standing } = (this.threads[thread] as Thread).run.stretch;
    const both = !late && standing.kind !== "asks";
    for (const remark of remarks) if (both || isLate(remark) === late) this.#hold(thread, remark);
  }

  #hold(thread: number, remark: Remark): void {
    const { owed, phaseAtCall } = this.threads[thread] as Thread;
    switch (remark.kind) {
      case "append begins":
        return this.#change(thread, { phaseAtCall: this.phase });
      case "appended": {
        if (phaseAtCall !== "open")
          throw new Breach(`thread ${thread} appends to a log that is ${phaseAtCall}`);
        const found = this.records.find((r) => r.by === thread && r.start === remark.start && r.whole);
        if (found === undefined && remark.start >= this.cutAt) return;
        if (found === undefined)
          throw new Breach(`thread ${thread} has appended at ${remark.start}: it is not there`);
        this.records = this.records.map((r) => (r === found ? { ...r, appended: true } : r));
        return;
      }
      case "refused": {
        const codes = { open: "none", poisoned: "WAL_POISONED", closing: "WAL_CLOSED", closed: "WAL_CLOSED" };
        if (remark.code === codes[this.phase]) return;
        // What fails in a log that is closed is told to who met it alone.
        if (remark.code === "WAL_POISONED" && this.phase === "closed") return;
        throw new Breach(`thread ${thread} is refused with ${remark.code}, and the log is ${this.phase}`);
      }
      case "sync begins": {
        const owes = (by: number): boolean => remark.owes === "all" || by === thread;
        const ids = this.records.filter((r) => r.appended && !r.durable && owes(r.by)).map(({ id }) => id);
        return this.#change(thread, {
          owed: new Map([...owed, [remark.name, ids]]),
          phaseAtCall: this.phase,
        });
      }
      case "sync ends": {
        if (phaseAtCall === "poisoned" || phaseAtCall === "closed") {
          throw new Breach(`thread ${thread} syncs a log that is ${phaseAtCall}`);
        }
        for (const id of owed.get(remark.name) ?? []) {
          const record = this.records.find((r) => r.id === id);
          if (record === undefined || record.durable) continue;
          // The cells say first that it is cut off, and the store follows.
          if (this.cutting >= 0 && record.start >= this.#tail()) continue;
          throw new Breach(
            `thread ${thread}'s sync has ended, and the record at ${record.start} is not durable`,
          );
        }
        return this.#change(thread, { owed: new Map([...owed].filter(([name]) => name !== remark.name)) });
      }
      case "claims written":
        return this.#checkWritten(`what thread ${thread} flushes`, remark.below);
      case "cut begins":
      case "cut ends":
        this.cutting = remark.kind === "cut begins" ? thread : -1;
        return;
      case "lets go":
        this.isLetGo = true;
        return;
      case "failed":
        return;
    }
  }
}

function isLate({ kind }: Remark): boolean {
  return kind === "append begins" || kind === "sync begins" || kind === "cut begins";
}
