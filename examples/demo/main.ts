/**
 * The main job on real input: every line of a text file through the log, in a process that is
 * killed again and again, and at the end the proof that the log is the file.
 *
 *   npm run demo [file]
 *
 * Exit code 0: the log is the file. 1: something is missing or different. 64: no such file.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inFlight, killAtStartEvery, killDelayMillisecondsMax, killsMax, startMilliseconds } from "./job.ts";
import { count, counted, Progress } from "./progress.ts";
import { type Proof, prove } from "./proof.ts";
import { defaultSource, type Extent, extentOf, isFile } from "./source.ts";
import { table } from "./table.ts";
import { type WriterEnd, WriterProcess } from "./writer-process.ts";

/** Missing or different: the one thing that must not happen. */
class Fault extends Error {}

interface Round {
  readonly writer: WriterEnd;
  readonly proof: Proof;
  /** Lines acknowledged, by this writer or one before. */
  readonly acknowledged: number;
}

/** One kill: during the start of the writer, or once so many lines are acknowledged. */
type KillMoment = { readonly at: "start" } | { readonly at: "line"; readonly line: number };

function killMoments(lines: number): KillMoment[] {
  const moments: KillMoment[] = [];
  for (let n = 1; n <= Math.min(killsMax, lines); n++) {
    if (n % killAtStartEvery === 0) moments.push({ at: "start" });
    else moments.push({ at: "line", line: Math.floor((lines * (n - Math.random())) / (killsMax + 1)) });
  }
  return moments;
}

async function runWriter(
  file: string,
  log: string,
  moment: KillMoment | undefined,
  onReport: (acknowledged: number) => void,
): Promise<WriterEnd> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const killSoon = (milliseconds: number): void => {
    timer ??= setTimeout(() => writer.kill(), Math.random() * milliseconds);
  };
  const writer = new WriterProcess(file, log, (report) => {
    onReport(report.acknowledged);
    if (moment?.at === "line" && report.acknowledged >= moment.line) killSoon(killDelayMillisecondsMax);
  });
  if (moment?.at === "start") killSoon(startMilliseconds);
  const end = await writer.ended;
  clearTimeout(timer);
  if (end.end === "failed") throw new Fault(`the writer failed:\n${end.complaint}`);
  return end;
}

/** Writers and kills, until a writer comes to the end of the file. */
async function runRounds(file: string, log: string, extent: Extent): Promise<Round[]> {
  const rounds: Round[] = [];
  const moments = killMoments(extent.lines);
  const progress = new Progress(extent.lines);
  let acknowledged = 0;
  for (;;) {
    const writer = await runWriter(file, log, moments.shift(), progress.show.bind(progress));
    acknowledged = Math.max(acknowledged, writer.last?.acknowledged ?? 0);
    const proof = await prove(log, file, acknowledged);
    if (proof.fault !== null) throw new Fault(proof.fault);
    rounds.push({ writer, proof, acknowledged });
    progress.log(roundLine(rounds.length, writer, proof, acknowledged));
    if (writer.end === "finished") return rounds;
  }
}

function roundLine(number: number, writer: WriterEnd, proof: Proof, acknowledged: number): string {
  if (writer.end === "finished") return `${number}. finished`;
  const when = writer.last === null ? "while starting, " : "";
  return (
    `${number}. killed ${when}with ${counted(acknowledged, "line")} acknowledged; ` +
    `reopened: ${count(proof.lines)} there, none missing, none changed`
  );
}

function ratio(value: number, by: number): string {
  return by === 0 ? "-" : count(value / by);
}

function summary(rounds: readonly Round[], extent: Extent): string {
  let commits = 0;
  let flushes = 0;
  let seconds = 0;
  for (const { writer } of rounds) {
    commits += writer.last?.commits ?? 0;
    flushes += writer.last?.flushes ?? 0;
    seconds += (writer.last?.milliseconds ?? 0) / 1000;
  }
  return table([
    ["records", count(extent.lines)],
    ["bytes", count(extent.bytes)],
    ["commits acknowledged", count(commits)],
    ["commits per flush", ratio(commits, flushes)],
    ["commits per second", ratio(commits, seconds)],
  ]);
}

function recoveries(rounds: readonly Round[]): string {
  const rows = rounds.map(({ writer, proof, acknowledged }, index) => {
    const { scannedFrom, records, end, discarded, damage } = proof.recovery;
    return [
      `${index + 1} ${writer.end}`,
      count(acknowledged),
      count(scannedFrom),
      count(records),
      count(end),
      count(discarded),
      damage === null ? "none" : `${damage.kind}, ${damage.reason}`,
    ];
  });
  return table([
    ["writer", "acknowledged", "scanned from", "records", "end", "discarded", "damage"],
    ...rows,
  ]);
}

async function demonstrate(file: string): Promise<void> {
  const started = performance.now();
  const extent = extentOf(file);
  const folder = mkdtempSync(join(tmpdir(), "wal-db-demo-"));
  const log = join(folder, "demo.wal");
  console.log(
    `${file}\n${counted(extent.lines, "line")}, ${counted(extent.bytes, "byte")}, each line a record of ${log}`,
  );
  console.log(
    `A child process commits them, ${inFlight} in flight, and is killed with SIGKILL as it goes.\n`,
  );
  try {
    const rounds = await runRounds(file, log, extent);
    const found = rounds.at(-1)?.proof;
    if (found?.lines !== extent.lines || found.bytes !== extent.bytes) {
      throw new Fault(`the log holds ${found?.lines ?? 0} of the file's ${extent.lines} lines`);
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`\n${summary(rounds, extent)}\n\nWhat opening the log found after each writer:\n`);
    console.log(`${recoveries(rounds)}\n`);
    console.log(
      `The log is the file: ${counted(extent.lines, "line")}, each the same, in order. (${seconds} s)`,
    );
    rmSync(folder, { recursive: true });
  } catch (error) {
    const what =
      error instanceof Fault ? error.message : error instanceof Error ? error.stack : String(error);
    console.error(`\nFAILED: ${what}\nThe log was kept: ${log}`);
    process.exitCode = 1;
  }
}

const asked = process.argv.slice(2);
const file = asked.length === 0 ? defaultSource() : resolve(asked[0] ?? "");
if (asked.length > 1 || file === null || !isFile(file)) {
  console.error(
    file === null
      ? "No text file to log came with the dev dependencies. Name one: npm run demo <file>"
      : asked.length > 1
        ? "One file at a time: npm run demo [file]"
        : `There is no file ${file}. Usage: npm run demo [file]`,
  );
  process.exitCode = 64;
} else {
  await demonstrate(file);
}
