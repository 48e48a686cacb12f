import { checkKeys } from "./arguments.ts";
import { invalidArgument, shown } from "./errors.ts";
import { maxRecordBytesCeiling, maxRecordBytesDefault } from "./limits.ts";
import type { RecoverOptions } from "./recovery/recover.ts";
import type { DamagePolicy } from "./recovery/report.ts";
import type { ArchiveHook } from "./truncation/archive.ts";

/** How to open a log. */
export interface WalOptions {
  /**
   * Largest payload in bytes, on append and when reading back.
   * @default 64 MiB
   */
  readonly maxRecordSize?: number | undefined;
  /**
   * What `open` does when the bytes past the last intact record are `corrupt` (see
   * {@link RecoveryReport}). `quarantine`: save them durably to `<log>.quarantine-<lsn>`, then
   * cut the log there. `refuse`: throw WAL_CORRUPT and change nothing. `truncate`: cut without
   * saving.
   *
   * Left out: corrupt bytes past the mark go to quarantine, and damage below the mark, which is loss
   * of acknowledged data, is refused. **Given by name, `quarantine` and `truncate` accept that loss
   * too:** name one after you have been told of it, not as a standing option.
   */
  readonly onDamage?: DamagePolicy | undefined;
  /**
   * `tail`: verify from the mark on. `full`: verify every record from the head.
   * @default "tail"
   */
  readonly verify?: "tail" | "full" | undefined;
  /**
   * Open without lock, repair or writing; append and sync throw WAL_READ_ONLY. Shows what was
   * intact when it was opened, also beside a live writer; `follow` goes on from there. Where that
   * writer drops or cuts off meanwhile what has not been read yet, reading it throws WAL_CORRUPT: with
   * a writer that cuts the end, read through `follow`, which tells a cut from anything else.
   * @default false
   */
  readonly readOnly?: boolean | undefined;
  /**
   * Take the kernel's lock on the log; where it cannot be had, open throws WAL_UNSUPPORTED.
   * @default true
   */
  readonly lock?: boolean | undefined;
  /** Bytes verified so far and bytes to verify, during open: drives a progress bar. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Aborts an open while it reads; it rejects with the signal's reason, and nothing has changed. */
  readonly signal?: AbortSignal | undefined;
}

/** How to open a log over segment files. */
export interface SegmentedOptions extends WalOptions {
  /**
   * Bytes per segment file. Must be the size the log was created with.
   * @default 64 MiB
   */
  readonly segmentSize?: number | undefined;
  /**
   * Called with each segment that is full and on stable storage, low to high, one at a time, before
   * it may be removed; removal waits for its promise. When it throws the segment is kept, `stats()`
   * tells, and it is called again after the next flush. At least once for each segment: also
   * again after a restart that came between its promise and the note of it.
   *
   * Where the first note of how far it got cannot be written (a full disk), open fails with WAL_IO:
   * without it an open that lacks the hook would not know what to keep.
   */
  readonly archive?: ArchiveHook | undefined;
}

/** The options, checked and completed. */
export interface OpenSettings extends RecoverOptions {
  readonly lock: boolean;
  readonly segmentSize: number | undefined;
  readonly archive: ArchiveHook | undefined;
}

const optionNames: readonly (keyof SegmentedOptions)[] = [
  "maxRecordSize",
  "onDamage",
  "verify",
  "readOnly",
  "lock",
  "segmentSize",
  "archive",
  "onProgress",
  "signal",
];

/** @throws {WalError} WAL_INVALID_ARGUMENT naming the option that is not of its kind. */
export function settingsOf(options: SegmentedOptions | undefined): OpenSettings {
  if (options !== undefined && (typeof options !== "object" || options === null)) {
    throw invalidArgument(`The options are an object; got ${options === null ? "null" : typeof options}.`);
  }
  const given = options ?? {};
  checkKeys("open", given, optionNames);
  return {
    maxRecordBytes: maxRecordSizeOf(given.maxRecordSize),
    onDamage: oneOf("onDamage", given.onDamage, ["quarantine", "refuse", "truncate"]),
    verify: oneOf("verify", given.verify, ["tail", "full"]) ?? "tail",
    readOnly: booleanOf("readOnly", given.readOnly) ?? false,
    lock: booleanOf("lock", given.lock) ?? true,
    segmentSize: given.segmentSize,
    archive: functionOf("archive", given.archive),
    onProgress: functionOf("onProgress", given.onProgress),
    signal: signalOf(given.signal),
  };
}

function maxRecordSizeOf(value: number | undefined): number {
  if (value === undefined) return maxRecordBytesDefault;
  if (Number.isInteger(value) && value >= 1 && value <= maxRecordBytesCeiling) return value;
  throw invalidArgument(
    `maxRecordSize is a whole number of bytes from 1 to ${maxRecordBytesCeiling}; got ${shown(value)}.`,
  );
}

function oneOf<T extends string>(name: string, value: T | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined || allowed.includes(value)) return value;
  throw invalidArgument(`${name} is one of ${allowed.map((a) => `"${a}"`).join(", ")}; got ${shown(value)}.`);
}

function booleanOf(name: string, value: boolean | undefined): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw invalidArgument(`${name} is true or false; got ${shown(value)}.`);
}

function functionOf<F>(name: string, value: F | undefined): F | undefined {
  if (value === undefined || typeof value === "function") return value;
  throw invalidArgument(`${name} is a function; got ${shown(value)}.`);
}

function signalOf(value: AbortSignal | undefined): AbortSignal | undefined {
  if (value === undefined || typeof value?.throwIfAborted === "function") return value;
  throw invalidArgument(`signal is an AbortSignal; got ${shown(value)}.`);
}
