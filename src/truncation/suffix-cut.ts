/**
 * Cutting the end of a log off, at a record boundary.
 *
 *   1  close the gate: nobody appends; take the lead: nobody flushes
 *   2  lower the mark to the new end, durably, and what   a crash: the log as it was before
 *      stands beside the log; note the cut
 *   3  say so in the cells, then cut the store; note it   a crash: before, or after
 *      again
 *   4  flush; then open the gate at the new end           after
 *
 * 1 to 3 run without giving up the thread; in a shared log they block for a flush of another. While 4 is pending an append must not write: were the
 * cut to be lost and that append's bytes not, old records could stand intact behind it. So an
 * append that comes in between completes 4 itself, blocking; a second cut does the same.
 *
 * A walk that began before a cut ends at it; one that stands past it already gets WAL_CORRUPT
 * with reason `truncated`.
 */
import { type GroupCommit, poisoned } from "../commit/group-commit.ts";
import type { LogState } from "../commit/log-state.ts";
import { asIoError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import type { Mark } from "../recovery/mark.ts";
import { checkDone } from "../store/store-io.ts";
import type { WalStore } from "../store/store.ts";

/** What stands beside the log, and must know of a cut. Called with the gate closed. */
interface CutBeside {
  /** Before the cut; throws when it must not be made. */
  cut(end: Lsn): void;
  /** After it, and before anything is written in its place. Must not throw. */
  noteCut(end: Lsn): void;
}

interface PendingCut {
  readonly end: Lsn;
  /** Resolves when the cut is on stable storage. */
  flushed: Promise<void>;
}

export class SuffixCut {
  readonly #store: WalStore;
  readonly #state: LogState;
  readonly #commit: GroupCommit;
  readonly #mark: Mark | null;
  readonly #beside: CutBeside | null;
  /** The ends that the log was cut to, in order: a walk knows how many it has seen. */
  readonly #ends: Lsn[] = [];
  #pending: PendingCut | null = null;

  constructor(
    store: WalStore,
    state: LogState,
    commit: GroupCommit,
    mark: Mark | null,
    beside: CutBeside | null = null,
  ) {
    this.#store = store;
    this.#state = state;
    this.#commit = commit;
    this.#mark = mark;
    this.#beside = beside;
  }

  /** How many cuts there have been. */
  get count(): number {
    return this.#ends.length;
  }

  /** The lowest end that the log was cut to since there had been `count` cuts. */
  lowestSince(count: number): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (let i = count; i < this.#ends.length; i++) lowest = Math.min(lowest, this.#ends[i] as Lsn);
    return lowest;
  }

  /** Cuts; resolves when the cut is durable. */
  async cut(end: Lsn): Promise<void> {
    const cut = this.#begin(end);
    cut.flushed = this.#commit.barrier();
    await cut.flushed;
    // An append that could not wait may have completed it, and another cut have followed.
    if (this.#pending === cut) this.#complete(cut);
  }

  /** Resolves when no cut is under way. */
  async settled(): Promise<void> {
    await this.#pending?.flushed;
  }

  cutBlocking(end: Lsn): void {
    this.#begin(end);
    this.completeBlocking();
  }

  /** Completes a cut that is under way; false when there is none. */
  completeBlocking(): boolean {
    if (this.#pending === null) return false;
    const cut = this.#pending;
    this.#commit.barrierBlocking();
    this.#complete(cut);
    return true;
  }

  #begin(end: Lsn): PendingCut {
    this.completeBlocking();
    this.#shutOut();
    const heldForThis = this.#holdLead();
    try {
      this.#cutStore(end);
    } finally {
      if (heldForThis) this.#state.giveUpLead();
    }
    const cut = { end, flushed: Promise.resolve() };
    this.#pending = cut;
    return cut;
  }

  /** Closes the gate, and waits until no thread is within a write. */
  #shutOut(): void {
    const state = this.#state;
    // Another thread may have closed it, to take a write back; or it is closed for good.
    state.waitBlocking("other", () => state.closeGate() || state.poison !== null || state.isClosing);
    state.drain();
    if (state.poison === null) return;
    state.openGate(state.tail);
    throw poisoned(state.poison, this.#store.path);
  }

  #holdLead(): boolean {
    try {
      return this.#commit.holdLead();
    } catch (error) {
      this.#state.openGate(this.#state.tail);
      throw error;
    }
  }

  #cutStore(end: Lsn): void {
    const where = { path: this.#store.path, offset: end };
    try {
      this.#beside?.cut(end);
      if (this.#state.isShared) this.#mark?.reload();
      this.#mark?.lower(end);
    } catch (error) {
      this.#state.openGate(this.#state.tail);
      throw asIoError(error, `Lowering the mark to ${end}, before the log is cut there, failed`, where);
    }
    this.#commit.cut(end);
    this.#state.cutTo(end);
    this.#ends.push(end);
    try {
      checkDone(this.#store, "truncate", this.#store.truncate(end));
    } catch (error) {
      const failure = asIoError(error, `Cutting the log at ${end} failed`, where);
      this.#state.setPoison(failure);
      throw failure;
    } finally {
      this.#beside?.noteCut(end);
    }
  }

  #complete(cut: PendingCut): void {
    this.#pending = null;
    if (this.#state.poison !== null) return;
    this.#state.raiseDurable(cut.end);
    this.#state.openGate(cut.end);
  }
}
