/**
 * Group commit: who flushes, and who waits for whom.
 *
 *   sync(target) ->  durable >= target ?             done, no flush
 *                    the flight covers target ?      wait for the flight
 *                    else                            wait for the next group
 *
 *   a flight:  begin = committed; flush; on success durable = begin, then the mark
 *
 * At most one flush is in flight; all who come meanwhile share the next. A group departs when the
 * callers of the same turn have all had their say (one microtask), so a burst of commits needs one
 * flush, not one for the first and one for the rest. What was written after a flush began is never
 * called durable by it: its target is taken before it begins.
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
import { checkDone } from "../store/store-io.ts";
import type { WalStore } from "../store/store.ts";
import type { LogState } from "./log-state.ts";

class Group {
  readonly promise: Promise<void>;
  resolve!: () => void;
  reject!: (error: unknown) => void;
  /** What the flight will make durable; known once it departs. */
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

  /** @param onDurable Called after each flush that succeeded. Must not throw. */
  constructor(store: WalStore, state: LogState, onDurable: () => void) {
    this.#store = store;
    this.#state = state;
    this.#onDurable = onDurable;
  }

  /** Resolves once all below `target` is durable, which must be written already. */
  sync(target: Lsn): Promise<void> {
    if (this.#state.poison !== null) return Promise.reject(poisoned(this.#state.poison, this.#store.path));
    if (this.#state.durable >= target) return Promise.resolve();
    if (this.#flight !== null && this.#flight.target >= target) return this.#flight.promise;
    return this.#joinNext().promise;
  }

  syncBlocking(target: Lsn): void {
    if (this.#state.poison !== null) throw poisoned(this.#state.poison, this.#store.path);
    if (this.#state.durable < target) this.barrierBlocking();
  }

  /** Resolves after a flush that began after this call, whether or not anything was written. */
  barrier(): Promise<void> {
    if (this.#state.poison !== null) return Promise.reject(poisoned(this.#state.poison, this.#store.path));
    const group = this.#joinNext();
    group.forced = true;
    return group.promise;
  }

  barrierBlocking(): void {
    if (this.#state.poison !== null) throw poisoned(this.#state.poison, this.#store.path);
    const begin = this.#state.committed;
    this.flushes++;
    try {
      checkDone(this.#store, "flushBlocking", this.#store.flushBlocking());
    } catch (error) {
      throw this.#fail(error);
    }
    // Whoever waits for the next group asked before this flush began.
    if (this.#next !== null) this.#next.forced = false;
    this.#succeed(begin);
  }

  /** The log was cut at `end`: a flush under way speaks for what is below, and for nothing else. */
  cut(end: Lsn): void {
    if (this.#flight !== null) this.#flight.target = Math.min(this.#flight.target, end);
  }

  /** Resolves when no flush is in flight and none is about to depart. */
  async settled(): Promise<void> {
    while (this.#flight !== null || this.#next !== null) {
      await (this.#flight ?? this.#next)?.promise.catch(() => {});
    }
  }

  #joinNext(): Group {
    if (this.#next === null) {
      this.#next = new Group();
      if (this.#flight === null) this.#departSoon();
    }
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
    const poison = this.#state.poison;
    if (poison !== null) return group.reject(poisoned(poison, this.#store.path));
    const begin = this.#state.committed;
    if (!group.forced && this.#state.durable >= begin) return group.resolve();

    group.target = begin;
    this.#flight = group;
    this.flushes++;
    let flushed: Promise<void>;
    try {
      flushed = Promise.resolve(this.#store.flush());
    } catch (error) {
      flushed = Promise.reject(error);
    }
    flushed.then(
      () => this.#land(group),
      (error: unknown) => this.#crash(group, error),
    );
  }

  #land(group: Group): void {
    this.#flight = null;
    const poison = this.#state.poison;
    if (poison === null) {
      this.#succeed(group.target as Lsn);
      group.resolve();
    } else {
      // Poisoned while it was under way: what this flush says can no longer be relied on.
      group.reject(poisoned(poison, this.#store.path));
    }
    if (this.#next !== null) this.#departSoon();
  }

  #crash(group: Group, error: unknown): void {
    this.#flight = null;
    group.reject(this.#fail(error));
    if (this.#next !== null) this.#depart(this.#next);
  }

  #succeed(begin: Lsn): void {
    this.#state.raiseDurable(begin);
    this.#onDurable();
  }

  #fail(error: unknown): WalError {
    const path = this.#store.path;
    this.#state.setPoison(asIoError(error, "The flush failed", { path, offset: this.#state.durable }));
    return poisoned(this.#state.poison as WalError, path);
  }
}

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
