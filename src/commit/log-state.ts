/**
 * The shared state of a log: where the next record goes, what is written, what is durable.
 *
 *   cell   name      meaning
 *   0      tail      where the next reservation begins; `gateClosed` while nobody may reserve
 *   1      held      the tail, while the gate is closed
 *   2      durable   every record below is on stable storage
 *   3...   slots     one per writer: a lower bound of what it is writing, or `slotIdle`
 *
 * An append publishes in its slot a lower bound of what it is about to reserve (the tail as it
 * reads it), reserves by one atomic add on the tail, writes, and clears its slot. So
 *
 *   committed = min(tail, every slot), the tail read first
 *
 * is a record boundary below which every byte is written: a range that is reserved and not yet
 * written lies at or above its writer's slot, which was published before the range was reserved,
 * hence before any tail that includes it could be read.
 *
 * The gate: the tail cell holds a large negative number while nobody may reserve: during a
 * roll-back, for truncation, and for good once the log is closed or poisoned. So the way of an
 * append tests for all of these with the one operation that it needs anyway. What an add makes of a
 * closed gate's number does not matter: opening the gate stores the tail anew.
 *
 * Invariants: ranges never overlap; committed never passes an unwritten byte; durable never
 * passes what was committed before the flush that raised it began; a poisoned log stays so.
 */
import { WalError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import type { Cells } from "./cells.ts";

const tailCell = 0;
const heldCell = 1;
const durableCell = 2;
const firstSlotCell = 3;

const slotIdle = -1;

/** Far enough below zero that no sum of additions by racing writers comes near zero. */
const gateClosed: number = -(2 ** 52);

/** Cells that a log with so many writers needs. */
export function cellCount(writers: number): number {
  return firstSlotCell + writers;
}

export class LogState {
  readonly #cells: Cells;
  readonly #writers: number;
  readonly #slotCell: number;
  #poison: WalError | null = null;
  /** Called when the log is poisoned. Must not throw. */
  onPoison: (() => void) | null = null;

  /** @param writer Which slot this thread owns. */
  constructor(cells: Cells, writers: number, writer: number) {
    this.#cells = cells;
    this.#writers = writers;
    this.#slotCell = firstSlotCell + writer;
  }

  /** Sets the state of a log that was just recovered. Before any writer comes. */
  start(end: Lsn, durable: Lsn): void {
    for (let i = 0; i < this.#writers; i++) this.#cells.store(firstSlotCell + i, slotIdle);
    this.#cells.store(durableCell, durable);
    this.#cells.store(tailCell, end);
  }

  /** Where the next record will begin. */
  get tail(): Lsn {
    const tail = this.#cells.load(tailCell);
    return (tail < 0 ? this.#cells.load(heldCell) : tail) as Lsn;
  }

  /** Every byte below is written; a record boundary. */
  get committed(): Lsn {
    let lowest: number = this.tail;
    for (let i = 0; i < this.#writers; i++) {
      const bound = this.#cells.load(firstSlotCell + i);
      if (bound !== slotIdle && bound < lowest) lowest = bound;
    }
    return lowest as Lsn;
  }

  get durable(): Lsn {
    return this.#cells.load(durableCell) as Lsn;
  }

  /** Raises durable; it never goes down here. */
  raiseDurable(to: Lsn): void {
    let before = this.#cells.load(durableCell);
    while (before < to) {
      const found = this.#cells.compareExchange(durableCell, before, to);
      if (found === before) return;
      before = found;
    }
  }

  /** Whether this thread is between reserve and release: a store that calls back into its log. */
  get writing(): boolean {
    return this.#cells.load(this.#slotCell) !== slotIdle;
  }

  /**
   * Reserves `size` bytes; returns where they begin, or -1 when the gate is closed. The caller
   * must write them and then call `release`, or else `takeBack` or `poison`.
   */
  reserve(size: number): number {
    const cells = this.#cells;
    const seen = cells.load(tailCell);
    if (seen < 0) return -1;
    cells.store(this.#slotCell, seen);
    const start = cells.add(tailCell, size);
    if (start >= 0) return start;
    cells.store(this.#slotCell, slotIdle);
    return -1;
  }

  /** The reserved bytes are written. */
  release(): void {
    this.#cells.store(this.#slotCell, slotIdle);
  }

  /**
   * Closes the gate behind a reservation whose write failed, if nobody has reserved after it.
   * Then the caller cleans up and calls `openGate(start)` or `poison`.
   */
  takeBack(start: Lsn, size: number): boolean {
    this.#cells.store(heldCell, start);
    return this.#cells.compareExchange(tailCell, start + size, gateClosed) === start + size;
  }

  /** Keeps everyone from reserving; returns the tail. Reservations made before may still be in flight. */
  closeGate(): Lsn {
    for (;;) {
      const tail = this.#cells.load(tailCell);
      if (tail < 0) return this.tail;
      this.#cells.store(heldCell, tail);
      if (this.#cells.compareExchange(tailCell, tail, gateClosed) === tail) return tail as Lsn;
    }
  }

  /** Moves the end down while the gate is closed and nothing is in flight. */
  cutTo(end: Lsn): void {
    this.#cells.store(heldCell, end);
    if (this.#cells.load(durableCell) > end) this.#cells.store(durableCell, end);
  }

  /** Lets reservations go on from `tail`. */
  openGate(tail: Lsn): void {
    this.#cells.store(tailCell, tail);
    this.release();
  }

  get poison(): WalError | null {
    return this.#poison;
  }

  /**
   * Makes the log refuse every append and sync from now on. The first cause is kept. A slot that
   * is set stays set: committed never passes the bytes that could not be written.
   */
  setPoison(cause: WalError): void {
    this.closeGate();
    this.#poison ??= cause;
    this.onPoison?.();
  }
}
