/** One store under test, with what every check needs to look at it. */
import type { WalStore } from "../index.ts";

/** What a check throws: what the store did, and what the contract asks for. */
export class ConformanceError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConformanceError";
  }
}

/** A part that a store may offer beside the bytes, or leave out. */
export type StorePart = "readAhead" | "mark" | "lock" | "quarantine";

/** What a store is made for: one check. */
export interface ConformanceScope {
  /** Called when the check has ended, the last given first: removes the folder, for example. */
  after(cleanUp: () => void | Promise<void>): void;
}

export interface StoreConformanceOptions {
  /**
   * The test function of the runner: `test` of node:test, of Vitest, or anything else of that shape.
   *
   * @param name What is checked.
   * @param body Rejects when it does not hold. Where it is given a context with a method `skip`, as
   *   node:test and Vitest do, it skips what is about a part that the store does not offer.
   */
  readonly test: (name: string, body: (...context: readonly unknown[]) => Promise<void>) => unknown;
  /** What the name of each test begins with. Default: none. */
  readonly name?: string | undefined;
  /**
   * Opens a store anew that was closed, with the bytes it had; for the check of the lock, beside one
   * that is still open. Without it nothing is said of what outlives a store.
   */
  readonly reopen?: ((closed: WalStore) => WalStore | Promise<WalStore>) | undefined;
  /**
   * Makes the next flush underneath this store fail, once, blocking or not, as a broken disk would.
   * Without it nothing is said of how failures are passed on.
   */
  readonly failFlush?: ((store: WalStore) => void) | undefined;
  /** How many bytes are written to see a store grow. Default 300,000. */
  readonly growBytes?: number | undefined;
  /**
   * The offset of a write far behind the end, over a gap that need not be stored. Default 2^32 + 5.
   * Less for a store to which gaps cost memory; 0 leaves the check out.
   */
  readonly farOffset?: number | undefined;
  /**
   * The parts that the store must offer. Without it one that is not there, perhaps by mistake, is
   * skipped and no failure.
   */
  readonly expect?: readonly StorePart[] | undefined;
  /** The seed of the calls made at random. Default 1. */
  readonly seed?: number | undefined;
  /** Milliseconds after which a promise counts as never settling. Default 4,000: less than Vitest gives a test. */
  readonly settleMilliseconds?: number | undefined;
}

export class ConformanceSubject {
  readonly store: WalStore;
  readonly options: StoreConformanceOptions;
  #closed = false;

  constructor(store: WalStore, options: StoreConformanceOptions) {
    this.store = store;
    this.options = options;
  }

  has(part: StorePart): boolean {
    return part === "readAhead" ? this.store.readAhead !== undefined : this.store.side?.[part] !== undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.store.close();
  }

  /** A log on the store was closed, and the store with it. */
  closedByLog(): void {
    this.#closed = true;
  }

  /** The same bytes in a store of their own, after this one was closed. */
  async reopened(): Promise<ConformanceSubject> {
    this.close();
    if (this.options.reopen === undefined) throw new ConformanceError("there is no option reopen");
    return new ConformanceSubject(
      await this.settled(Promise.resolve(this.options.reopen(this.store)), "the option reopen"),
      this.options,
    );
  }

  read(offset: number, length: number): Uint8Array {
    // Not zeros: a store that leaves out what it has nothing for must not be right by chance.
    const into = new Uint8Array(length).fill(0xee);
    return into.subarray(0, this.count(this.store.readAt(offset, into), length, "readAt"));
  }

  /** How many bytes a read says it filled. */
  count(answer: unknown, most: number, call: string): number {
    if (Number.isInteger(answer) && (answer as number) >= 0 && (answer as number) <= most)
      return answer as number;
    throw new ConformanceError(
      `${call} of ${most} bytes answered ${String(answer)}: it answers how many it filled`,
    );
  }

  /** Holds what the store has from `offset` on against what it should have. */
  holds(offset: number, expected: Uint8Array, when: string): void {
    sameBytes(this.read(offset, expected.length + 8), expected, `${when}, a read at ${offset}`);
  }

  /** The store ends here. */
  ends(length: number, when: string): void {
    same(this.store.length, length, `${when}, length`);
  }

  /** Waits for a promise; one that never settles would make the whole test run hang. */
  async settled<T>(promise: Promise<T>, what: string): Promise<T> {
    const milliseconds = this.options.settleMilliseconds ?? 4000;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const give = (): void => reject(new ConformanceError(`${what} has not settled in ${milliseconds} ms`));
      timer = setTimeout(give, milliseconds);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

export function holds(condition: boolean, message: string): void {
  if (!condition) throw new ConformanceError(message);
}

export function same(found: unknown, expected: unknown, what: string): void {
  if (!Object.is(found, expected)) {
    throw new ConformanceError(`${what}: expected ${String(expected)}, found ${String(found)}`);
  }
}

export function sameBytes(found: Uint8Array, expected: Uint8Array, what: string): void {
  const at = expected.findIndex((byte, i) => found[i] !== byte);
  if (at < 0 && found.length === expected.length) return;
  const where = at < 0 ? expected.length : at;
  throw new ConformanceError(
    `${what}: expected ${expected.length} bytes, found ${found.length}; the first difference is at ${where}: ` +
      `expected ${expected[where] ?? "nothing"}, found ${found[where] ?? "nothing"}`,
  );
}
