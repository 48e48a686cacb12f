/** One program, run from beginning to end; and a failing one, made short. */
import { Clock } from "./clock.ts";
import type { Op, Program } from "./program.ts";
import type { SimLibrary } from "./sim-library.ts";
import type { Counts } from "./counts.ts";
import { World } from "./world.ts";

export interface Result {
  readonly counts: Counts;
  /** What must not be and was; null: nothing. */
  readonly failure: string | null;
  /** Alike in every run of the same program. */
  readonly trace: number;
}

let clock: Clock | null = null;
/** What nobody waited for, of the program that runs. */
let unhandled: unknown[] = [];

/** Time and unhandled rejections are the simulator's from now on, in this process. */
function prepare(): Clock {
  if (clock !== null) return clock;
  clock = new Clock();
  clock.install();
  process.on("unhandledRejection", (error) => unhandled.push(error));
  return clock;
}

export async function runProgram(
  lib: SimLibrary,
  program: Program,
  onTrace?: (line: string) => void,
): Promise<Result> {
  const world = new World(lib, program, prepare());
  world.machine.onTrace = onTrace ?? null;
  unhandled = [];
  let failure: string | null = null;
  try {
    await world.run();
    if (unhandled.length > 0) failure = `nobody waited for: ${textOf(unhandled[0])}`;
  } catch (error) {
    failure = textOf(error);
  }
  return { counts: world.counts, failure, trace: world.machine.trace };
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.constructor.name === "Finding" ? error.message : (error.stack ?? error.message);
}

/** The kind of a failure, whatever numbers are in it. */
export function kindOf(failure: string): string {
  return (failure.split("\n", 1)[0] ?? "").replaceAll(/#?\d+/g, "N").slice(0, 70);
}

/** The shortest program that was found to fail alike, by leaving operations out (delta debugging). */
export async function shrink(lib: SimLibrary, program: Program, failure: string): Promise<Program> {
  const shrinking = new Shrinking(lib, program, kindOf(failure));
  for (let size = program.ops.length >> 1; size > 1; size >>= 1) await shrinking.leaveOut(size);
  // Twice: what had to stay may be superfluous without what came after it.
  await shrinking.leaveOut(1);
  await shrinking.leaveOut(1);
  return shrinking.shortest;
}

/** So many runs may it take. */
const shrinkRunsMax = 1500;

class Shrinking {
  shortest: Program;
  readonly #lib: SimLibrary;
  readonly #kind: string;
  #runs = 0;

  constructor(lib: SimLibrary, program: Program, kind: string) {
    this.#lib = lib;
    this.shortest = program;
    this.#kind = kind;
  }

  /** Tries to do without each stretch of `size` operations. */
  async leaveOut(size: number): Promise<void> {
    for (let at = 0; at < this.shortest.ops.length;) {
      const ops = this.shortest.ops.toSpliced(at, size);
      if (await this.#failsAlike(ops)) this.shortest = { ...this.shortest, ops };
      else at += size;
    }
  }

  async #failsAlike(ops: readonly Op[]): Promise<boolean> {
    if (this.#runs >= shrinkRunsMax) return false;
    this.#runs++;
    const { failure } = await runProgram(this.#lib, { ...this.shortest, ops });
    return failure !== null && kindOf(failure) === this.#kind;
  }
}
