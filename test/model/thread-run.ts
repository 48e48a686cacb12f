/** The tree of all runs of one thread: a node for each list of answers it has had so far. */
import type { Run, Stretch } from "./replay.js";
import type { ShippedCode } from "./shipped-code.js";

type RunOf = (body: string, thread: number, joined: number, answers: readonly number[]) => Run;

/** A thread that goes on for so long goes on for ever. */
const answersMax = 250;

/** Added to the number of a wait that nobody has ended. */
export const timedOut = 1000;

let nodes = 0;

export class ThreadRun {
  readonly id: number = nodes++;
  readonly stretch: Stretch;
  readonly body: string;
  readonly #code: ShippedCode;
  readonly #answers: readonly number[];
  readonly #thread: number;
  readonly #joined: number;
  readonly #before: ThreadRun | null;
  readonly #next = new Map<number, ThreadRun>();
  /** By what a call returned that began here: see `forgetful` in replay.ts. */
  readonly #returned = new Map<string, ThreadRun>();

  constructor(
    code: ShippedCode,
    body: string,
    thread: number,
    joined: number,
    answers: readonly number[] = [],
    before: ThreadRun | null = null,
  ) {
    this.#before = before;
    this.#code = code;
    this.body = body;
    this.#thread = thread;
    this.#joined = joined;
    this.#answers = answers;
    const runOf = code.load("build/test/model/replay.js")["runOf"] as RunOf;
    const run = runOf(body, thread, joined, answers);
    code.run(() => run.start());
    while (run.hasMore) code.run(() => run.deliver());
    this.stretch = run.end();
  }

  /** Where the thread stands after one more answer. */
  after(answer: number): ThreadRun {
    let next = this.#next.get(answer);
    if (next === undefined) {
      if (this.#answers.length >= answersMax)
        throw new Error(`it has taken ${answersMax} steps, and goes on`);
      const answers = [...this.#answers, answer];
      next = new ThreadRun(this.#code, this.body, this.#thread, this.#joined, answers, this).#known();
      this.#next.set(answer, next);
    }
    return next;
  }

  /** This one, or one before it that can go on only as this one can. */
  #known(): ThreadRun {
    const { forgotten } = this.stretch;
    if (forgotten === null) return this;
    const began = this.#after(forgotten.begin);
    const known = began.#returned.get(forgotten.result);
    if (known === undefined) began.#returned.set(forgotten.result, this);
    return known ?? this;
  }

  /** This run as it was after so many answers. */
  #after(count: number): ThreadRun {
    if (this.#before === null || this.#answers.length <= count) return this;
    return this.#before.#after(count);
  }
}
