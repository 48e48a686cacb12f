/**
 * Following: the records of a log as they come, past its end. The follower is the part that is the
 * same for every log: who asked when, and what ends it. A tail says what comes next, and how to
 * wait for it: `live-tail.ts` for a log that is open here, `disk-tail.ts` for one that another
 * process writes.
 *
 *   step() ->  a record      given to whoever asked first
 *              a WalError    told to whoever asked first: the log was cut under the follower, which
 *                            now stands at the cut, and goes on when it is asked again
 *              "need"        fill(), then step again
 *              "wait"        wait(wake), and step again when woken
 *              "end"         the log was closed, and all was given
 *
 * One record is read for each that is asked for: back-pressure is that nobody asks. Calls of `next`
 * are answered in order. An abort and `return` end it at once, also while it waits or reads; what
 * the disk still does then is not looked at. An error that a tail throws ends it as well.
 *
 * Whoever waits keeps the thread alive, in every kind of log alike: a thread whose only work is to
 * follow would else end, without a word, at its first idle moment. The tails themselves hold nothing.
 *
 * A cut does not: were it to be followed anew from the place of the cut, another cut that came in
 * between would not be noticed.
 */
import type { Until } from "../commit/progress.ts";
import { invalidArgument, shown, WalError } from "../errors.ts";
import { timerMillisecondsMax } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import type { WalStore } from "../store/store.ts";
import { WalRecord } from "./wal-record.ts";

export interface FollowOptions {
  /** Where to begin: the LSN of a record, or the end. Default: the head. */
  readonly from?: Lsn | undefined;
  /**
   * `appended`: each record once it is in the page cache; a power cut may take it back.
   * `durable`: only records on stable storage: nothing that a crash could take back.
   * @default "appended"
   */
  readonly until?: Until | undefined;
  /** Ends the following when it aborts: the next record is refused with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether the thread, and with it the process, stays alive while a record is waited for, as in
   * `fs.watch`. `false`: it ends when it has nothing else to do.
   * @default true
   */
  readonly persistent?: boolean | undefined;
}

/** @throws {WalError} WAL_INVALID_ARGUMENT naming the option that is not of its kind. */
export function checkFollow(options: FollowOptions): void {
  if (typeof options !== "object" || options === null) {
    throw invalidArgument(`The options of follow are an object; got ${shown(options)}.`);
  }
  const { from, until, signal, persistent } = options;
  if (from !== undefined && !(Number.isSafeInteger(from) && from >= 0)) {
    throw invalidArgument(`from is an LSN, a whole number of bytes from 0 on; got ${shown(from)}.`);
  }
  if (until !== undefined && until !== "appended" && until !== "durable") {
    throw invalidArgument(`until of follow is "appended" or "durable"; got ${shown(until)}.`);
  }
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function") {
    throw invalidArgument("signal is an AbortSignal.");
  }
  if (persistent !== undefined && typeof persistent !== "boolean") {
    throw invalidArgument(`persistent of follow is true or false; got ${shown(persistent)}.`);
  }
}

/** Where a follower's records come from. */
export interface Tail {
  step(): WalRecord | WalError | "need" | "wait" | "end";
  fill(): Promise<void>;
  /**
   * Calls `wake` once there may be more; perhaps before it returns. Returns what takes the wait back.
   * Keeps no thread alive.
   */
  wait(wake: () => void): () => void;
  /** The log is about to be closed: the last moment to read from its store. Must not throw. */
  leave(): void;
  /** Nothing more is asked. */
  close(): void;
}

type Given = IteratorResult<WalRecord, undefined>;

export class Follower implements AsyncIterableIterator<WalRecord, undefined, void> {
  readonly #tail: Tail;
  readonly #signal: AbortSignal | undefined;
  readonly #persistent: boolean;
  readonly #onEnd: (follower: Follower, failure: unknown) => void;
  #ended = false;
  /** Calls of `next` that are not answered, and the last of them. */
  #asked = 0;
  #last: Promise<unknown> = Promise.resolve();
  /** Ends what is awaited now. */
  #rouse: (() => void) | null = null;

  /** @param onEnd Called once, however it ends; with what it failed with, if it did. */
  constructor(
    tail: Tail,
    { signal, persistent = true }: FollowOptions,
    onEnd: (follower: Follower, failure: unknown) => void,
  ) {
    this.#tail = tail;
    this.#signal = signal;
    this.#persistent = persistent;
    this.#onEnd = onEnd;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Given> {
    const given = this.#asked === 0 ? this.#give() : this.#last.then(() => this.#give());
    this.#asked++;
    const answered = (): void => {
      this.#asked--;
    };
    this.#last = given.then(answered, answered);
    return given;
  }

  /** Ends it. Whoever waits for a record is told that there is none. */
  return(): Promise<Given> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  /** The log is about to be closed. */
  leave(): void {
    this.#tail.leave();
    this.#rouse?.();
  }

  async #give(): Promise<Given> {
    const given = await this.#awaitNext();
    if (given instanceof WalError) throw given;
    return given;
  }

  async #awaitNext(): Promise<Given | WalError> {
    try {
      for (;;) {
        if (this.#ended) return { done: true, value: undefined };
        this.#signal?.throwIfAborted();
        const step = this.#tail.step();
        if (step instanceof WalRecord) return { done: false, value: step };
        if (typeof step === "object") return step;
        if (step === "end") this.#end();
        else if (step === "need") await this.#undisturbed((resume, fail) => this.#fill(resume, fail));
        else await this.#undisturbed((resume) => this.#wait(resume));
      }
    } catch (error) {
      this.#end(error);
      throw error;
    }
  }

  #fill(resume: () => void, fail: (error: unknown) => void): () => void {
    this.#tail.fill().then(resume, fail);
    return () => {};
  }

  #wait(resume: () => void): () => void {
    // It need never fire: that it is pending holds the thread.
    const hold = this.#persistent ? setInterval(() => {}, timerMillisecondsMax) : undefined;
    const stop = this.#tail.wait(resume);
    return () => {
      clearInterval(hold);
      stop();
    };
  }

  /** Resolves when what was started says so, or earlier when the follower is ended or aborted. */
  async #undisturbed(
    start: (resume: () => void, fail: (error: unknown) => void) => () => void,
  ): Promise<void> {
    const signal = this.#signal;
    let stop: (() => void) | undefined;
    let rouse: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        rouse = resolve;
        this.#rouse = rouse;
        signal?.addEventListener("abort", rouse);
        stop = start(resolve, reject);
      });
    } finally {
      this.#rouse = null;
      if (rouse !== undefined) signal?.removeEventListener("abort", rouse);
      stop?.();
    }
  }

  #end(failure?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#tail.close();
    this.#rouse?.();
    this.#onEnd(this, failure);
  }
}

/** WAL_CORRUPT for a follower that has given records which are no longer in the log. */
export function cutUnderFollower(store: WalStore, at: Lsn, cut: Lsn): WalError {
  const where = store.path === undefined ? "The log" : `The log ${store.path}`;
  return new WalError(
    "WAL_CORRUPT",
    `${where} was cut at ${cut}, under a follower that stood at ${at}: what it gave from there on is gone, and ` +
      "other records may have taken its place (truncated). Undo that, and ask the same follower again: it goes on at the cut.",
    { path: store.path, offset: cut, reason: "truncated" },
  );
}
