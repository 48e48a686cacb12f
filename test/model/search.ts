/**
 * Every order in which the steps of a few threads can fall, depth first.
 *
 * Two orders that lead to the same world, with the same answers given to each thread that is not yet
 * through, have the same future: it is searched once. So orders that differ only in steps that have
 * nothing to do with each other fall together, as a partial-order reduction has it, and each order is
 * still accounted for: how many there are is added up along the way, exactly as long as the number is
 * one that a double can hold.
 *
 * With a bound, only orders with so many preemptions: turns from a thread that could have gone on to
 * another. (Musuvathi and Qadeer, "Iterative Context Bounding for Systematic Testing of Multithreaded
 * Programs", PLDI 2007: few preemptions find most bugs.)
 */
import type { Patch } from "../support/patch.js";
import { ShippedCode } from "./shipped-code.js";
import { ThreadRun } from "./thread-run.js";
import {
  Breach,
  type CellNumbers,
  type Changers,
  type Move,
  NewChanger,
  type Step,
  type Weather,
  World,
} from "./world.js";

export interface Program extends Partial<Weather> {
  readonly name: string;
  /** A body for each thread: see thread-bodies.ts. The first is the log's owner. */
  readonly threads: readonly string[];
  /** How many of them have joined before the first step. All, unless said. */
  readonly joined?: number;
  /** No more preemptions than that; every order, unless said. */
  readonly preemptions?: number;
  readonly statesMax?: number;
}

export interface Found {
  /** Orders that were searched. */
  readonly schedules: number;
  readonly states: number;
  /** What became of the log, in words; each that was reached. */
  readonly outcomes: ReadonlySet<string>;
}

/** An order of steps that breaks what must hold. */
export class Counterexample extends Error {
  readonly breach: Breach;
  readonly trace: readonly string[];

  constructor(program: Program, breach: Breach, trace: readonly string[]) {
    super(`${program.name}: ${breach.message}\n${trace.map((line) => `    ${line}`).join("\n")}`);
    this.breach = breach;
    this.trace = trace;
  }
}

/** What comes after all the others: it must find a log that works, or one that refuses it. */
const newcomer = "newcomer";

export function search(program: Program, patches: readonly Patch[] = []): Found {
  const code = new ShippedCode(patches);
  const replay = code.load("build/test/model/replay.js");
  code.checkPatched();
  const names = code.load("dist/commit/log-state.js")["__cells"] as CellNumbers;
  const joined = program.joined ?? program.threads.length;
  const cells = (replay["cellsAtStart"] as (joined: number) => number[])(joined);
  const runs = [...program.threads, newcomer].map(
    (body, thread) => new ThreadRun(code, body, thread, joined),
  );
  const weather = { mortal: [], failingFlush: 0, earlyLooks: 0, ...program };
  const changers: Changers = new Map();
  for (;;) {
    try {
      return new Search(program, names).all(World.begin(names, weather, changers, cells, runs));
    } catch (error) {
      if (!(error instanceof NewChanger)) throw error;
    }
  }
}

class Search {
  readonly #program: Program;
  readonly #names: CellNumbers;
  readonly #known = new Map<string, number>();
  readonly #path: { world: World; move: Move; steps: Step[] }[] = [];
  readonly #outcomes = new Set<string>();

  constructor(program: Program, names: CellNumbers) {
    this.#program = program;
    this.#names = names;
  }

  all(world: World): Found {
    try {
      const schedules = this.#from(world, 0, 0);
      return { schedules, states: this.#known.size, outcomes: this.#outcomes };
    } catch (error) {
      if (error instanceof Breach) throw new Counterexample(this.#program, error, this.#trace());
      throw error;
    }
  }

  /** How many orders begin here. */
  #from(world: World, running: number, preemptions: number): number {
    const bound = this.#program.preemptions ?? Infinity;
    const key = bound === Infinity ? world.key() : `${world.key()}|${running}:${preemptions}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= (this.#program.statesMax ?? Infinity)) throw new Error("too many states");
    const moves = world.moves();
    if (moves.length === 0) this.#outcomes.add(world.phase);
    const couldGoOn = moves.some(({ thread, kind }) => thread === running && kind !== "dies");
    let schedules = moves.length === 0 ? 1 : 0;
    for (const move of moves) {
      const preempts = couldGoOn && move.thread !== running && move.kind !== "dies" ? 1 : 0;
      if (preemptions + preempts > bound) continue;
      const steps: Step[] = [];
      this.#path.push({ world, move, steps });
      const next = move.kind === "dies" ? running : move.thread;
      schedules += this.#from(world.after(move, steps), next, preemptions + preempts);
      this.#path.pop();
    }
    this.#known.set(key, schedules);
    return schedules;
  }

  #trace(): string[] {
    return this.#path.flatMap(({ world, move, steps }) => {
      const who = `${move.thread} ${world.threads[move.thread]?.run.body ?? ""}`;
      const told = steps.map((step) => `${who}: ${this.#told(step)}`);
      if (move.kind === "steps") return told;
      return [`${who}: ${move.kind}${"event" in move ? ` (${move.event})` : ""}`, ...told];
    });
  }

  #told({ operation, before }: Step): string {
    const { kind, ...facts } = operation;
    const told = Object.entries(facts).map(([name, value]) => {
      if (name !== "cell") return `${name} ${String(value)}`;
      return `${this.#cellName(value as number)} (${before})`;
    });
    return `${kind} ${told.join(", ")}`;
  }

  #cellName(cell: number): string {
    let best = "";
    let at = -1;
    for (const [name, number] of Object.entries(this.#names)) {
      if (number > at && number <= cell) [best, at] = [name.replace(/Cell$/, ""), number];
    }
    return cell === at ? best : `${best}[${cell - at}]`;
  }
}
