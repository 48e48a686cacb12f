/**
 * The long form, guided by coverage: an input that makes code run which had not run so before is kept
 * and changed further. Jazzer.js would do as much; its build for Linux asks for glibc 2.38 and brings a
 * hundred packages, V8's own counts bring none.
 *
 *   npm run fuzz -- [--target NAME] [--seconds N] [--seed N]
 *
 *   --target   open, segments, read, beside or convert. Default: each in turn
 *   --seconds  for each target. Default 60
 *   --seed     repeats a run, as far as its time goes. Default: random, and printed
 *
 * Prints a line every five seconds. What it finds it writes to test/fuzz/corpus, and ends with 1.
 */
import { parseArgs } from "node:util";
import * as fc from "fast-check";
import { distDir } from "../support/broken-copy.ts";
import { Random } from "#internal/testing/random.js";
import { recipes } from "./arbitrary.ts";
import { type Target, targets } from "./case.ts";
import { check, type Fuzzed } from "./check.ts";
import { keep } from "./corpus.ts";
import { Coverage } from "./coverage.ts";
import { fuzzedIn } from "./fuzzed.ts";
import { cook, type Recipe, type RecipeStep, stepKinds } from "./recipe.ts";
import { Watchdog } from "./watchdog.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    // For the test of this program: another copy of the library, and a shorter patience.
    library: { type: "string", default: distDir },
    "hang-seconds": { type: "string", default: "30" },
  },
});
const asked = targets.filter((target) => values.target === undefined || values.target === target);
if (asked.length === 0) {
  console.error(`No target ${values.target}. There are: ${targets.join(", ")}.`);
  process.exit(64);
}

const limitBytes = 2 ** 31;
const reportMilliseconds = 5000;

function changedStep(step: RecipeStep, random: Random): RecipeStep {
  const near = (n: number): number =>
    random.next(2) === 0 ? random.next(limitBytes) : Math.max(0, n + random.next(33) - 16);
  return random.next(4) === 0
    ? { ...step, kind: random.next(stepKinds) }
    : { kind: step.kind, at: near(step.at), by: near(step.by) };
}

function freshStep(random: Random): RecipeStep {
  return { kind: random.next(stepKinds), at: random.next(limitBytes), by: random.next(limitBytes) };
}

/** A recipe a little unlike the given one. */
function changed(recipe: Recipe, random: Random): Recipe {
  const { steps, sizes } = recipe;
  const at = random.next(steps.length + 1);
  switch (random.next(7)) {
    case 0:
      return { ...recipe, steps: steps.toSpliced(at, 0, freshStep(random)).slice(0, 12) };
    case 1:
      return { ...recipe, steps: steps.toSpliced(at, 1) };
    case 2:
      return { ...recipe, sizes: sizes.toSpliced(random.next(sizes.length + 1), 1, random.next(400)) };
    case 3:
      return { ...recipe, policy: random.next(32), limit: random.next(5), segment: random.next(10) };
    case 4:
      return { ...recipe, mark: random.next(21), head: random.next(21) };
    default:
      return { ...recipe, steps: steps.map((step, i) => (i === at ? changedStep(step, random) : step)) };
  }
}

/** How many inputs were run until the time was over; what failed is thrown, and was kept. */
async function fuzz(fuzzed: Fuzzed, target: Target, until: number, seed: number): Promise<number> {
  const random = new Random(seed);
  const watchdog = new Watchdog(Number(values["hang-seconds"]) * 1000);
  const coverage = new Coverage(values.library);
  const pool: Recipe[] = fc.sample(recipes(target), { seed, numRuns: 50 });
  let reported = Date.now();
  let inputs = 0;
  for (; Date.now() < until; inputs++) {
    const parent = pool[inputs < 50 ? inputs : random.next(pool.length)] as Recipe;
    let recipe = parent;
    if (inputs >= 50) for (let n = random.next(4); n >= 0; n--) recipe = changed(recipe, random);
    watchdog.next(JSON.stringify(recipe));
    try {
      await check(fuzzed, cook(recipe));
    } catch (error) {
      console.log(`${target}: found after ${inputs} inputs, kept as ${keep(cook(recipe))}`);
      console.log(JSON.stringify(recipe));
      throw error;
    }
    if (coverage.news() > 0 && inputs >= 50) pool.push(recipe);
    if (Date.now() - reported < reportMilliseconds) continue;
    reported = Date.now();
    console.log(`${target}: ${inputs} inputs, ${pool.length} kept, ${coverage.size} blocks and counts`);
  }
  await watchdog.stop();
  return inputs;
}

const seed = Number(values.seed);
console.log(`seed ${seed}`);
const fuzzed = await fuzzedIn(values.library);
for (const target of asked) {
  const inputs = await fuzz(fuzzed, target, Date.now() + Number(values.seconds) * 1000, seed);
  console.log(`${target}: nothing found in ${inputs} inputs`);
}
