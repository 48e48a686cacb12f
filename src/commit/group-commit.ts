/**
 * Group commit: who flushes, and who waits for whom.
 *
 *   sync(target) ->  durable >= target ?             done, no flush
 *                    the flight covers target ?      wait for the flight
 *                    else                            wait for the next group
 *
 *   a flight:  until durable >= what its group needs:
 *                take the lead      begin = committed; flush; on success durable = begin, then the mark
 *                or another has it  wait for a change; its flush may do
 *                or nothing is new  (another writer is behind) wait for a change
 *
 * A group is of one thread: at most one is in flight, and all who come meanwhile share the next. It
 * departs when the callers of the same turn have all had their say (one microtask), so a burst of
 * commits needs one flush, not one for the first and one for the rest. Among threads the lead
 * (log-state.ts) sees to it that at most one flush is under way. What was written after a flush began
 * is never called durable by it: its target is taken before it begins.
 *
 * A flush that fails is final. It is never asked again: the kernel may have marked the pages clean,
 * and a second flush would say yes ("fsyncgate"; Rebello et al., "Can Applications Recover from
 * fsync Failures?", USENIX ATC 2020). The log is poisoned, and every waiter is told.
 *
 * The blocking form cannot wait for a flight that completes on this thread's own event loop. It
 * flushes by itself then, beside the flight; a store must report a failure to both (see
 * WalStore.flushBlocking).
 */
import { asIoError, WalError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import type { WalStore } from "../store/store.ts";
import type { LogState } from "./log-state.ts";

class Group {
  readonly promise: Promise<void>;
  resolve!: () => void;
  reject!: (error: unknown) => void;
  /** What must be durable for all of its callers. */
  needed = 0;
  /** What the flush under way will make durable; -1 before it departs. */
  target = -1;
  /** Flush although nothing new was written: for a cut, which is a change too. */
  forced = false;

  constructor() {
    this.promise = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Each waiter has a promise of its own that says so; this one alone must not end the process.
    this.promise.catch(() => {});
  }
}

export class GroupCommit {
  flushes = 0;
  readonly #store: WalStore;
  readonly #state: LogState;
  readonly #onDurable: () => void;
  #flight: Group | null = null;
  #next: Group | null = null;

  /** @param onDurable Called after each flush that succeeded, with the lead. Must not throw. */
  constructor(store: WalStore, state: LogState, onDurable: () => void) {
    this.#store = store;
    this.#state = state;
    this.#onDurable = onDurable;
  }

  /** Resolves once all below `target` is durable, which this thread must have seen written. */
  sync(target: Lsn): Promise<void> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    if (this.#state.durable >= target) return Promise.resolve();
    if (this.#flight !== null && this.#flight.target >= target) return this.#flight.promise;
    return this.#joinNext(target).promise;
  }

  syncBlocking(target: Lsn): void {
    this.#blockUntil(() => this.#state.durable >= target);
  }

  /** Resolves after a flush that began after this call, whether or not anything was written. */
  barrier(): Promise<void> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const group = this.#joinNext(0);
    group.forced = true;
    return group.promise;
  }

  barrierBlocking(): void {
    let flushed = false;
    this.#blockUntil(() => flushed, () => (flushed = true));
  }

  /** The log was cut at `end`: a flush under way speaks for what is below, and for nothing else. */
  cut(end: Lsn): void {
    for (const group of [this.#flight, this.#next]) {
      if (group === null) continue;
      group.target = Math.min(group.target, end);
      group.needed = Math.min(group.needed, end);
    }
  }

  /** Resolves when no flush is in flight and none is about to depart. */
  async settled(): Promise<void> {
    while (this.#flight !== null || this.#next !== null) {
      await (this.#flight ?? this.#next)?.promise.catch(() => {});
    }
  }

  #joinNext(target: number): Group {
    if (this.#next === null) {
      this.#next = new Group();
      if (this.#flight === null) this.#departSoon();
    }
    this.#next.needed = Math.max(this.#next.needed, target);
    return this.#next;
  }

  #departSoon(): void {
    queueMicrotask(() => {
      // A blocking call may have come first and done it.
      if (this.#flight === null && this.#next !== null) this.#depart(this.#next);
    });
  }

  #depart(group: Group): void {
    this.#next = null;
    this.#flight = group;
    this.#fly(group).then(
      () => this.#land(() => group.resolve(), true),
      (error: unknown) => this.#land(() => group.reject(error), false),
    );
  }

  #land(tell: () => void, well: boolean): void {
    this.#flight = null;
    tell();
    if (this.#next === null) return;
    // After a failure there is nothing to wait for: those who wait are told at once.
    if (well) this.#departSoon();
    else this.#depart(this.#next);
  }

  async #fly(group: Group): Promise<void> {
    const state = this.#state;
    let countedIn = false;
    try {
      for (;;) {
        const seen = state.epoch;
        const refusal = this.#refusal();
        if (refusal !== null) throw refusal;
        if (!group.forced && state.durable >= group.needed) return;
        if (state.takeLead()) {
          const begin = state.committed;
          if (group.forced || begin > state.durable) {
            group.target = begin;
            await this.#lead(group);
            if (group.forced) return;
            continue;
          }
          state.giveUpLead();
        }
        // Counted in before the look that decides to wait: see log-state.ts, "Waiting".
        if (countedIn) await this.#change(seen);
        else state.countIn();
        countedIn = true;
      }
    } finally {
      if (countedIn) state.countOut();
    }
  }

  /** Flushes, with the lead; gives it up when it is through. */
  async #lead(group: Group): Promise<void> {
    const state = this.#state;
    try {
      this.#begin(group.target);
      await this.#store.flush();
      // Poisoned while it was under way: what this flush says can no longer be relied on.
      const refusal = this.#refusal();
      if (refusal !== null && !state.isClosed) throw refusal;
      this.#succeed(group.target as Lsn);
    } catch (error) {
      throw this.#fail(error);
    } finally {
      state.giveUpLead();
    }
  }

  #blockUntil(done: () => boolean, onFlushed: () => void = () => {}): void {
    const state = this.#state;
    let countedIn = false;
    try {
      for (;;) {
        const seen = state.epoch;
        const refusal = this.#refusal();
        if (refusal !== null) throw refusal;
        if (done()) return;
        // With a flight of its own under way this thread has the lead, and flushes beside it.
        const beside = state.leads;
        if (beside || state.takeLead()) {
          const flushed = this.#flushBlocking(beside);
          if (flushed) onFlushed();
          if (flushed || done()) continue;
        }
        if (countedIn) {
          state.changeBlocking(seen);
          state.poisonIfOneDied();
        } else state.countIn();
        countedIn = true;
      }
    } finally {
      if (countedIn) state.countOut();
    }
  }

  #flushBlocking(beside: boolean): boolean {
    const state = this.#state;
    try {
      const begin = state.committed;
      this.#begin(begin);
      this.#store.flushBlocking();
      this.#succeed(begin);
      return true;
    } catch (error) {
      throw this.#fail(error);
    } finally {
      if (!beside) state.giveUpLead();
    }
  }

  /** Waits for others, and sees to it that the process lives on and dead threads are found. */
  async #change(seen: number): Promise<void> {
    const alive = setTimeout(() => {}, keepAliveMilliseconds);
    try {
      await this.#state.change(seen);
    } finally {
      clearTimeout(alive);
    }
    this.#state.poisonIfOneDied();
  }

  #begin(target: number): void {
    this.flushes++;
    // Other threads have written too: this thread's store has not seen what.
    if (this.#state.isShared) this.#store.side?.assumeUnflushed?.(this.#state.durable, target);
  }

  #succeed(begin: Lsn): void {
    this.#state.raiseDurable(begin);
    this.#onDurable();
  }

  #fail(error: unknown): WalError {
    const path = this.#store.path;
    if (error instanceof WalError && error.code === "WAL_POISONED") return error;
    this.#state.setPoison(asIoError(error, "The flush failed", { path, offset: this.#state.durable }));
    return poisoned(this.#state.poison as WalError, path);
  }

  #refusal(): WalError | null {
    const poison = this.#state.poison;
    return poison === null ? null : poisoned(poison, this.#store.path);
  }
}

/** Longer than a wait for a change lasts. */
const keepAliveMilliseconds = 1000;

/** What every call gets once the log is poisoned; the first failure is its cause. */
export function poisoned(cause: WalError, path: string | undefined): WalError {
  const where = path === undefined ? "This log" : `The log ${path}`;
  return new WalError(
    "WAL_POISONED",
    `${where} takes no more appends or syncs after a failure: ${cause.message.replace(/\.$/, "")}. ` +
      "What a sync has acknowledged is safe. Close the log and open it again to recover.",
    { path, offset: cause.offset, errno: cause.errno, cause },
  );
}
