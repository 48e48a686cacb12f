/**
 * One thread's run so far, made again from what it was answered.
 *
 * A thread of the model is the shipped code over cells, a store and a note that ask the search for
 * every answer. What a thread does next is a function of the answers it has had, for it has no other
 * source of chance. So a thread needs no stack of its own that could be put to sleep: to learn what
 * it does after one more answer it is run again from its beginning, given the answers it had, and
 * stopped at the first question that has none yet, by an exception that nothing of the shipped code
 * can swallow, since each further question throws it again. What runs on after that, `finally` blocks
 * mostly, is heard by nobody.
 *
 * This file runs in the realm of the shipped code: see shipped-code.ts.
 */
import { type Cells, PlainCells } from "#internal/commit/cells.js";
import { GroupCommit } from "#internal/commit/group-commit.js";
import { cellCount, LogState, type PoisonNote, Waiter } from "#internal/commit/log-state.js";
import { WalError } from "#internal/errors.js";
import { deathLookMilliseconds } from "#internal/limits.js";
import type { Lsn } from "#internal/lsn.js";
import type { WalStore } from "#internal/store/store.js";
import type { Threads } from "#internal/threads.js";
import type { Operation, Remark, Standing } from "./operation.js";
import { bodies } from "./thread-bodies.js";

const stopped = new Error("the search stopped this run here");

/** As in thread-run.ts, which belongs to another realm. */
const timedOut = 1000;

/** Threads are known to each other by their number, from 1 on. */
const identityOf = (thread: number): number => thread + 1;

/** The end of the log when the threads begin. All below is written, and durable. */
const endAtStart = 24 as Lsn;

/** Causes of a poison, by number: equal causes have equal numbers. */
const causes: { key: string; cause: WalError }[] = [];

function numberOf(cause: WalError): number {
  const key = `${cause.code} ${cause.message}`;
  const known = causes.findIndex((entry) => entry.key === key);
  return known >= 0 ? known + 1 : causes.push({ key, cause });
}

/**
 * Calls that leave nothing behind in their thread but what they return: whichever answers they had on
 * the way, a thread that got the same from them goes on the same. So runs that differ in those alone
 * fall together. (What they leave behind in the cells is the world's, and not forgotten.)
 */
const forgetful: [object, readonly string[]][] = [
  [
    LogState.prototype,
    ["committed", "appended", "reserve", "release", "wake", "raiseDurable", "takeLead", "giveUpLead"],
  ],
  [LogState.prototype, ["takeBack", "closeGate", "openGate", "drain", "seal", "leadIsOfThisThread"]],
  [Waiter.prototype, ["enter", "leave"]],
];

let active: Replay | null = null;

function forget(prototype: object, names: readonly string[]): void {
  for (const name of names) {
    const property = Object.getOwnPropertyDescriptor(prototype, name);
    const key = property?.get === undefined ? "value" : "get";
    const call = property?.[key] as ((...args: unknown[]) => unknown) | undefined;
    if (property === undefined || call === undefined) throw new Error(`there is no ${name} to watch`);
    const watched = function (this: unknown, ...args: unknown[]): unknown {
      const begin = active?.enter() ?? 0;
      let result: unknown;
      try {
        result = call.apply(this, args);
      } finally {
        active?.leave();
      }
      active?.returned(begin, result);
      return result;
    };
    Object.defineProperty(prototype, name, { ...property, [key]: watched });
  }
}

for (const [prototype, names] of forgetful) forget(prototype, names);

class Replay implements Cells, PoisonNote {
  readonly thread: number;
  readonly answers: readonly number[];
  readonly remarks: Remark[] = [];
  operation: Operation | null = null;
  isThrough = false;
  fault: unknown = null;
  /** What the threads find before the first step: not asked for, each has it alike. */
  #beforehand: PlainCells | null = null;
  /** The call that has returned with the last answer: after how many it began, and what it returned. */
  forgotten: Forgotten | null = null;
  #depth = 0;
  /** The last answer that left something behind in its thread. */
  #remembered = 0;
  #at = 0;
  #now = 0;
  #events = 0;
  #unflushed: { from: number; to: number } = { from: 0, to: 0 };
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: unknown) => void }>();

  constructor(thread: number, answers: readonly number[]) {
    this.thread = thread;
    this.answers = answers;
  }

  /** Sets up what the threads find, as the shipped code does it; hands back the state of this one. */
  setUp(joined: number): LogState | null {
    this.#beforehand = new PlainCells(cellCount);
    const owner = new LogState(new PlainCells(cellCount), 0);
    owner.start(0 as Lsn, endAtStart, endAtStart);
    owner.moveTo(this, this, this.#as(0));
    let mine = this.thread === 0 ? owner : null;
    for (let thread = 1; thread < joined; thread++) {
      const state = this.join(thread);
      if (thread === this.thread) mine = state;
    }
    return mine;
  }

  /** From here on every answer is asked for. Hands back the cells as they are. */
  begin(): number[] {
    const cells = Array.from({ length: cellCount }, (_, cell) => this.load(cell));
    this.#beforehand = null;
    return cells;
  }

  join(thread: number): LogState {
    const state = LogState.join(this, this, this.#as(thread));
    if (state === null) throw new Error("no slot is free");
    return state;
  }

  #as(thread: number): Threads {
    return {
      self: () => identityOf(thread),
      isAlive: (identity) => this.isAlive(identity),
      now: () => this.#now,
    };
  }

  enter(): number {
    this.#depth++;
    return this.#at;
  }

  leave(): void {
    this.#depth--;
  }

  returned(begin: number, result: unknown): void {
    if (this.#depth > 0 || this.operation !== null || this.#at < this.answers.length) return;
    if (begin < this.#at && begin >= this.#remembered) {
      this.forgotten = { begin, result: String(result) };
    }
  }

  remark(remark: Remark): void {
    if (this.#at === this.answers.length && this.operation === null) this.remarks.push(remark);
  }

  get hasMore(): boolean {
    return this.operation === null && this.#at < this.answers.length;
  }

  /** The thread stands in its event loop, and the next answer is what came. */
  deliver(): void {
    const answer = this.answers[this.#at++] as number;
    const event = Math.abs(answer) % timedOut;
    if (answer > timedOut) this.#now += deathLookMilliseconds;
    const waiting = this.#waiting.get(event);
    if (waiting === undefined) throw new Error(`nothing waits for event ${event}`);
    this.#waiting.delete(event);
    if (answer < 0) waiting.reject(diskFault());
    else waiting.resolve();
  }

  #ask(operation: Operation): number {
    if (this.operation !== null) throw stopped;
    if (this.#at < this.answers.length) return this.answers[this.#at++] as number;
    this.operation = operation;
    throw stopped;
  }

  #event(): Promise<void> {
    const event = this.#events;
    return new Promise((resolve, reject) => this.#waiting.set(event, { resolve, reject }));
  }

  /* ---- Cells ---- */

  load(cell: number): number {
    return this.#beforehand?.load(cell) ?? this.#ask({ kind: "load", cell });
  }

  store(cell: number, value: number): void {
    if (this.#beforehand === null) this.#ask({ kind: "store", cell, value });
    else this.#beforehand.store(cell, value);
  }

  add(cell: number, value: number): number {
    return this.#beforehand?.add(cell, value) ?? this.#ask({ kind: "add", cell, value });
  }

  compareExchange(cell: number, expected: number, value: number): number {
    return (
      this.#beforehand?.compareExchange(cell, expected, value) ??
      this.#ask({ kind: "compareExchange", cell, expected, value })
    );
  }

  wait(cell: number, expected: number, milliseconds: number): void {
    // A short one is a pause of someone who polls; one that nobody has ended has taken its time.
    const kind = milliseconds < deathLookMilliseconds ? "pause" : "wait";
    if (this.#ask({ kind, cell, expected }) === 0) return;
    this.#now += milliseconds;
    this.#remembered = this.#at;
  }

  waitAsync(cell: number, expected: number): Promise<void> {
    this.#events++;
    const waits = this.#ask({ kind: "waitAsync", cell, expected, event: this.#events });
    return waits === 0 ? Promise.resolve() : this.#event();
  }

  notify(cell: number): void {
    if (this.#beforehand === null) this.#ask({ kind: "notify", cell });
  }

  /* ---- Threads and PoisonNote ---- */

  isAlive(identity: number): boolean {
    const alive = this.#ask({ kind: "isAlive", thread: identity - 1 }) !== 0;
    this.#remembered = this.#at;
    return alive;
  }

  write(cause: WalError): void {
    for (const half of [0, 1]) this.#ask({ kind: "noteWrite", half, cause: numberOf(cause) });
    this.#remembered = this.#at;
  }

  read(): WalError {
    const halves = [0, 1].map((half) => this.#ask({ kind: "noteRead", half }));
    this.#remembered = this.#at;
    const cause = causes[(halves[0] as number) - 1]?.cause;
    if (halves[0] === halves[1] && cause !== undefined) return cause;
    throw new Error(`the note of the poison was read half-written: ${halves.join(", ")}`);
  }

  /* ---- the store ---- */

  writeAt(start: number, size: number, whole: boolean): void {
    this.#ask({ kind: "write", start, size, whole });
    if (!whole) throw new Error("no space left");
  }

  /** What the group commit asks of a store; the rest is asked by the bodies, by name. */
  asStore(): WalStore {
    const store = {
      flush: () => this.#flush(),
      flushBlocking: () => this.#flushBlocking(),
      truncate: (length: number) => this.#ask({ kind: "truncate", length }),
      side: {
        assumeUnflushed: (from: number, to: number) => {
          this.remark({ kind: "claims written", below: to });
          this.#unflushed = { from, to };
        },
      },
    };
    return store as unknown as WalStore;
  }

  #flush(): Promise<void> {
    this.#events++;
    this.#ask({ kind: "flush", ...this.#unflushed, event: this.#events });
    return this.#event();
  }

  #flushBlocking(): void {
    this.#ask({ kind: "flushBlocking", ...this.#unflushed });
    if (this.#ask({ kind: "flushBlockingEnds" }) !== 0) throw diskFault();
  }
}

function diskFault(): Error {
  return new Error("the disk failed");
}

export interface Forgotten {
  readonly begin: number;
  readonly result: string;
}

/** What a thread says between two steps, and where it stands then. */
export interface Stretch {
  readonly forgotten: Forgotten | null;
  readonly remarks: readonly Remark[];
  readonly standing: Standing;
}

/** What a body of a thread is given. */
export interface Here {
  readonly state: LogState;
  readonly commit: GroupCommit;
  readonly store: WalStore;
  remark(remark: Remark): void;
  /** Writes, or throws half-way. */
  write(start: number, size: number, whole: boolean): void;
}

/** A run of one thread, to be driven by ShippedCode.run. */
export interface Run {
  start(): void;
  /** Whether the thread is in its event loop and has answers left: then `deliver`. */
  readonly hasMore: boolean;
  deliver(): void;
  end(): Stretch;
}

/** @param joined How many threads have the log before the first step; the others join it as theirs. */
export function runOf(body: string, thread: number, joined: number, answers: readonly number[]): Run {
  const replay = new Replay(thread, answers);
  const work = bodies[body];
  if (work === undefined) throw new Error(`no body ${body}`);
  active = replay;
  const run = async (found: LogState | null): Promise<void> => {
    const state = found ?? replay.join(thread);
    const store = replay.asStore();
    await work({
      state,
      store,
      commit: new GroupCommit(store, state, () => {}),
      remark: (remark) => replay.remark(remark),
      write: (start, size, whole) => replay.writeAt(start, size, whole),
    });
  };
  return {
    start() {
      const found = replay.setUp(joined);
      replay.begin();
      run(found).then(
        () => (replay.isThrough = true),
        (error: unknown) => (replay.fault = error),
      );
    },
    get hasMore() {
      return replay.hasMore;
    },
    deliver: () => replay.deliver(),
    end() {
      // A fault that came before the run was stopped is one of the protocol, or of the body.
      if (replay.operation === null && replay.fault !== null) throw replay.fault;
      return { remarks: replay.remarks, standing: standingOf(replay), forgotten: replay.forgotten };
    },
  };
}

function standingOf(replay: Replay): Standing {
  if (replay.operation !== null) return { kind: "asks", operation: replay.operation };
  return { kind: replay.isThrough ? "through" : "idle" };
}

/** The cells that the threads find before the first step. */
export function cellsAtStart(joined: number): number[] {
  active = null;
  const replay = new Replay(0, []);
  replay.setUp(joined);
  return replay.begin();
}
