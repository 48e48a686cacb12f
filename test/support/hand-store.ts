import { MemStore } from "wal-db";

/** One call of `flush`, to be ended by the test. */
export interface Flight {
  /** How many bytes the store held when the flush began: all that it may answer for. */
  readonly covers: number;
  land(): void;
  fail(error: unknown): void;
}

/**
 * A memory store driven by the test: its flushes end when the test says so, its writes and cuts
 * fail when the test says so, and what was asked of it is counted.
 */
export class HandStore extends MemStore {
  /** False: a flush succeeds at once. Set it once the log is open. */
  byHand = false;
  readonly flights: Flight[] = [];
  flushCalls = 0;
  blockingFlushCalls = 0;
  closeCalls = 0;
  /** Calls that came after close, which none may. */
  readonly afterClose: string[] = [];

  /** Called before each write, with its number from 1 on; what it throws fails the write. */
  onWrite: ((nth: number, offset: number, bytes: Uint8Array) => void) | null = null;
  onTruncate: ((length: number) => void) | null = null;
  onFlushBlocking: (() => void) | null = null;
  #writes = 0;

  /** The numbering of writes begins again at 1. */
  countFromHere(): void {
    this.#writes = 0;
  }

  get writes(): number {
    return this.#writes;
  }

  /** Writes past `onWrite`: what a write leaves behind that fails half-way. */
  leave(offset: number, bytes: Uint8Array): void {
    super.writeAt(offset, bytes);
  }

  override writeAt(offset: number, bytes: Uint8Array): void {
    this.#note("writeAt");
    this.#writes++;
    this.onWrite?.(this.#writes, offset, bytes);
    super.writeAt(offset, bytes);
  }

  override readAt(offset: number, into: Uint8Array): number {
    this.#note("readAt");
    return super.readAt(offset, into);
  }

  override truncate(length: number): void {
    this.#note("truncate");
    this.onTruncate?.(length);
    super.truncate(length);
  }

  override flush(): Promise<void> {
    this.#note("flush");
    this.flushCalls++;
    if (!this.byHand) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.flights.push({ covers: this.length, land: resolve, fail: reject });
    });
  }

  override flushBlocking(): void {
    this.#note("flushBlocking");
    this.blockingFlushCalls++;
    this.onFlushBlocking?.();
  }

  override close(): void {
    this.#note("close");
    this.closeCalls++;
  }

  /** The flight with this number, which must have departed. */
  flight(index: number): Flight {
    const flight = this.flights[index];
    if (flight === undefined)
      throw new Error(`flight ${index} has not departed: ${this.flights.length} have`);
    return flight;
  }

  #note(call: string): void {
    if (this.closeCalls > 0) this.afterClose.push(call);
  }
}

/** Lets everything that waits for nothing but its turn have it. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Whether a promise has been settled by now, and how. */
export async function stateOf(promise: Promise<unknown>): Promise<"pending" | "resolved" | "rejected"> {
  const settled = promise.then(
    () => "resolved" as const,
    () => "rejected" as const,
  );
  await turn();
  return Promise.race([settled, Promise.resolve("pending" as const)]);
}
