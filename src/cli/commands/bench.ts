import { resolve } from "node:path";
import { type CommitCost, callersMeasured, commitCost } from "../bench/commit-cost.ts";
import { type Doubt, doubtsOf, flushMicrosecondsMin } from "../bench/doubt.ts";
import { type FileSystem, fileSystemAt } from "../bench/file-system.ts";
import {
  blockBytes,
  type FlushCost,
  flushCost,
  type FlushMethod,
  flushMethods,
  type MeasureOptions,
} from "../bench/flush-cost.ts";
import type { Latency } from "../bench/latency.ts";
import { inScratchFolder } from "../bench/scratch-folder.ts";
import { type Command, command, jsonOption } from "../command.ts";
import { exitCode } from "../exit-code.ts";
import { usageError } from "../failure.ts";
import { printable, printableJson } from "../printable.ts";
import { bytesText, countText } from "../quantity.ts";
import type { Output, Terminal } from "../terminal.ts";

const secondsMax = 60;
/** A thousand callers have one each in the log, past the bound of its file. */
const recordBytesMax: number = 64 * 1024;

interface Results {
  readonly folder: string;
  readonly fileSystem: FileSystem;
  readonly secondsEach: number;
  readonly blockBytes: number;
  readonly recordBytes: number;
  readonly flushes: readonly FlushCost[];
  readonly commits: readonly CommitCost[];
  readonly warnings: readonly Doubt[];
}

export const bench: Command = command({
  name: "bench",
  summary: "Measure what a flush costs on a device, and durable commits on it.",
  description: [
    `Writes blocks of ${blockBytes} bytes and flushes each, in the ways there are: fdatasync and fsync (on macOS both are F_FULLFSYNC, on Windows FlushFileBuffers), and O_DSYNC, which on macOS does not empty the drive's cache; on a file that grows, and on one whose room was set aside. Then commits records through wal-db, by 1, 8, 64 and 1000 callers at a time.`,
    `Warns when a flush is too fast to be true: when the median of the cheapest one, on a growing file, is below ${flushMicrosecondsMin} microseconds, which no drive does; and when the folder is in memory or on another machine. That a flush is slow enough proves nothing.`,
    "Works in a new folder within DIR, which it removes, after Ctrl-C too. Holds 128 MiB there at most at a time.",
  ],
  arguments: [
    { name: "DIR", summary: "A folder on the device to measure. Default: the current one.", optional: true },
  ],
  options: {
    seconds: { kind: "text", value: "S", summary: "Seconds for each of the 11 measurements.", fallback: "1" },
    "record-size": { kind: "bytes", value: "BYTES", summary: "Bytes of a record committed.", fallback: 128 },
    ...jsonOption,
  },
  examples: [
    { line: "wal-db bench /var/lib/app", does: "Measure the device that the log will be on." },
    { line: "wal-db bench --seconds 5 --json", does: "Measure for longer, and keep the figures." },
  ],
  async run({ terminal, signal }, { arguments: [dir = "."], options }) {
    const seconds = secondsOf(options.seconds);
    const recordBytes = options["record-size"];
    if (recordBytes > recordBytesMax) {
      throw usageError(
        `--record-size is ${bytesText(recordBytesMax)} at most; got ${bytesText(recordBytes)}.`,
      );
    }
    const folder = resolve(dir);
    const results = await inScratchFolder(folder, (scratch) =>
      measure(scratch, { folder, recordBytes, seconds, signal, terminal, isShown: !options.json }),
    );
    if (options.json) terminal.out.line(printableJson(results));
    for (const { message } of results.warnings) terminal.warn(message);
    return exitCode.done;
  },
});

function secondsOf(text: string): number {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (seconds > 0 && seconds <= secondsMax) return seconds;
  throw usageError(`--seconds is a number above 0, up to ${secondsMax}; got "${text}".`);
}

interface Task extends MeasureOptions {
  readonly folder: string;
  readonly recordBytes: number;
  readonly terminal: Terminal;
  readonly isShown: boolean;
}

async function measure(scratch: string, task: Task): Promise<Results> {
  const { folder, recordBytes, terminal, isShown, seconds } = task;
  const out = isShown ? terminal.out : null;
  const fileSystem = fileSystemAt(scratch);
  const flushes: FlushCost[] = [];
  const commits: CommitCost[] = [];
  out?.line(`${printable(folder)}: ${fileSystem.name}`);
  heading(out, `Write ${blockBytes} bytes and flush`, "flushes/s", "");
  for (const method of flushMethods(process.platform)) {
    const cost = await flushCost(scratch, method, task);
    flushes.push(cost);
    row(out, nameOf(method), cost.perSecond, cost.microseconds, "");
  }
  heading(out, `Commit records of ${bytesText(recordBytes)}`, "commits/s", "per flush");
  for (const callers of callersMeasured) {
    const cost = await commitCost(scratch, callers, recordBytes, task);
    commits.push(cost);
    const name = callers === 1 ? "1 caller" : `${callers} callers`;
    row(out, name, cost.perSecond, cost.microseconds, cost.perFlush.toFixed(1));
  }
  const warnings = doubtsOf(fileSystem, flushes);
  return { folder, fileSystem, secondsEach: seconds, blockBytes, recordBytes, flushes, commits, warnings };
}

function nameOf({ file, way }: FlushMethod): string {
  return way === "none" ? `${file}, not flushed` : `${file}, ${way}`;
}

const nameColumns = 26;
const figureColumns = 10;

function heading(out: Output | null, title: string, rate: string, last: string): void {
  const columns = [rate, "p50 µs", "p90", "p99", "p99.9", "max", last].map((text) =>
    text.padStart(figureColumns),
  );
  out?.line();
  out?.line(out.style("bold", title));
  out?.line(out.style("dim", `${" ".repeat(nameColumns)}${columns.join("")}`.trimEnd()));
  out?.release();
}

/** Shown as it comes: a measurement takes its time. */
function row(out: Output | null, name: string, perSecond: number, latency: Latency, last: string): void {
  const { p50, p90, p99, p999, max } = latency;
  const figures = [perSecond, p50, p90, p99, p999, max].map((figure) => figureText(figure));
  const columns = [...figures, last].map((text) => text.padStart(figureColumns));
  out?.line(`  ${name.padEnd(nameColumns - 2)}${columns.join("")}`.trimEnd());
  out?.release();
}

function figureText(figure: number): string {
  return figure < 10 ? figure.toFixed(1) : countText(Math.round(figure));
}
