/**
 * Progress: how far a log has got, and how to wait, without looking again and again, for it to get
 * further. What a follower reads by, in the thread that owns the log; a thread that has attached to
 * it needs another implementation of the same interface, over shared memory.
 *
 * To lose no wake-up, a reader keeps to this order:
 *
 *   1  seen = epoch
 *   2  look: how far it is, whether it was cut, poisoned or closed; nothing new ?
 *   3  whenPast(offset, until, seen, wake): wakes at once if 2 no longer holds
 *
 * The wait holds nothing: neither a timer nor anything else that keeps a process alive. That is the
 * follower's (read/follow.ts).
 */
import type { WalError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import type { LogState } from "./log-state.ts";

/**
 * How far a follower reads. `appended`: all that is written. `durable`: only what is on stable
 * storage, which no crash takes back.
 */
export type Until = "appended" | "durable";

export interface Progress {
  /** Every byte below is written; a record boundary. */
  readonly appended: Lsn;
  /** Every byte below is on stable storage; a record boundary. */
  readonly durable: Lsn;
  /** What poisoned the log. */
  readonly poison: WalError | null;
  /** Another number after each cut, when the log is poisoned, and when it is closed. */
  readonly epoch: number;
  /**
   * Calls `wake` once, soon after the log has passed `offset` or is no longer in the epoch `seen`;
   * at once if that is so already. It may wake for nothing. Returns what takes the wait back.
   */
  whenPast(offset: Lsn, until: Until, seen: number, wake: () => void): () => void;
}

/** One who waits, and for what. */
interface Wait {
  readonly offset: Lsn;
  readonly seen: number;
  readonly wake: () => void;
}

/**
 * Progress in one thread. It is told of what this thread does, and tells those who wait; of what other
 * threads do, once the log is shared, it learns by waiting on the cells while anyone waits for it.
 *
 * It listens for appends and for flushes apart: writers wake those who wait for an append after each
 * record, and need not, for one who waits for a flush.
 */
export class LocalProgress implements Progress {
  /** Whether anyone waits for an append. All that the way of an append looks at. */
  appendAwaited = false;
  #turns = 0;
  readonly #state: LogState;
  readonly #waiting: Readonly<Record<Until, Set<Wait>>> = { appended: new Set(), durable: new Set() };
  readonly #listens: Record<Until, boolean> = { appended: false, durable: false };

  constructor(state: LogState) {
    this.#state = state;
  }

  get epoch(): number {
    return this.#turns + this.#state.turns;
  }

  get appended(): Lsn {
    return this.#state.committed;
  }

  get durable(): Lsn {
    return this.#state.durable;
  }

  get poison(): WalError | null {
    return this.#state.poison;
  }

  whenPast(offset: Lsn, until: Until, seen: number, wake: () => void): () => void {
    const wait = { offset, seen, wake };
    if (this.#isOver(wait, until)) {
      wake();
      return () => {};
    }
    const waiting = this.#waiting[until];
    waiting.add(wait);
    if (until === "appended") this.appendAwaited = true;
    if (this.#state.isShared && !this.#listens[until]) void this.#listen(until);
    return () => waiting.delete(wait);
  }

  /** Records were appended. To be called if `appendAwaited`. */
  afterAppend(): void {
    this.appendAwaited = false;
    wakeAll(this.#waiting.appended);
  }

  /** A flush has succeeded. */
  afterFlush(): void {
    wakeAll(this.#waiting.durable);
  }

  /** The log was cut, poisoned, shared or closed. */
  turn(): void {
    this.#turns++;
    this.afterAppend();
    this.afterFlush();
  }

  #isOver({ offset, seen }: Wait, until: Until): boolean {
    return this.epoch !== seen || this[until] > offset;
  }

  /**
   * Until nobody waits: looks at each change that another thread makes. Keeps no process alive. While
   * a thread is within a write or a flush it looks in between whether that one has died; else it is told
   * of everything, and does not look.
   */
  async #listen(until: Until): Promise<void> {
    this.#listens[until] = true;
    const state = this.#state;
    const waiter = state.waiter();
    try {
      while (this.#waiting[until].size > 0) {
        const seen = state.epoch;
        if (!waiter.enter(until === "appended" ? "writer" : "other")) continue;
        if (this.#wakeThoseWhoNeedNotWait(until)) continue;
        await state.change(seen, state.isBusy);
        state.lookForDead();
      }
    } finally {
      waiter.leave();
      this.#listens[until] = false;
    }
  }

  #wakeThoseWhoNeedNotWait(until: Until): boolean {
    const waiting = this.#waiting[until];
    const woken = [...waiting].filter((wait) => this.#isOver(wait, until));
    for (const wait of woken) waiting.delete(wait);
    for (const { wake } of woken) wake();
    return woken.length > 0;
  }
}

function wakeAll(waiting: Set<Wait>): void {
  if (waiting.size === 0) return;
  const woken = [...waiting];
  waiting.clear();
  for (const { wake } of woken) wake();
}
