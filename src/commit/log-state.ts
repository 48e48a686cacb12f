/**
 * The shared state of a log: where the next record goes, what is written, what is durable, who
 * flushes. One per thread, over the same cells.
 *
 *   cell    name      meaning
 *   0       tail      where the next reservation begins; minus 2^53 while the gate is closed
 *   1       durable   every record below is on stable storage
 *   2       head      the lowest LSN still present
 *   3       phase     open, poisoned or closed; never back
 *   4       lead      the writer who flushes, plus 1; 0: nobody
 *   5       epoch     goes up whenever someone who waits should look again
 *   6       waiting   how many do
 *   7       cuts      how often the end was cut; the last ends stand in 16 cells of their own
 *   8       writers   slots that were ever taken
 *   ...     slots     per writer: a lower bound of what it is writing, or `slotIdle`
 *   ...     owners    per writer: the identity of its thread; 0: free
 *
 * **Append.** Read the tail; publish it in the slot as a lower bound; look whether the gate is open;
 * reserve by one atomic add; write; clear the slot. So
 *
 *   committed = min(tail, every slot), the tail read first
 *
 * is a record boundary below which every byte is written: a range that is reserved and not yet
 * written lies at or above its writer's slot, which was published before the range was reserved,
 * hence before any tail that includes it could be read.
 *
 * **Gate.** Closed by a compare-and-exchange of tail to tail - 2^53, so it says itself where the
 * tail stands: during a roll-back, for a cut, and for good once the log is closed or poisoned. A
 * writer that adds to a closed gate takes its addition back before it clears its slot. Who closed
 * the gate waits until every other slot is idle (`drain`) before it stores a tail anew: a writer
 * that had published its slot before is waited for, one that publishes later sees the gate closed
 * and does not add. So no addition is under way when the gate opens.
 *
 * **Lead.** Flushes are made by whoever turns lead from 0 to itself; at most one at a time.
 *
 * **Waiting.** Count oneself in, look at what is waited for, and wait for the epoch to change from
 * what it was before the look. Who changes something raises the epoch if anyone is counted in. All
 * atomics are sequentially consistent: either the one who changes sees the other counted in, or the
 * other's look came after the change.
 *
 * Invariants: ranges never overlap; committed never passes an unwritten byte; durable never
 * passes what was committed before the flush that raised it began; a poisoned log stays so.
 */
import { WalError } from "../errors.ts";
import { writersMax } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import type { Cells } from "./cells.ts";

const tailCell = 0;
const durableCell = 1;
const headCell = 2;
const phaseCell = 3;
const leadCell = 4;
const epochCell = 5;
const waitingCell = 6;
const cutsCell = 7;
const writersCell = 8;
const cutEndsCell = 9;
const cutEndsKept = 16;
const slotsCell: number = cutEndsCell + cutEndsKept;
const ownersCell: number = slotsCell + writersMax;

/** How many cells a log needs. */
export const cellCount: number = ownersCell + writersMax;

const slotIdle = -1;
const nobody = 0;
/** The owner of a log that no other thread has joined, and whose identity nobody asks for. */
const ownerAlone = 1;

/** How long a thread waits before it looks whether another has died. */
const waitMillisecondsMax = 100;

/** What a closed gate takes off the tail; an offset is always below it. */
const gateClosed: number = 2 ** 53;

const phaseOpen = 0;
const phasePoisoned = 1;
const phaseClosed = 2;

/** What one thread must know of others to work with them; a log of one thread needs none of it. */
export interface Threads {
  /** The identity of this thread, not 0. */
  self(): number;
  /** False when that thread is gone; undefined when this platform cannot tell. */
  isAlive(identity: number): boolean | undefined;
}

/** Where the cause of a poisoned log is kept for the threads that did not meet it. */
export interface PoisonNote {
  write(cause: WalError): void;
  read(): WalError;
}

export class LogState {
  #cells: Cells;
  #writer: number;
  /** What this thread knows of; another's is read from the note when the phase says so. */
  #poison: WalError | null = null;
  #note: PoisonNote | null = null;
  #threads: Threads | null = null;

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
    for (let writer = 0; writer < writersMax; writer++) {
      if (cells.compareExchange(ownersCell + writer, nobody, threads.self()) !== nobody) continue;
      // Counted before it reserves anything, so that whoever reads a tail with its range sees its slot.
      for (let used = cells.load(writersCell); used <= writer; ) {
        used = cells.compareExchange(writersCell, used, writer + 1);
      }
      const state = new LogState(cells, writer);
      state.#note = note;
      state.#threads = threads;
      return state;
    }
    return null;
  }

  /** Gives the slot back. */
  leave(): void {
    this.#cells.store(this.#slot, slotIdle);
    this.#cells.store(ownersCell + this.#writer, nobody);
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
    let lowest: number = this.tail;
    const writers = this.#cells.load(writersCell);
    for (let i = 0; i < writers; i++) {
      const bound = this.#cells.load(slotsCell + i);
      if (bound !== slotIdle && bound < lowest) lowest = bound;
    }
    return lowest as Lsn;
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
    return this.#cells.load(this.#slot) !== slotIdle;
  }

  /**
   * Reserves `size` bytes; returns where they begin, or -1 when the gate is closed. The caller
   * must write them and then call `release`, or else `takeBack` or `setPoison`.
   */
  reserve(size: number): number {
    const cells = this.#cells;
    const seen = cells.load(tailCell);
    if (seen < 0) return -1;
    const slot = this.#slot;
    cells.store(slot, seen);
    // Whoever closes the gate from here on sees the slot, and waits for it.
    if (cells.load(tailCell) < 0) return this.#backOff();
    const start = cells.add(tailCell, size);
    if (start >= 0) return start;
    cells.add(tailCell, -size);
    return this.#backOff();
  }

  #backOff(): number {
    this.release();
    return -1;
  }

  /** The reserved bytes are written. */
  release(): void {
    this.#cells.store(this.#slot, slotIdle);
    this.wake();
  }

  /* ---- the gate ---- */

  /**
   * Closes the gate behind a reservation whose write failed, if nobody has reserved after it. Then
   * the caller cleans up and calls `openGate(start)` or `setPoison`.
   */
  takeBack(start: Lsn, size: number): boolean {
    const tail = start + size;
    if (this.#cells.compareExchange(tailCell, tail, start - gateClosed) !== tail) return false;
    this.drain();
    return true;
  }

  /** Closes the gate; false when it is closed already. Reservations made before may be in flight: `drain`. */
  closeGate(): boolean {
    for (;;) {
      const tail = this.#cells.load(tailCell);
      if (tail < 0) return false;
      if (this.#cells.compareExchange(tailCell, tail, tail - gateClosed) === tail) return true;
    }
  }

  /** Blocks until no other writer is between its reservation and its release; they are brief. */
  drain(): void {
    this.#waitBlocking(() => !this.#othersWrite());
  }

  /** Lets reservations go on from `tail`; who closed the gate, after `drain`. */
  openGate(tail: Lsn): void {
    this.#cells.store(tailCell, tail);
    // Poisoned or closed meanwhile, when there was no gate left to close.
    if (this.#cells.load(phaseCell) !== phaseOpen) this.closeGate();
    this.release();
  }

  #othersWrite(): boolean {
    const writers = this.#cells.load(writersCell);
    for (let i = 0; i < writers; i++) {
      if (i !== this.#writer && this.#cells.load(slotsCell + i) !== slotIdle) return true;
    }
    return false;
  }

  /* ---- cuts of the end ---- */

  /** Moves the end down while the gate is closed and drained. */
  cutTo(end: Lsn): void {
    this.#cells.store(tailCell, end - gateClosed);
    if (this.#cells.load(durableCell) > end) this.#cells.store(durableCell, end);
    const count = this.#cells.load(cutsCell);
    this.#cells.store(cutEndsCell + (count % cutEndsKept), end);
    this.#cells.store(cutsCell, count + 1);
  }

  /** How often the end was cut. */
  get cuts(): number {
    return this.#cells.load(cutsCell);
  }

  /** The lowest end that the log was cut to since there had been `count` cuts; 0 when that is too long ago. */
  lowestCutSince(count: number): number {
    const cuts = this.cuts;
    if (cuts - count > cutEndsKept) return 0;
    let lowest = Infinity;
    for (let i = count; i < cuts; i++) {
      lowest = Math.min(lowest, this.#cells.load(cutEndsCell + (i % cutEndsKept)));
    }
    return lowest;
  }

  /* ---- the lead ---- */

  /** Makes this thread the one that flushes; false when another is, or this one already. */
  takeLead(): boolean {
    return this.#cells.compareExchange(leadCell, nobody, this.#writer + 1) === nobody;
  }

  get leads(): boolean {
    return this.#cells.load(leadCell) === this.#writer + 1;
  }

  giveUpLead(): void {
    this.#cells.store(leadCell, nobody);
    this.wake();
  }

  /* ---- the end of it ---- */

  get poison(): WalError | null {
    if (this.#poison === null && this.#cells.load(phaseCell) === phasePoisoned) {
      this.#poison = this.#note?.read() ?? null;
    }
    return this.#poison;
  }

  /**
   * Makes the log refuse every append and sync from now on. The first cause is kept. A slot that
   * is set stays set: committed never passes the bytes that could not be written.
   */
  setPoison(cause: WalError): void {
    if (this.#poison === null && this.#cells.load(phaseCell) === phaseOpen) {
      this.#note?.write(cause);
      // Another may have come first: then the note holds its cause, and this thread reads that.
      if (this.#cells.compareExchange(phaseCell, phaseOpen, phasePoisoned) === phaseOpen) this.#poison = cause;
    }
    this.closeGate();
    this.wake();
  }

  get isClosed(): boolean {
    return this.#cells.load(phaseCell) === phaseClosed;
  }

  /** The owner has closed the log: every other thread is told. */
  setClosed(): void {
    this.#cells.compareExchange(phaseCell, phaseOpen, phaseClosed);
    this.closeGate();
    this.wake();
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

  /** Counts one in who waits; before it looks at what it waits for. */
  countIn(): void {
    this.#cells.add(waitingCell, 1);
  }

  countOut(): void {
    this.#cells.add(waitingCell, -1);
  }

  /** Resolves when the epoch is no longer `seen`, or after a while, to look for dead threads. */
  change(seen: number): Promise<void> {
    return this.#cells.waitAsync(epochCell, seen, waitMillisecondsMax);
  }

  changeBlocking(seen: number): void {
    this.#cells.wait(epochCell, seen, waitMillisecondsMax);
  }

  #waitBlocking(done: () => boolean): void {
    if (done()) return;
    this.countIn();
    try {
      for (;;) {
        const seen = this.epoch;
        if (done() || this.poison !== null) return;
        this.changeBlocking(seen);
        this.poisonIfOneDied();
      }
    } finally {
      this.countOut();
    }
  }

  /**
   * Looks whether a thread is gone that others wait for: one that had published a slot, whose bytes
   * nobody will write; the log is poisoned then. One that had the lead loses it.
   */
  poisonIfOneDied(): void {
    const threads = this.#threads;
    if (threads === null) return;
    const writers = this.#cells.load(writersCell);
    for (let i = 0; i < writers; i++) {
      const owner = this.#cells.load(ownersCell + i);
      if (i === this.#writer || owner === nobody || threads.isAlive(owner) !== false) continue;
      const bound = this.#cells.load(slotsCell + i);
      if (bound !== slotIdle) {
        this.setPoison(
          new WalError("WAL_IO", `A thread died while it was writing at or after ${bound}`, {
            offset: bound as Lsn,
            reason: "dead-writer",
          }),
        );
      }
      if (this.#cells.compareExchange(leadCell, i + 1, nobody) === i + 1) this.wake();
      if (bound === slotIdle) this.#cells.compareExchange(ownersCell + i, owner, nobody);
    }
  }
}
