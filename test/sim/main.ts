/**
 * The simulator from a command line: npm run sim -- --seeds 1..100000
 *
 *   --seeds a..b       the programs to run. Default 1..2000
 *   --generations n    how often each starts the log. Default 6
 *   --jobs n           processes that run them. Default: one for each core
 *   --replay seed      runs one program and prints every call on the disk
 *   --library folder   another build of the library
 *   --no-shrink        only says which seed failed, and how
 *
 * Ends with 1 at the first program that fails, with its seed and the program made short.
 */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { programOf, shown } from "./program.ts";
import { runProgram, shrink } from "./run.ts";
import { simLibrary, simLibraryIn } from "./sim-library.ts";
import { type Counts, noCounts } from "./counts.ts";

const chunkSeeds = 50;

interface Chunk {
  readonly from: number;
  readonly to: number;
}

interface Report {
  readonly counts: Counts;
  readonly seeds: number;
  readonly failed: { readonly seed: number; readonly failure: string } | null;
}

function optionsOf() {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1..2000" },
      generations: { type: "string", default: "6" },
      jobs: { type: "string", default: String(availableParallelism()) },
      replay: { type: "string" },
      library: { type: "string" },
      "no-shrink": { type: "boolean", default: false },
      worker: { type: "boolean", default: false },
    },
  });
  const [from = 1, to = from] = values.seeds.split("..").map(Number);
  const generations = Number(values.generations);
  const jobs = Number(values.jobs);
  if (![from, to, generations, jobs].every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new Error("--seeds is a..b; --generations and --jobs are numbers");
  }
  return { ...values, from, to, generations, jobs };
}

const options = optionsOf();
const lib = options.library === undefined ? simLibrary : await simLibraryIn(options.library);

async function runChunk({ from, to }: Chunk): Promise<Report> {
  const counts = noCounts();
  for (let seed = from; seed <= to; seed++) {
    const result = await runProgram(lib, programOf(seed, options.generations));
    add(counts, result.counts);
    if (result.failure !== null)
      return { counts, seeds: seed - from + 1, failed: { seed, failure: result.failure } };
  }
  return { counts, seeds: to - from + 1, failed: null };
}

function add(sum: Counts, counts: Counts): void {
  for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += counts[key];
}

function work(): void {
  process.on("message", (chunk: Chunk) => {
    void runChunk(chunk).then((report) => process.send?.(report));
  });
  process.on("disconnect", () => process.exit());
}

async function runAll(): Promise<Report> {
  const total: { counts: Counts; seeds: number; failed: Report["failed"] } = {
    counts: noCounts(),
    seeds: 0,
    failed: null,
  };
  const started = performance.now();
  let next = options.from;
  let shownAt = started;
  const take = (): Chunk | null => {
    if (next > options.to || total.failed !== null) return null;
    const chunk = { from: next, to: Math.min(options.to, next + chunkSeeds - 1) };
    next = chunk.to + 1;
    return chunk;
  };
  const progress = (force: boolean): void => {
    const now = performance.now();
    if (!force && now - shownAt < 5000) return;
    shownAt = now;
    console.log(lineOf(total.seeds, total.counts, (now - started) / 1000));
  };
  await Promise.all(
    Array.from({ length: options.jobs }, () => {
      return new Promise<void>((resolve, reject) => {
        const child = fork(process.argv[1] as string, [...process.argv.slice(2), "--worker"]);
        const give = (): void => {
          const chunk = take();
          if (chunk === null) child.disconnect();
          else child.send(chunk);
        };
        child.on("message", (report: Report) => {
          add(total.counts, report.counts);
          total.seeds += report.seeds;
          if (report.failed !== null && (total.failed === null || report.failed.seed < total.failed.seed))
            total.failed = report.failed;
          progress(false);
          give();
        });
        child.on("exit", (code, signal) => {
          if (code === 0) resolve();
          else reject(new Error(`a process of the simulator ended with ${code ?? signal}`));
        });
        give();
      });
    }),
  );
  progress(true);
  return total;
}

function lineOf(seeds: number, counts: Counts, seconds: number): string {
  const perSecond = (n: number): string => (n / Math.max(seconds, 0.001)).toFixed(0);
  const { ops, crashes, powerCuts, generations, opensCutShort, faults, lies, refusals, quarantines } = counts;
  return (
    `${seeds} seeds in ${seconds.toFixed(1)} s (${perSecond(seeds)}/s): ${ops} operations, ${crashes} crashes ` +
    `(${powerCuts} power cuts, ${opensCutShort} during open), ${generations} reopened after one (${perSecond(generations)}/s), ` +
    `${faults} faults, ${lies} lies, ${refusals} refusals, ${quarantines} quarantines`
  );
}

async function replay(seed: number): Promise<void> {
  const program = programOf(seed, options.generations);
  console.log(shown(program));
  const first = await runProgram(lib, program, (line) => console.log(`      ${line}`));
  const second = await runProgram(lib, program);
  console.log(
    `trace ${first.trace.toString(16)}${first.trace === second.trace ? "" : `, and ${second.trace.toString(16)} the second time`}`,
  );
  if (first.trace !== second.trace) process.exitCode = 1;
  if (first.failure !== null) await tell(seed, first.failure);
}

async function tell(seed: number, failure: string): Promise<void> {
  console.log(`\nFAILED: seed ${seed}: ${failure}`);
  process.exitCode = 1;
  if (options["no-shrink"]) return;
  console.log("Making the program short: this can take minutes.");
  const short = await shrink(lib, programOf(seed, options.generations), failure);
  const again = await runProgram(lib, short);
  console.log(`\nMade short (${short.ops.length} operations): ${again.failure}\n${shown(short)}`);
  console.log(`\nReplay: npm run sim -- --generations ${options.generations} --replay ${seed}`);
}

if (options.worker) work();
else if (options.replay !== undefined) await replay(Number(options.replay));
else {
  const { failed } = await runAll();
  if (failed !== null) await tell(failed.seed, failed.failure);
}
