/**
 * The log that a command is about. To read: without lock, repair or any writing, beside a live writer too,
 * whole or damaged. To write: with the lock, and only if it is whole or ends torn; what is damaged is for
 * `wal-db repair`.
 */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { inspect, type LogInspection, Wal, type WalOptions } from "../index.ts";
import { exitCode } from "./exit-code.ts";
import { CliError, usageError } from "./failure.ts";
import { shellWord } from "./printable.ts";

export interface SourceOptions {
  /** What `--segment-size` said. */
  readonly segmentSize?: number | undefined;
  readonly maxRecordSize?: number | undefined;
  /** `full`: every record from the head is verified as it is opened. Default: from the mark on. */
  readonly verify?: WalOptions["verify"];
  /** An empty directory will do, since the log may yet come. */
  readonly mayBeEmpty?: boolean;
  readonly onProgress?: WalOptions["onProgress"];
  readonly signal?: AbortSignal | undefined;
}

/** A log that is open to be read. */
export interface LogSource {
  /** What stands on the disk, as it was just before the log was opened. */
  readonly layout: LogInspection;
  /** Opened with `readOnly`: `iter({ onDamage })` goes on to the end of the bytes, past damage. */
  readonly wal: Wal;
}

/** What the options of a command say about a log. */
export function sourceOptions(options: {
  readonly "segment-size": number | undefined;
  readonly "max-record-size": number;
}): Pick<SourceOptions, "segmentSize" | "maxRecordSize"> {
  return { segmentSize: options["segment-size"], maxRecordSize: options["max-record-size"] };
}

/**
 * Opens a log to look at it. Changes nothing. Loss and gaps are accepted here, since nothing is cut: `wal.recovery`
 * tells of them.
 */
export async function openToRead(path: string, options: SourceOptions = {}): Promise<LogSource> {
  const layout = layoutAt(path, options);
  if (options.mayBeEmpty !== true) refuseEmpty(layout, path);
  const { maxRecordSize, verify, onProgress, signal } = options;
  const how = { readOnly: true, onDamage: "truncate", maxRecordSize, verify, onProgress, signal } as const;
  if (layout.kind === "file") return { layout, wal: await Wal.open(path, how) };
  const segmentSize = layout.segmentSize ?? sizeToRead(layout);
  return { layout, wal: await Wal.openSegmented(path, { ...how, segmentSize }) };
}

export interface WritingOptions extends SourceOptions {
  /** Make the log where there is none: in a directory where a segment size is given, else in one file. */
  readonly create?: boolean;
  /** Default: `refuse` what is corrupt. `save` it to quarantine; `accept-loss`: also what is below the mark. */
  readonly damage?: "refuse" | "save" | "accept-loss";
}

/**
 * Opens a log with its lock, to change it. What a crash has left at its end is cut off, as any open does;
 * anything worse is refused.
 */
export async function openToWrite(path: string, options: WritingOptions = {}): Promise<Wal> {
  const { segmentSize, maxRecordSize, verify, onProgress, signal } = options;
  const onDamage = policies[options.damage ?? "refuse"];
  const how = { onDamage, maxRecordSize, verify, onProgress, signal };
  if (options.create === true && !existsSync(path)) {
    return segmentSize === undefined ? Wal.open(path, how) : Wal.openSegmented(path, { ...how, segmentSize });
  }
  const layout = layoutToWrite(path, options);
  if (layout.kind === "file") return Wal.open(path, how);
  if (layout.segmentSize === null) throw segmentSizeUnknown(path);
  return Wal.openSegmented(path, { ...how, segmentSize: layout.segmentSize });
}

/** Named, `quarantine` accepts loss too; left out, it is what is done with anything less. */
const policies: Readonly<Record<"refuse" | "save" | "accept-loss", WalOptions["onDamage"]>> = {
  refuse: "refuse",
  save: undefined,
  "accept-loss": "quarantine",
};

function layoutToWrite(path: string, options: WritingOptions): LogInspection {
  const layout = layoutAt(path, options);
  if (layout.kind === "file" && options.segmentSize !== undefined) {
    throw usageError(`${path} is a log in one file: it has no segments.`, "Leave --segment-size out.");
  }
  return layout;
}

/** What stands at a path that must be that of a log, before any of it is read. */
export function layoutAt(path: string, options: Pick<SourceOptions, "segmentSize"> = {}): LogInspection {
  const layout = inspect(path, { segmentSize: options.segmentSize });
  const { kind, segments, mark, head } = layout;
  if (kind === "file") refusePart(layout.path, path);
  // A head marker tells of segments that were there: that they are gone is damage, and no mistake in the path.
  if (kind === "segmented" && segments.length === 0 && mark === null && (head ?? 0) === 0) {
    if (readdirSync(layout.path).length > 0) {
      throw new CliError(
        exitCode.missing,
        `${path} is a directory without segments: no log.`,
        "The segments of a log are named 00000000000000000000.wal and so on. Is it a folder above or below?",
      );
    }
  }
  return layout;
}

/**
 * A file of a segmented log, named by itself, looks like a log that ends torn: whoever appends to it, or repairs
 * it, cuts a hole into the real one.
 */
function refusePart(absolute: string, path: string): void {
  const name = basename(absolute);
  if (!segmentName.test(name) && !sideNames.includes(name)) return;
  const dir = dirname(absolute);
  const others = readdirSync(dir).filter((each) => each !== name);
  if (!others.some((each) => segmentName.test(each) || (segmentName.test(name) && each === "mark"))) return;
  throw usageError(
    `${path} is one file of the segmented log ${dir}, and no log by itself.`,
    `Give its directory: ${shellWord(dir)}. To look into this file alone, copy it elsewhere.`,
  );
}

const segmentName = /^\d{20}\.wal$/;
const sideNames: readonly string[] = ["mark", "head", "head.tmp", "cuts"];

/** Nothing distinguishes it from the place where the log's volume is to be mounted: it is not called whole. */
function refuseEmpty({ kind, segments, mark, head }: LogInspection, path: string): void {
  if (kind === "file" || segments.length > 0 || mark !== null || (head ?? 0) > 0) return;
  throw new CliError(
    exitCode.missing,
    `${path} is an empty directory: no log.`,
    "Is its volume mounted? A log that was opened once holds at least its mark.",
  );
}

/**
 * Of a directory with one segment, which does not show how long it may grow. The first one is read alike with
 * any size; where it is a later one, its place depends on it.
 */
function sizeToRead({ segments, head, path }: LogInspection): number | undefined {
  const [only] = segments;
  if (only === undefined) return undefined;
  const bytes = only.end - only.start;
  const isFirst = only.start === 0;
  if (isFirst && head === 0) return Math.max(bytes, 1, segmentBytesUsual);
  const index = only.start / segmentBytesUsual;
  const fits = sizesToTry.filter((size) => size >= bytes && isWithin(head ?? 0, index, size, bytes));
  const [size, another] = fits;
  if (size !== undefined && another === undefined) return size;
  throw segmentSizeUnknown(path);
}

const segmentBytesUsual: number = 64 * 1024 * 1024;
const sizesToTry: readonly number[] = Array.from({ length: 34 }, (_, power) => 2 ** power);

function isWithin(head: number, index: number, size: number, bytes: number): boolean {
  return head >= index * size && head <= index * size + bytes;
}

export function segmentSizeUnknown(path: string): CliError {
  return usageError(
    `${path} has not two segments, so it does not show how long a segment of this log may be.`,
    "Give the size that the log was made with: --segment-size BYTES.",
  );
}
