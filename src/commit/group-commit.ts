/**
 * Group commit: who flushes, and who waits for whom.
 *
 *   sync(target) ->  durable >= target ?             done, no flush
 *                    the flight covers target ?      wait for the flight
 *                    else                            wait for the next group
 *
 *   a flight:  until durable >= what its group needs:
 *                nothing is new  (another writer is behind)  wait for the writer
 *                take the lead   begin = committed; flush; on success durable = begin, then the mark
 *                another has it  wait for a change; its flush may do
 *
 * A group is of one thread: at most one is in flight, and all who come meanwhile share the next. It
 * departs when the callers of the same turn have all had their say (one microtask), so a burst of
 * commits needs one flush, not one for the first and one for the rest. Among threads the lead
 * (log-state.ts) sees to it that at most one flush is under way. What was written after a flush began
 * is never called durable by it: its target is taken before it begins, with the lead.
 *
 * A flush that fails is final. It is never asked again: the kernel may have marked the pages clean,
 * and a second flush would say yes ("fsyncgate"; Rebello et al., "Can Applications Recover from
 * fsync Failures?", USENIX ATC 2020). The log is poisoned, and every waiter is told.
 *
 * The blocking form cannot wait for a flight that completes on this thread's own event loop. It
 * flushes by itself then, beside the flight; a store must report a failure to both (see
 * WalStore.flushBlocking). For the same reason a thread that is about to block for another one
 * first flushes beside its flight, and gives up the lead that the flight would have kept.
 */
import { asIoError, WalError } from "../errors.ts";
import { deathLookMilliseconds } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import { checkDone } from "../store/store-io.ts";
import type { WalStore } from "../store/store.ts";
import type { LogState, WaitsFor } from "./log-state.ts";

/** Who is told of the flushes that this thread makes. Must neither throw nor call the log. */
export interface FlushWatch {
  /** The time, to be given back at the end. */
  begin(): number;
  /**
   * Each flush that began, once. It is about to make what lies between `from` and `to` durable: nothing
   * where it failed, or another one has spoken for it.
   */
  end(begun: number, callers: number, from: number, to: number, error: WalError | null): void;
  /** Callers of this thread have been answered, by whoever's flush. */
  landed(): void;
}

const unwatched: FlushWatch = { begin: () => 0, end() {}, landed() {} };

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
  callers = 0;

  constructor() {
    this.promise = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Each waiter has a promise of its own that says so; this one alone must not end the process.
    this.promise.catch(() => {});
  }

  join(callers: number): Promise<void> {
    this.callers += callers;
    return this.promise;
  }
}

export class GroupCommit {
  flushes = 0;
  readonly #store: WalStore;
  readonly #state: LogState;
  readonly #onDurable: () => void;
  readonly #watch: FlushWatch;
  #flight: Group | null = null;
  #next: Group | null = null;
  /** The flight whose flush is under way, while it has the lead. */
  #leading: Group | null = null;
  #leadKept = false;

  /** @param onDurable Called after each flush that succeeded, with the lead. Must not throw. */
  constructor(store: WalStore, state: LogState, onDurable: () => void, watch: FlushWatch = unwatched) {
    this.#store = store;
    this.#state = state;
    this.#onDurable = onDurable;
    this.#watch = watch;
  }

  /**
   * Resolves once all below `target` is durable; some thread must have appended that far.
   *
   * @param callers How many wait for it.
   */
  sync(target: Lsn, callers = 1): Promise<void> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    if (this.#state.durable >= target) return Promise.resolve();
    if (this.#flight !== null && this.#flight.target >= target) return this.#flight.join(callers);
    return this.#joinNext(target).join(callers);
  }

  syncBlocking(target: Lsn): void {
    const refusal = this.#refusal();
    if (refusal !== null) throw refusal;
    this.#flushUntil(() => this.#isDurable(target), false);
    this.#watch.landed();
  }

  /** Resolves after a flush that began after this call, whether or not anything was written. */
  barrier(): Promise<void> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const group = this.#joinNext(0);
    group.forced = true;
    return group.join(1);
  }

  barrierBlocking(): void {
    this.#flushUntil(() => false, true);
  }

  /** The log was cut at `end`: a flush under way speaks for what is below, and for nothing else. */
  cut(end: Lsn): void {
    if (this.#flight !== null) this.#flight.target = Math.min(this.#flight.target, end);
    // What was cut off needs no flush, also when the log has grown past there again.
    for (const group of [this.#flight, this.#next]) {
      if (group !== null) group.needed = Math.min(group.needed, end);
    }
  }

  /** Resolves when no flush is in flight and none is about to depart. */
  async settled(): Promise<void> {
    while (this.#flight !== null || this.#next !== null) {
      await (this.#flight ?? this.#next)?.promise.catch(() => {});
    }
  }

  /* ---- the lead, for more than a flush ---- */

  /**
   * Blocks until no other thread flushes, nor can begin to. True when the lead was taken for this,
   * and must be given up; false when a flight of this thread had it already.
   */
  holdLead(): boolean {
    const state = this.#state;
    if (this.#leading !== null || state.leads || state.leadIsOfThisThread) return false;
    state.waitBlocking("other", () => state.takeLead() || state.poison !== null);
    const refusal = this.#refusal();
    if (refusal === null) return true;
    state.giveUpLead();
    throw refusal;
  }

  /** Takes the lead and keeps it, so that no other thread flushes again. After `settled`. */
  async keepLead(): Promise<void> {
    this.#leadKept = true;
    const state = this.#state;
    const waiter = state.waiter();
    try {
      for (;;) {
        const seen = state.epoch;
        if (state.leads || state.takeLead()) return;
        if (waiter.enter("other")) await this.#change(seen);
      }
    } finally {
      waiter.leave();
    }
  }

  /** The same, blocking; a flight of this thread that has it never gives it up again. */
  keepLeadBlocking(): void {
    this.#leadKept = true;
    const state = this.#state;
    state.waitBlocking("other", () => state.leads || state.leadIsOfThisThread || state.takeLead());
  }

  /** Before this thread blocks for another one: its flight could not land, and would keep the lead. */
  yieldLead(): void {
    const flight = this.#leading;
    if (flight === null) return;
    if (flight.forced || flight.target > this.#state.durable) this.#flushBeside(0);
    this.#leading = null;
    this.#state.giveUpLead();
  }

  /* ---- groups ---- */

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
    this.#watch.landed();
    if (this.#next === null) return;
    // After a failure there is nothing to wait for: those who wait are told at once.
    if (well) this.#departSoon();
    else this.#depart(this.#next);
  }

  async #fly(group: Group): Promise<void> {
    const state = this.#state;
    const waiter = state.waiter();
    try {
      for (;;) {
        const seen = state.epoch;
        // First of all: it may be there although the log was closed, or poisoned, since.
        if (!group.forced && this.#isDurable(group.needed)) return;
        const refusal = this.#refusal();
        if (refusal !== null) throw refusal;
        if (this.#tryLead(group.forced)) {
          group.target = state.committed;
          await this.#lead(group);
          if (group.forced) return;
        } else if (waiter.enter(this.#waitsFor(group.forced))) await this.#change(seen);
      }
    } finally {
      waiter.leave();
    }
  }

  /** Flushes, with the lead; gives it up when it is through. */
  async #lead(group: Group): Promise<void> {
    const state = this.#state;
    this.#leading = group;
    const begun = this.#watch.begin();
    try {
      this.#begin(group.target);
      await this.#store.flush();
      // Given up meanwhile: then a flush beside this one has spoken for it.
      if (this.#leading !== group) return this.#ended(begun, group, group.target);
      // Poisoned while it was under way: what this flush says can no longer be relied on.
      if (state.poison !== null) throw this.#refusal();
      this.#ended(begun, group, state.durable);
      this.#succeed(group.target as Lsn);
    } catch (error) {
      throw this.#failed(begun, group.callers, error);
    } finally {
      if (this.#leading === group) {
        this.#leading = null;
        if (!this.#leadKept) state.giveUpLead();
      }
    }
  }

  #flushUntil(done: () => boolean, forced: boolean): void {
    const state = this.#state;
    const waiter = state.waiter();
    try {
      for (;;) {
        const seen = state.epoch;
        if (done()) return;
        const refusal = this.#refusal();
        if (refusal !== null) throw refusal;
        if ((forced || this.#isNew()) && this.#flushNow(forced)) {
          if (forced) return;
        } else if (waiter.enter(this.#waitsFor(forced))) {
          this.yieldLead();
          state.changeBlocking(seen);
          state.lookForDead();
        }
      }
    } finally {
      waiter.leave();
    }
  }

  /** Flushes, blocking, with the lead or beside a flight of this thread; false when another has the lead. */
  #flushNow(forced: boolean): boolean {
    const state = this.#state;
    if (state.leads || state.leadIsOfThisThread) {
      this.#flushBeside(1);
      return true;
    }
    if (!this.#tryLead(forced)) return false;
    try {
      this.#flushBeside(1);
      return true;
    } finally {
      state.giveUpLead();
    }
  }

  /** @param callers 0: nobody waits for this one, but that another thread can go on. */
  #flushBeside(callers: number): void {
    const begun = this.#watch.begin();
    try {
      const begin = this.#state.committed;
      this.#begin(begin);
      checkDone(this.#store, "flushBlocking", this.#store.flushBlocking());
      // Whoever waits for the next group asked before this flush began.
      if (this.#next !== null) this.#next.forced = false;
      this.#watch.end(begun, callers + this.#takeCallers(begin), this.#state.durable, begin, null);
      this.#succeed(begin);
    } catch (error) {
      throw this.#failed(begun, callers, error);
    }
  }

  /* ---- steps of both ---- */

  /** Records that were taken back, or cut off, need no flush any more: the tail is below them. */
  #isDurable(target: number): boolean {
    return this.#state.durable >= Math.min(target, this.#state.tail);
  }

  #isNew(): boolean {
    return this.#state.committed > this.#state.durable;
  }

  /** With nothing new the lead is left alone: to take it and give it up would wake all who wait. */
  #tryLead(forced: boolean): boolean {
    const state = this.#state;
    if (!forced && !this.#isNew()) return false;
    if (!state.takeLead()) return false;
    // A log whose owner died has lost its lock: nobody may flush it, or mark it, any more.
    state.lookForDead();
    // Looked at again with the lead: flushed by another meanwhile, or the owner has let go of the log.
    if ((forced || this.#isNew()) && this.#refusal() === null) return true;
    state.giveUpLead();
    return false;
  }

  #waitsFor(forced: boolean): WaitsFor {
    return forced || this.#isNew() ? "other" : "writer";
  }

  /** Waits for others, and sees to it that the process lives on and dead threads are found. */
  async #change(seen: number): Promise<void> {
    const alive = setTimeout(() => {}, 10 * deathLookMilliseconds);
    try {
      await this.#state.change(seen);
    } finally {
      clearTimeout(alive);
    }
    this.#state.lookForDead();
  }

  #begin(target: number): void {
    this.flushes++;
    // Other threads have written too: this thread's store has not seen what.
    if (this.#state.isShared) this.#store.side?.assumeUnflushed?.(this.#state.durable, target);
  }

  /** Those who wait for the next group, where a flush up to `begin` is all that it needs. */
  #takeCallers(begin: number): number {
    const group = this.#next;
    if (group === null || group.needed > begin) return 0;
    const { callers } = group;
    group.callers = 0;
    return callers;
  }

  #ended(begun: number, group: Group, from: number): void {
    this.#watch.end(begun, group.callers, from, group.target, null);
  }

  #failed(begun: number, callers: number, error: unknown): WalError {
    const failure = this.#fail(error);
    const { durable } = this.#state;
    this.#watch.end(begun, callers, durable, durable, failure);
    return failure;
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
    if (poison !== null) return poisoned(poison, this.#store.path);
    return this.#state.isClosed ? closedByOwner(this.#store.path) : null;
  }
}

/** WAL_CLOSED in a thread that had joined. */
export function closedByOwner(path: string | undefined): WalError {
  const name = path === undefined ? "The log" : `The log ${path}`;
  const message =
    `${name} was closed by the thread that had opened it. ` +
    "When that one opens it again, attach to what it shares then.";
  return new WalError("WAL_CLOSED", message, { path });
}

/** What every call gets once the log is poisoned; the first failure is its cause. */
export function poisoned(cause: WalError, path: string | undefined): WalError {
  const where = path === undefined ? "This log" : `The log ${path}`;
  const next =
    cause.reason === "dead-owner"
      ? "Close it in every thread, open it again in one of them to recover, and share it anew."
      : "Close the log and open it again to recover; where threads share it, in the one that had opened it, " +
        "which then shares it anew.";
  return new WalError(
    "WAL_POISONED",
    `${where} takes no more appends or syncs after a failure: ${cause.message.replace(/\.$/, "")}. ` +
      `What a sync has acknowledged is safe. ${next}`,
    { path, offset: cause.offset, errno: cause.errno, reason: cause.reason, cause },
  );
}
