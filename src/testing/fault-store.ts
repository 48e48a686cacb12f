/**
 * A store around another that fails when it is told to: for the tests of an application, which must
 * do the right thing when its log says WAL_IO or WAL_POISONED.
 *
 * What the store underneath keeps beside the bytes (mark, lock, segments) is passed on untouched.
 */
import type { StoreSide, WalStore } from "../index.ts";
import { type Fault, FaultPlan } from "./fault-plan.ts";
import { checkStore, checkStoreFault } from "./option-checks.ts";
import { systemError } from "./system-error.ts";
import { turn } from "./turn.ts";

/** The kinds of calls, as faults count them. `readAhead` counts as `readAt`, `flushBlocking` as `flush`. */
export type StoreCallKind = "writeAt" | "readAt" | "truncate" | "truncateBefore" | "flush" | "close";

export type StoreEffect =
  /** The call throws, or its promise rejects, with an error of this `code`, and does nothing. */
  | { readonly kind: "fail"; readonly errno: string }
  /**
   * A write or read does its first `most` bytes. A write then throws with `errno` (default ENOSPC),
   * as a disk does that is full; a read answers as though the store ended there, or throws where
   * `errno` is given.
   */
  | { readonly kind: "short"; readonly most: number; readonly errno?: string | undefined }
  /** An asynchronous flush or read takes so many turns of the event loop longer. Blocking ones do not. */
  | { readonly kind: "delay"; readonly turns: number };

/** A fault of a {@link FaultStore}: which calls do something else than their work. */
export type StoreFault = Fault<StoreCallKind, StoreEffect>;

/** A flush under way that waits for the test to end it. */
export interface HeldStoreFlush {
  /** How long the store was when the flush began, in bytes: all that it may answer for. */
  readonly covers: number;
  /** The store underneath flushes; the promise ends as that does. */
  land(): void;
  /** The promise rejects with an error of this code. Default: EIO. */
  fail(errno?: string): void;
}

/**
 * Wraps any store; its calls fail, fall short or take their time by kind and count.
 *
 * @example
 * const store = new FaultStore(new MemStore());
 * const wal = await Wal.withStore(store);
 * wal.append("kept in memory only");
 * store.inject({ call: "flush", effect: { kind: "fail", errno: "EIO" } });
 * const failed = await wal.sync().catch((error: WalError) => error.code);
 * console.log(failed); // WAL_POISONED
 */
export class FaultStore implements WalStore {
  readonly path: string | undefined;
  readonly side: StoreSide | undefined;
  readonly readAhead: ((offset: number, into: Uint8Array) => Promise<number>) | undefined;
  /** True: asynchronous flushes wait in `heldFlushes` until they are ended by hand. */
  holdFlushes = false;
  /** Asynchronous flushes under way that wait to be ended by hand, oldest first. */
  readonly heldFlushes: HeldStoreFlush[] = [];
  /** Called before each call; what it throws is what the call throws. */
  onCall: ((kind: StoreCallKind) => void) | null = null;
  /** Calls that came after `close`, oldest first; they are passed on. A log makes none. */
  readonly callsAfterClose: StoreCallKind[] = [];
  #closed = false;
  readonly #store: WalStore;
  readonly #faults: FaultPlan<StoreCallKind, StoreEffect, StoreFault> = new FaultPlan();
  readonly #counts = new Map<StoreCallKind, number>();

  /**
   * @param store The store underneath. Two around one store are two to the log: that it is open twice
   *   is then seen only where `store` has a lock of its own.
   * @throws {WalError} WAL_INVALID_ARGUMENT when that is no store.
   */
  constructor(store: WalStore) {
    checkStore("The store of a FaultStore", store);
    this.#store = store;
    this.path = store.path;
    this.side = store.side;
    const ahead = store.readAhead?.bind(store);
    this.readAhead = ahead === undefined ? undefined : (offset, into) => this.#readAhead(ahead, offset, into);
  }

  /**
   * Adds a fault.
   *
   * @throws {WalError} WAL_INVALID_ARGUMENT when it is not of its kind, or could never strike.
   */
  inject(fault: StoreFault): void {
    checkStoreFault(fault);
    this.#faults.add(fault);
  }

  /** Takes all faults back. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /** Faults that can still strike. */
  get faultsWaiting(): number {
    return this.#faults.waiting;
  }

  /** How many calls of this kind there were. */
  calls(kind: StoreCallKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  get length(): number {
    return this.#store.length;
  }

  get head(): number {
    return this.#store.head;
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    const effect = this.#enter("writeAt");
    if (effect?.kind !== "short" || effect.most >= bytes.length) return this.#store.writeAt(offset, bytes);
    if (effect.most > 0) this.#store.writeAt(offset, bytes.subarray(0, effect.most));
    throw systemError(effect.errno ?? "ENOSPC", "writeAt");
  }

  readAt(offset: number, into: Uint8Array): number {
    const effect = this.#enter("readAt");
    const got = this.#store.readAt(offset, shortened(effect, into));
    return checkedRead(effect, got);
  }

  truncate(length: number): void {
    this.#enter("truncate");
    this.#store.truncate(length);
  }

  truncateBefore(offset: number): number {
    this.#enter("truncateBefore");
    return this.#store.truncateBefore(offset);
  }

  async flush(): Promise<void> {
    const effect = this.#enter("flush");
    if (this.holdFlushes) await this.#held();
    await delayed(effect);
    await this.#store.flush();
  }

  flushBlocking(): void {
    this.#enter("flush");
    this.#store.flushBlocking();
  }

  close(): void {
    this.#enter("close");
    this.#closed = true;
    this.#store.close();
  }

  #enter(kind: StoreCallKind): StoreEffect | undefined {
    this.#counts.set(kind, this.calls(kind) + 1);
    if (this.#closed) this.callsAfterClose.push(kind);
    this.onCall?.(kind);
    const effect = this.#faults.meet(kind);
    if (effect?.kind === "fail") throw systemError(effect.errno, kind);
    return effect;
  }

  async #readAhead(
    ahead: (offset: number, into: Uint8Array) => Promise<number>,
    offset: number,
    into: Uint8Array,
  ): Promise<number> {
    const effect = this.#enter("readAt");
    await delayed(effect);
    return checkedRead(effect, await ahead(offset, shortened(effect, into)));
  }

  #held(): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        const at = this.heldFlushes.indexOf(held);
        if (at >= 0) this.heldFlushes.splice(at, 1);
        settle();
      };
      const held: HeldStoreFlush = {
        covers: this.length,
        land: () => end(resolve),
        fail: (errno = "EIO") => end(() => reject(systemError(errno, "flush"))),
      };
      this.heldFlushes.push(held);
    });
  }
}

function shortened(effect: StoreEffect | undefined, into: Uint8Array): Uint8Array {
  return effect?.kind === "short" ? into.subarray(0, effect.most) : into;
}

function checkedRead(effect: StoreEffect | undefined, got: number): number {
  if (effect?.kind === "short" && effect.errno !== undefined) throw systemError(effect.errno, "readAt");
  return got;
}

async function delayed(effect: StoreEffect | undefined): Promise<void> {
  if (effect?.kind !== "delay") return;
  for (let i = 0; i < effect.turns; i++) await turn();
}
