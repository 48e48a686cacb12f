/** One program, run from beginning to end; and a failing one, made short. */
import { Clock } from "./clock.ts";
import type { Op, Program } from "./program.ts";
import type { SimLibrary } from "./sim-library.ts";
import { type Counts, World } from "./world.ts";

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
export async function shrink(
  lib: SimLibrary,
  program: Program,
  failure: string,
  runsMax = 1500,
): Promise<Program> {
  let { ops } = program;
  let runs = 0;
  const kind = kindOf(failure);
  const fails = async (candidate: readonly Op[]): Promise<boolean> => {
    runs++;
    const result = await runProgram(lib, { ...program, ops: candidate });
    return result.failure !== null && kindOf(result.failure) === kind;
  };
  for (let size = ops.length >> 1; size >= 1 && runs < runsMax; size >>= 1) {
    for (let at = 0; at < ops.length && runs < runsMax;) {
      const without = [...ops.slice(0, at), ...ops.slice(at + size)];
      if (await fails(without)) ops = without;
      else at += size;
    }
    // A second round of single ones: what had to stay may be superfluous now.
    if (size === 1 && runs < runsMax) {
      for (let at = ops.length - 1; at >= 0 && runs < runsMax; at--) {
        const without = ops.toSpliced(at, 1);
        if (await fails(without)) ops = without;
      }
    }
  }
  return { ...program, ops };
}
