/**
 * How the steps of recovery, which are the same for a blocking and for an asynchronous open, get
 * their reads and flushes done: recovery is a generator that asks, and two small loops answer.
 */
import { asIoError, WalError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import type { WalStore } from "./store.ts";

export type Io =
  | { readonly kind: "read"; readonly offset: number; readonly into: Uint8Array }
  | { readonly kind: "flush" };

/** Steps that ask for I/O: a read is answered with its count, a flush with 0, either with what it threw. */
export type Steps<T> = Generator<Io, T, number>;

export function runBlocking<T>(steps: Steps<T>, store: WalStore): T {
  let state = steps.next(0);
  while (!state.done) {
    const io = state.value;
    let answer = 0;
    try {
      if (io.kind === "read") answer = readChecked(store, io.offset, io.into);
      else flushBlockingChecked(store);
    } catch (error) {
      state = steps.throw(error);
      continue;
    }
    state = steps.next(answer);
  }
  return state.value;
}

export async function runAsync<T>(steps: Steps<T>, store: WalStore, checkOpen?: () => void): Promise<T> {
  let state = steps.next(0);
  while (!state.done) {
    const io = state.value;
    let answer = 0;
    try {
      if (io.kind === "read") answer = await readAheadChecked(store, io.offset, io.into, checkOpen);
      else await flushChecked(store);
    } catch (error) {
      state = steps.throw(error);
      continue;
    }
    state = steps.next(answer);
  }
  return state.value;
}

/** `readAt`, its failure as WAL_IO, its answer held against the contract. */
export function readChecked(store: WalStore, offset: number, into: Uint8Array): number {
  let count: number;
  try {
    count = store.readAt(offset, into);
  } catch (error) {
    throw readError(store, offset, error);
  }
  return checkedCount(store, offset, into, count);
}

/**
 * The same without blocking the thread where the store can; else one turn of the event loop apart.
 *
 * @param checkOpen Throws when the log was closed in that turn: what was read is of no use then.
 */
export async function readAheadChecked(
  store: WalStore,
  offset: number,
  into: Uint8Array,
  checkOpen?: () => void,
): Promise<number> {
  if (store.readAhead === undefined) {
    // Read before the turn: after it the store may have been closed.
    const read = readChecked(store, offset, into);
    await nextTurn();
    checkOpen?.();
    return read;
  }
  let count: number;
  try {
    count = await store.readAhead(offset, into);
  } catch (error) {
    throw readError(store, offset, error);
  }
  return checkedCount(store, offset, into, count);
}

/** What a call that must be done on return answered: a promise says that it is not. */
export function checkDone(store: WalStore, method: string, answer: unknown): void {
  if (answer === undefined || !(answer instanceof Promise)) return;
  answer.catch(() => {});
  throw new WalError(
    "WAL_IO",
    `The store broke its contract: ${method} answered a promise. It must be done when it returns; only flush and ` +
      "readAhead are asynchronous.",
    { path: store.path, reason: "store-contract" },
  );
}

/** Lets the event loop do other things; a timer where there is no setImmediate (browsers). */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}

function flushBlockingChecked(store: WalStore): void {
  try {
    checkDone(store, "flushBlocking", store.flushBlocking());
  } catch (error) {
    throw asIoError(error, "The flush of what was recovered failed", { path: store.path });
  }
}

async function flushChecked(store: WalStore): Promise<void> {
  try {
    await store.flush();
  } catch (error) {
    throw asIoError(error, "The flush of what was recovered failed", { path: store.path });
  }
}

function readError(store: WalStore, offset: number, error: unknown): WalError {
  return asIoError(error, `Reading the log at ${offset} failed`, { path: store.path, offset: offset as Lsn });
}

function checkedCount(store: WalStore, offset: number, into: Uint8Array, count: number): number {
  if (Number.isInteger(count) && count >= 0 && count <= into.length) return count;
  throw new WalError(
    "WAL_IO",
    `The store broke its contract: readAt(${offset}) into ${into.length} bytes answered ${String(count)}. ` +
      "It must answer how many bytes it filled.",
    { path: store.path, offset: offset as Lsn, reason: "store-contract" },
  );
}
