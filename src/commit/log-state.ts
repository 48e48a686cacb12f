/**
 * The shared state of a log: where the next record goes, what is written, what is durable, who
 * flushes. One per thread, over the same cells.
 *
 *   cell    name      meaning
 *   0       tail      where the next reservation begins; minus 2^53 while the gate is closed
 *   1       durable   every record below is on stable storage
 *   2       head      the lowest LSN still present
 *   3       phase     open, poisoned, closing or closed; never back
 *   4       lead      the writer who flushes, plus 1; 0: nobody
 *   5       gate      the writer who has closed the gate, plus 1; 0: open; -1: closed for good
 *   6       note      the writer who writes the cause of the poison, plus 1; 0: nobody has
 *   7       epoch     goes up whenever someone who waits should look again
 *   8       waiting   how many wait, and
 *   9       behind    how many of them for a writer
 *   10      cuts      how often the end was cut; the last ends stand in 16 cells of their own
 *   11      writers   slots that were ever taken
 *   12      lowered   goes up when the tail went down, a range taken back or the end cut, and once more
 *                     when the store has been cut there: before anything is appended again
 *   ...     slots     per writer: where it is writing, or `slotIdle`; see `failed`
 *   ...     owners    per writer: the identity of its thread; 0: free; negative: see `#bury`
 *
 * **Append.** Read the tail; publish it in the slot; move the tail on by one compare-and-exchange
 * from what was read; write; clear the slot. So
 *
 *   committed = min(tail, every slot), the tail read first, and all again if the tail went down
 *
 * is a record boundary below which every byte is written: a range that is reserved and not yet
 * written begins at its writer's slot, which was published before the range was reserved, hence
 * before any tail that includes it could be read. (Not an atomic add, which needs no second try:
 * it cannot tell that the tail has moved back since it was read, in a cut, and then the slot would
 * stand above the range; and an add behind a closing gate shows, until it is taken back, a tail
 * that nobody reserved.)
 *
 * **Gate.** Whoever turns gate from 0 to itself closes it, by moving tail to tail - 2^53, which
 * still says where the tail stands; and alone may open it. A reservation fails against it. Who
 * closed the gate then waits until no other slot is set (`drain`): a slot that was published before
 * is waited for; one that is published later reserves nothing. Closed during a roll-back, for a
 * cut, and for good (-1) once the log is closing or poisoned.
 *
 * **Lead.** Flushes are made by whoever turns lead from 0 to itself; at most one at a time. The
 * mark is written, and the log cut, with the lead only. The owner closes with the lead and keeps it.
 * No thread blocks for another while a flight of its own has the lead: it could not land.
 *
 * **Waiting.** Count oneself in, look at what is waited for, and wait for the epoch to change from
 * what it was before the look. Who changes something raises the epoch if anyone is counted in. All
 * atomics are sequentially consistent: either the one who changes sees the other counted in, or the
 * other's look came after the change.
 *
 * **Death.** Only those who wait look whether a thread is gone. One that died with its slot set
 * leaves bytes that nobody will write: the log is poisoned at its offset. Its lead is taken away.
 * One that died idle leaves its slot to the next.
 *
 * Invariants: ranges never overlap; committed never passes an unwritten byte; durable never
 * passes what was committed before the flush that raised it began; a poisoned log stays so.
 */
import { WalError } from "../errors.ts";
import {
  deathLookMilliseconds,
  leadSilenceMillisecondsMax,
  logBytesMax,
  writerSilenceMillisecondsMax,
  writersMax,
} from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import type { Threads } from "../threads.ts";
import type { Cells } from "./cells.ts";

const tailCell = 0;
const durableCell = 1;
const headCell = 2;
const phaseCell = 3;
const leadCell = 4;
const gateCell = 5;
const noteCell = 6;
const epochCell = 7;
const waitingCell = 8;
const behindCell = 9;
const cutsCell = 10;
const writersCell = 11;
const loweredCell = 12;
const cutEndsCell = 13;
const cutEndsKept = 16;
const slotsCell: number = cutEndsCell + cutEndsKept;
const ownersCell: number = slotsCell + writersMax;

/** How many cells a log needs. */
export const cellCount: number = ownersCell + writersMax;

/** What `reserve` answers when it has reserved nothing. */
export const gateIsShut = -1;
export const logIsFull = -2;

const slotIdle = -1;
const nobody = 0;
const sealed = -1;
/** Of one that looks at a log without a slot in it: equals no writer anywhere. */
const noWriter = -2;
/** The owner of a log that no other thread has joined, and whose identity nobody asks for. */
const ownerAlone = 1;

/** What a closed gate takes off the tail; an offset is always below it. */
const gateClosed: number = 2 ** 53;

const phaseOpen = 0;
const phasePoisoned = 1;
const phaseClosing = 2;
const phaseClosed = 3;

/** The slot of a writer that failed at `bound`, or died there: committed stays below, nobody waits for it. */
function failed(bound: number): number {
  return -2 - bound;
}

/** Where the cause of a poisoned log is kept for the threads that did not meet it. */
export interface PoisonNote {
  write(cause: WalError): void;
  read(): WalError;
}

/** What a waiting call waits for: a writer that is behind, or anything else. */
export type WaitsFor = "writer" | "other";

/** One who waits. Counted in before the look that decides to wait: see "Waiting". */
export class Waiter {
  readonly #cells: () => Cells;
  #countedIn: WaitsFor | null = null;

  constructor(cells: () => Cells) {
    this.#cells = cells;
  }

  /** True when it may wait now; false when it was not counted in before its last look: look again. */
  enter(what: WaitsFor): boolean {
    if (this.#countedIn === what) return true;
    this.leave();
    this.#countedIn = what;
    if (what === "writer") this.#cells().add(behindCell, 1);
    this.#cells().add(waitingCell, 1);
    return false;
  }

  leave(): void {
    if (this.#countedIn === null) return;
    this.#cells().add(waitingCell, -1);
    if (this.#countedIn === "writer") this.#cells().add(behindCell, -1);
    this.#countedIn = null;
  }
}

interface Silence {
  readonly sign: number;
  readonly since: number;
}

export class LogState {
  #cells: Cells;
  #writer: number;
  #leads = false;
  /** What this thread knows of; another's is read from the note when the phase says so. */
  #poison: WalError | null = null;
  #note: PoisonNote | null = null;
  #threads: Threads | null = null;
  #lookedAt = -Infinity;
  #ownerLookedAt = -Infinity;
  /** Where it cannot be told whether a thread lives: since when it has shown no sign of it. */
  readonly #silences = new Map<number, Silence>();
  /** Called when the log is poisoned. Must not throw. */
  onPoison: (() => void) | null = null;
  /** Called once, when this thread learns that the log is poisoned, in the middle of anything. Must not throw. */
  onPoisonKnown: (() => void) | null = null;

  /** @param writer Which slot this thread owns; the first of a log is 0. */
  constructor(cells: Cells, writer: number) {
    this.#cells = cells;
    this.#writer = writer;
  }

  /** Sets the state of a log that was just recovered. Before any other writer comes. */
  start(head: Lsn, end: Lsn, durable: Lsn): void {
    for (let i = 0; i < writersMax; i++) this.#cells.store(slotsCell + i, slotIdle);
    this.#cells.store(ownersCell, ownerAlone);
    this.#cells.store(writersCell, 1);
    this.#cells.store(headCell, head);
    this.#cells.store(durableCell, durable);
    this.#cells.store(tailCell, end);
  }

  /** Moves to cells that other threads can join. Nothing may be under way but a flush. */
  moveTo(cells: Cells, note: PoisonNote, threads: Threads): void {
    for (let cell = 0; cell < cellCount; cell++) cells.store(cell, this.#cells.load(cell));
    // Those who wait on the old cells look again, and then wait on the new ones.
    const before = this.#cells;
    this.#cells = cells;
    this.#note = note;
    this.#threads = threads;
    cells.store(ownersCell + this.#writer, threads.self());
    if (this.#poison !== null) note.write(this.#poison);
    before.add(epochCell, 1);
    before.notify(epochCell);
  }

  /** Takes a free slot in a log that another thread has shared; null when all are taken. */
  static join(cells: Cells, note: PoisonNote, threads: Threads): LogState | null {
    return LogState.#takeSlot(cells, note, threads) ?? LogState.#takeDeadSlot(cells, note, threads);
  }

  static #takeSlot(cells: Cells, note: PoisonNote, threads: Threads): LogState | null {
    for (let writer = 0; writer < writersMax; writer++) {
      if (cells.compareExchange(ownersCell + writer, nobody, threads.self()) !== nobody) continue;
      // Counted before it reserves anything, so that whoever reads a tail with its range sees its slot.
      for (let used = cells.load(writersCell); used <= writer;) {
        used = cells.compareExchange(writersCell, used, writer + 1);
      }
      const state = new LogState(cells, writer);
      state.#note = note;
      state.#threads = threads;
      return state;
    }
    return null;
  }

  /** Those that died idle have not been missed, and so not been buried. */
  static #takeDeadSlot(cells: Cells, note: PoisonNote, threads: Threads): LogState | null {
    const looker = new LogState(cells, noWriter);
    looker.#note = note;
    looker.#threads = threads;
    looker.#lookAtOthers(threads);
    return LogState.#takeSlot(cells, note, threads);
  }

  /** Gives the slot back. The lead must have been given up. */
  leave(): void {
    if (this.#cells.load(this.#slot) >= 0) return;
    if (this.#cells.load(this.#slot) === slotIdle) this.#cells.store(ownersCell + this.#writer, nobody);
    this.wake();
  }

  get isShared(): boolean {
    return this.#threads !== null;
  }

  /** Where the next record will begin. */
  get tail(): Lsn {
    const tail = this.#cells.load(tailCell);
    return (tail < 0 ? tail + gateClosed : tail) as Lsn;
  }

  /** Every byte below is written; a record boundary. */
  get committed(): Lsn {
    for (;;) {
      // A tail that was read with a range in it that has been taken back since, slot and all, would
      // pass for written up to the end of that range: there is nothing there.
      const lowered = this.#cells.load(loweredCell);
      const lowest = this.#lowestUnwritten();
      if (this.#cells.load(loweredCell) === lowered) return lowest;
    }
  }

  #lowestUnwritten(): Lsn {
    let lowest: number = this.tail;
    const writers = this.#cells.load(writersCell);
    for (let i = 0; i < writers; i++) {
      const slot = this.#cells.load(slotsCell + i);
      if (slot === slotIdle) continue;
      const bound = slot < 0 ? failed(slot) : slot;
      if (bound < lowest) lowest = bound;
    }
    return lowest as Lsn;
  }

  /**
   * Until all below `lsn` is written, as far as it is in the tail: another thread may be behind with a
   * record below it. Poisoned, it may never be.
   */
  awaitWritten(lsn: number): void {
    if (this.committed >= lsn || this.writing) return;
    // Taken once: the tail of busy writers is never caught up with.
    const bound = Math.min(lsn, this.tail);
    this.waitBlocking("writer", () => {
      return this.committed >= Math.min(bound, this.tail) || this.poison !== null;
    });
  }

  /** The end of all that any thread has appended by now; where a writer is behind it is not committed yet. */
  get appended(): Lsn {
    return this.writing ? this.committed : this.tail;
  }

  get durable(): Lsn {
    return this.#cells.load(durableCell) as Lsn;
  }

  /** Raises durable; only `cutTo` lowers it. */
  raiseDurable(to: Lsn): void {
    let before = this.#cells.load(durableCell);
    while (before < to) {
      const found = this.#cells.compareExchange(durableCell, before, to);
      if (found === before) return;
      before = found;
    }
  }

  get head(): Lsn {
    return this.#cells.load(headCell) as Lsn;
  }

  setHead(head: Lsn): void {
    this.#cells.store(headCell, head);
  }

  /* ---- the way of an append ---- */

  get #slot(): number {
    return slotsCell + this.#writer;
  }

  /** Whether this thread is between reserve and release: a store that calls back into its log. */
  get writing(): boolean {
    return this.#cells.load(this.#slot) >= 0;
  }

  /**
   * Reserves `size` bytes; returns where they begin, or else `gateIsShut`, or `logIsFull`. The caller
   * must write them and then call `release`, or else `takeBack` or `setPoison`.
   */
  reserve(size: number): number {
    const cells = this.#cells;
    let start = cells.load(tailCell);
    while (start >= 0 && start <= logBytesMax - size) {
      cells.store(this.#slot, start);
      const found = cells.compareExchange(tailCell, start, start + size);
      if (found === start) return start;
      start = found;
    }
    this.release();
    return start < 0 ? gateIsShut : logIsFull;
  }

  /** The reserved bytes are written. */
  release(): void {
    this.#cells.store(this.#slot, slotIdle);
    if (this.#cells.load(behindCell) !== 0) this.wake();
  }

  /* ---- the gate ---- */

  /**
   * Closes the gate behind a reservation whose write failed, if nobody has reserved after it. Then
   * the caller cleans up and calls `openGate(start)` or `setPoison`.
   */
  takeBack(start: Lsn, size: number): boolean {
    const cells = this.#cells;
    if (cells.compareExchange(gateCell, nobody, this.#writer + 1) !== nobody) return false;
    if (cells.compareExchange(tailCell, start + size, start - gateClosed) !== start + size) {
      this.#letGoOfGate();
      return false;
    }
    // After the tail, before the slot: see `committed`.
    this.#cells.add(loweredCell, 1);
    this.drain();
    return true;
  }

  /**
   * Closes the gate; false when it is closed already, by whomever. Reservations made before may be
   * in flight: `drain`.
   */
  closeGate(): boolean {
    if (this.#cells.compareExchange(gateCell, nobody, this.#writer + 1) !== nobody) return false;
    this.#closeTail();
    return true;
  }

  #closeTail(): void {
    for (;;) {
      const tail = this.#cells.load(tailCell);
      if (tail < 0 || this.#cells.compareExchange(tailCell, tail, tail - gateClosed) === tail) return;
    }
  }

  /** Blocks until no other writer is between its reservation and its release; they are brief. */
  drain(): void {
    this.waitBlocking("writer", () => !this.#othersWrite());
  }

  #othersWrite(): boolean {
    const writers = this.#cells.load(writersCell);
    for (let i = 0; i < writers; i++) {
      if (i !== this.#writer && this.#cells.load(slotsCell + i) >= 0) return true;
    }
    return false;
  }

  /** Lets reservations go on from `tail`; who closed the gate, after `drain`. Also after `takeBack`. */
  openGate(tail: Lsn): void {
    // A thread that read while the store was being cut may have opened a file that is gone now.
    this.#cells.add(loweredCell, 1);
    if (this.#cells.load(phaseCell) === phaseOpen) {
      this.#cells.store(tailCell, tail);
      this.#letGoOfGate();
    } else {
      this.#cells.store(tailCell, tail - gateClosed);
      this.#cells.compareExchange(gateCell, this.#writer + 1, sealed);
    }
    this.#cells.store(this.#slot, slotIdle);
    this.wake();
  }

  #letGoOfGate(): void {
    this.#cells.compareExchange(gateCell, this.#writer + 1, nobody);
    // Poisoned or closing meanwhile, by one who found the gate held.
    if (this.#cells.load(phaseCell) !== phaseOpen) this.#trySeal();
    this.wake();
  }

  get gateIsClosed(): boolean {
    return this.#cells.load(tailCell) < 0;
  }

  /** Closes the gate for good, unless another holds it: it will do it when it lets go. */
  #trySeal(): boolean {
    const held = this.#cells.compareExchange(gateCell, nobody, sealed);
    if (held !== nobody && held !== sealed) return false;
    this.#closeTail();
    return true;
  }

  /** Closes the gate for good, and waits until nobody writes. Blocks; what it waits for is brief. */
  seal(): void {
    this.#cells.compareExchange(gateCell, this.#writer + 1, sealed);
    this.waitBlocking("other", () => this.#trySeal());
    this.drain();
  }

  /* ---- cuts of the end ---- */

  /**
   * Moves the end down while the gate is closed and drained. Before the bytes go: who reads finds
   * them missing only after it could know.
   */
  cutTo(end: Lsn): void {
    this.#cells.store(tailCell, end - gateClosed);
    this.#cells.add(loweredCell, 1);
    if (this.#cells.load(durableCell) > end) this.#cells.store(durableCell, end);
    const count = this.#cells.load(cutsCell);
    this.#cells.store(cutEndsCell + (count % cutEndsKept), end);
    this.#cells.store(cutsCell, count + 1);
  }

  /** How often the end was cut. Read it before the end that it is to guard. */
  get cuts(): number {
    return this.#cells.load(cutsCell);
  }

  /** Changes before the store is cut, for whatever reason, and again after, before the next reservation. */
  get lowered(): number {
    return this.#cells.load(loweredCell);
  }

  /** The lowest end that the log was cut to since there had been `count` cuts; 0 when that is too long ago. */
  lowestCutSince(count: number): number {
    let lowest = Infinity;
    const cuts = this.cuts;
    if (cuts - count >= cutEndsKept) return 0;
    for (let i = count; i < cuts; i++) {
      lowest = Math.min(lowest, this.#cells.load(cutEndsCell + (i % cutEndsKept)));
    }
    // The one after the last may have been on its way into the place of the first.
    return this.cuts - count >= cutEndsKept ? 0 : lowest;
  }

  /* ---- the lead ---- */

  /** Makes this one the one that flushes; false when another is, or this one already. */
  takeLead(): boolean {
    if (this.#cells.compareExchange(leadCell, nobody, this.#writer + 1) !== nobody) return false;
    this.#leads = true;
    return true;
  }

  get leads(): boolean {
    return this.#leads;
  }

  /** Whether the lead is with another Wal of this very thread: blocking for it would be for ever. */
  get leadIsOfThisThread(): boolean {
    const leader = this.#cells.load(leadCell) - 1;
    if (leader < 0 || leader === this.#writer || this.#threads === null) return false;
    return this.#cells.load(ownersCell + leader) === this.#threads.self();
  }

  giveUpLead(): void {
    if (!this.#leads) return;
    this.#leads = false;
    this.#cells.compareExchange(leadCell, this.#writer + 1, nobody);
    this.wake();
  }

  /* ---- the end of it ---- */

  get poison(): WalError | null {
    if (this.#poison === null && this.#cells.load(phaseCell) === phasePoisoned) {
      this.#learn(this.#note?.read() ?? null);
    }
    return this.#poison;
  }

  /**
   * Makes the log refuse every append and sync from now on. The first cause is kept. A writer that
   * could not write what it has reserved says so: committed never passes it, and nobody waits for it.
   */
  setPoison(cause: WalError): void {
    if (this.#poison === null && this.#claimNote()) {
      this.#note?.write(cause);
      if (this.#turnToPoisoned()) this.#learn(cause);
    }
    // Of a log that is closed only this thread learns it: the others learn that it is closed.
    if (this.poison === null) this.#learn(cause);
    if (this.#writer >= 0) this.#fail(this.#writer);
    if (this.#cells.compareExchange(gateCell, this.#writer + 1, sealed) !== this.#writer + 1) this.#trySeal();
    this.wake();
    this.onPoison?.();
  }

  #learn(cause: WalError | null): void {
    if (cause === null) return;
    this.#poison = cause;
    this.onPoisonKnown?.();
  }

  /** In this order: the owner may begin to close in between. */
  #turnToPoisoned(): boolean {
    return [phaseOpen, phaseClosing].some(
      (phase) => this.#cells.compareExchange(phaseCell, phase, phasePoisoned) === phase,
    );
  }

  #fail(writer: number): void {
    const bound = this.#cells.load(slotsCell + writer);
    if (bound >= 0) this.#cells.compareExchange(slotsCell + writer, bound, failed(bound));
  }

  /** Whether this thread is to write the note: two at once would tear it. */
  #claimNote(): boolean {
    const mine = this.#writer + 1;
    for (;;) {
      // Closing too: its owner syncs before it lets go, and would wait for bytes that never come.
      const phase = this.#cells.load(phaseCell);
      if (phase !== phaseOpen && phase !== phaseClosing) return false;
      const writer = this.#cells.compareExchange(noteCell, nobody, mine);
      if (writer === nobody || writer === mine) return true;
      // Another is at it, and will be through in no time, unless it died at it.
      if (this.#isGone(writer - 1) && this.#cells.compareExchange(noteCell, writer, mine) === writer)
        return true;
      this.#cells.wait(noteCell, writer, 1);
    }
  }

  /** The owner has begun to close the log: nothing more is appended; what was can still be synced. */
  setClosing(): void {
    this.#cells.compareExchange(phaseCell, phaseOpen, phaseClosing);
    this.#trySeal();
    this.wake();
  }

  /** The owner is about to let go of the log, with the lead: from now on nobody flushes or marks. */
  setClosed(): void {
    this.#cells.compareExchange(phaseCell, phaseClosing, phaseClosed);
    this.wake();
  }

  /** Neither poisoned nor closing, as far as can be seen from here. */
  get isOpen(): boolean {
    return this.#poison === null && this.#cells.load(phaseCell) === phaseOpen;
  }

  get isClosing(): boolean {
    return this.#cells.load(phaseCell) >= phaseClosing;
  }

  get isClosed(): boolean {
    return this.#cells.load(phaseCell) === phaseClosed;
  }

  /** Another number after each cut, and when the log is poisoned or closed, by whatever thread. */
  get turns(): number {
    return 4 * this.cuts + this.#cells.load(phaseCell);
  }

  /* ---- waiting ---- */

  get epoch(): number {
    return this.#cells.load(epochCell);
  }

  /** Tells those who wait to look again. */
  wake(): void {
    if (this.#cells.load(waitingCell) === 0) return;
    this.#cells.add(epochCell, 1);
    this.#cells.notify(epochCell);
  }

  waiter(): Waiter {
    return new Waiter(() => this.#cells);
  }

  /**
   * Resolves when the epoch is no longer `seen`; or after a while, to look for dead threads, unless
   * `looks` says that there is nothing to look for.
   */
  change(seen: number, looks: boolean = true): Promise<void> {
    return this.#cells.waitAsync(epochCell, seen, looks ? deathLookMilliseconds : Infinity);
  }

  /** Whether a thread is within a write or a flush. If it dies there, only one who looks finds out. */
  get isBusy(): boolean {
    return this.#cells.load(leadCell) !== nobody || this.committed !== this.tail;
  }

  changeBlocking(seen: number): void {
    this.#cells.wait(epochCell, seen, deathLookMilliseconds);
  }

  /** Blocks until `done`, which others bring about, and is told of them. */
  waitBlocking(what: WaitsFor, done: () => boolean): void {
    if (done()) return;
    const waiter = this.waiter();
    try {
      for (;;) {
        const seen = this.epoch;
        if (done()) return;
        if (!waiter.enter(what)) continue;
        this.changeBlocking(seen);
        this.lookForDead();
      }
    } finally {
      waiter.leave();
    }
  }

  /* ---- death ---- */

  /** For those who wait: looks, now and then, whether a thread is gone that others wait for. */
  lookForDead(): void {
    const threads = this.#threads;
    if (threads === null || threads.now() - this.#lookedAt < deathLookMilliseconds) return;
    this.#lookAtOthers(threads);
  }

  /**
   * For a thread that is about to append to a log that another opened: looks, now and then, whether that one
   * is gone. Its lock went with it, and whoever has opened the log since writes where this one would.
   */
  lookForOwner(): void {
    const threads = this.#threads;
    if (threads === null) return;
    const now = threads.now();
    if (now - this.#ownerLookedAt < deathLookMilliseconds) return;
    this.#ownerLookedAt = now;
    this.#lookAt(0, threads);
  }

  /** The same at once, whenever it last looked: for a thread that has just joined. */
  lookForOwnerNow(): void {
    if (this.#threads !== null) this.#lookAt(0, this.#threads);
  }

  #lookAtOthers(threads: Threads): void {
    this.#lookedAt = threads.now();
    const writers = this.#cells.load(writersCell);
    for (let i = 0; i < writers; i++) this.#lookAt(i, threads);
  }

  #lookAt(writer: number, threads: Threads): void {
    if (writer === this.#writer) return;
    const owner = this.#cells.load(ownersCell + writer);
    if (owner === nobody || !this.#isDead(writer, owner, threads)) return;
    // One undertaker: another's second blow could hit the thread that has the slot next.
    if (this.#cells.compareExchange(ownersCell + writer, owner, -threads.self()) === owner)
      this.#bury(writer);
  }

  #isGone(writer: number): boolean {
    if (writer < 0) return true;
    const owner = this.#cells.load(ownersCell + writer);
    return owner <= nobody || this.#threads === null || this.#threads.isAlive(owner) === false;
  }

  /** Negative: it is dead, and who buries it may be too. */
  #isDead(writer: number, owner: number, threads: Threads): boolean {
    if (owner === -threads.self()) return false;
    const alive = threads.isAlive(Math.abs(owner));
    return alive === undefined ? this.#isSilent(writer, threads.now()) : !alive;
  }

  /** Where nobody can tell who lives: others wait for it, and it has shown no sign for too long. */
  #isSilent(writer: number, now: number): boolean {
    const slot = this.#cells.load(slotsCell + writer);
    const leads = this.#cells.load(leadCell) === writer + 1;
    const sign = slot >= 0 ? slot : leads ? failed(this.durable) : slotIdle;
    const silence = this.#silences.get(writer);
    if (sign === slotIdle || silence?.sign !== sign) {
      this.#silences.set(writer, { sign, since: now });
      return false;
    }
    const limit = slot >= 0 ? writerSilenceMillisecondsMax : leadSilenceMillisecondsMax;
    return sign !== slotIdle && now - silence.since >= limit;
  }

  #bury(writer: number): void {
    const bound = this.#cells.load(slotsCell + writer);
    const where = bound < slotIdle ? failed(bound) : bound;
    if (bound >= 0) {
      this.#fail(writer);
      this.setPoison(deadWriter(where as Lsn));
    } else if (writer === 0) {
      this.setPoison(deadOwner(this.tail));
    }
    // It may have died before it had closed the tail behind it.
    if (this.#cells.compareExchange(gateCell, writer + 1, sealed) === writer + 1) this.#trySeal();
    this.#cells.compareExchange(leadCell, writer + 1, nobody);
    // What it left unwritten must stay known; else its slot is free.
    if (bound === slotIdle && writer !== 0) this.#cells.store(ownersCell + writer, nobody);
    this.#silences.delete(writer);
    this.wake();
  }
}

function deadWriter(offset: Lsn): WalError {
  return new WalError("WAL_IO", `A thread died while it was writing the record at ${offset}`, {
    offset,
    reason: "dead-writer",
  });
}

function deadOwner(offset: Lsn): WalError {
  return new WalError("WAL_IO", "The thread that had opened the log died, and its lock went with it", {
    offset,
    reason: "dead-owner",
  });
}
