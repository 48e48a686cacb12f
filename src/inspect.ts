/**
 * Looking at a log from outside: what stands on the disk, without opening the log, reading its records or
 * taking its lock. Also beside a live writer, and also where `open` would refuse: it reports, and judges nothing.
 */
import { basename, dirname, join } from "node:path";
import { checkKeys } from "./arguments.ts";
import { invalidArgument, WalError } from "./errors.ts";
import { segmentBytesDefault } from "./limits.ts";
import type { Lsn } from "./lsn.ts";
import { Mark } from "./recovery/mark.ts";
import type { Disk, FileKind } from "./store/disk.ts";
import { FileMark } from "./store/file-side.ts";
import { openError, pathOf } from "./store/file-store.ts";
import { readHeadMarker } from "./store/head-marker.ts";
import { type LockSeen, lockSeenOn } from "./store/lock-table.ts";
import { nodeDisk } from "./store/node-disk.ts";
import { segmentIndexOf } from "./store/segment-name.ts";
import { segmentSizeShown } from "./store/segment-size.ts";
import type { StoreSegment } from "./store/store.ts";

export interface InspectOptions {
  /** Bytes per segment. Default: as the files show it. */
  readonly segmentSize?: number | undefined;
}

/** A log as it stands on the disk. */
export interface LogInspection {
  /** Absolute. */
  readonly path: string;
  readonly kind: "file" | "segmented";
  /** Bytes per segment; null for a single file, and where the files do not show it and none was given. */
  readonly segmentSize: number | null;
  /** The files that hold its bytes, low to high. Without a known size they are placed by the default one. */
  readonly segments: readonly StoreSegment[];
  /** Where the log begins; null where the marker that says so is torn. */
  readonly head: Lsn | null;
  /** Where its bytes end, whatever they are worth. */
  readonly length: number;
  /** Below, everything was on stable storage once; null: no claim. */
  readonly mark: Lsn | null;
  readonly lock: LogLock;
  /** What recovery has cut off and saved, low to high. */
  readonly quarantines: readonly LogQuarantine[];
  /** The named readers, by name. */
  readonly readers: readonly LogReader[];
}

/**
 * The lock, as Linux shows it; `free` does not speak of a holder on another host or outside this container.
 * Elsewhere `unknown`.
 */
export type LogLock = LockSeen;

export interface LogQuarantine {
  readonly path: string;
  /** Where in the log its bytes stood. */
  readonly offset: Lsn;
  readonly bytes: number;
}

export interface LogReader {
  readonly name: string;
  /** Records before this are no longer needed by it. */
  readonly position: Lsn;
}

/**
 * What can be told of a log without opening it: its files, mark, lock, quarantines and readers. Changes
 * nothing, takes no lock, and reads none of its records.
 *
 * @param path A file, or the directory of a segmented log.
 * @throws {WalError} WAL_IO when the system refuses (`errno`: ENOENT where there is no such log);
 *   WAL_INVALID_ARGUMENT when an argument is not of its kind, or the path names neither a file nor a directory.
 * @example
 * const { mark, quarantines } = inspect("app.wal");
 * console.log(mark, quarantines.length); // 13 0
 */
export function inspect(path: string | URL, options: InspectOptions = {}): LogInspection {
  return inspectOn(nodeDisk, pathOf(path), options);
}

/** @internal */
export function inspectOn(disk: Disk, path: string, options: InspectOptions): LogInspection {
  checkKeys("inspect", options, ["segmentSize"]);
  checkSize(options.segmentSize);
  try {
    const realPath = disk.resolve(path);
    const { kind, size } = disk.stat(realPath);
    checkKind(kind, path);
    return kind === "directory"
      ? directoryAt(disk, realPath, path, options)
      : fileAt(disk, realPath, path, size);
  } catch (error) {
    throw openError(error, path);
  }
}

function checkSize(size: number | undefined): void {
  if (size === undefined || (Number.isSafeInteger(size) && size >= 1)) return;
  throw invalidArgument(`segmentSize is a whole number of bytes from 1 on; got ${String(size)}.`);
}

function checkKind(kind: FileKind, path: string): void {
  if (kind === "missing") {
    throw new WalError("WAL_IO", `There is no log at ${path}.`, { path, errno: "ENOENT" });
  }
  if (kind !== "other") return;
  throw invalidArgument(`${path} is neither a file nor a directory. A log is one of them.`, { path });
}

function fileAt(disk: Disk, realPath: string, path: string, size: number): LogInspection {
  return {
    path,
    kind: "file",
    segmentSize: null,
    segments: [{ path: realPath, start: 0, end: size }],
    head: 0 as Lsn,
    length: size,
    mark: markIn(disk, `${realPath}.mark`),
    lock: lockSeenOn(disk, realPath),
    ...besideAt(disk, dirname(realPath), `${basename(realPath)}.`),
  };
}

function directoryAt(disk: Disk, realPath: string, path: string, options: InspectOptions): LogInspection {
  const segmentSize = options.segmentSize ?? segmentSizeShown(disk, realPath);
  refuseOther(disk, join(realPath, "head"));
  const marker = readHeadMarker(disk, join(realPath, "head"));
  const segments = segmentsIn(disk, realPath, segmentSize ?? segmentBytesDefault);
  return {
    path,
    kind: "segmented",
    segmentSize,
    segments,
    head: marker === "torn" ? null : marker === "absent" ? (0 as Lsn) : (marker as Lsn),
    length: segments.at(-1)?.end ?? 0,
    mark: markIn(disk, join(realPath, "mark")),
    lock: lockSeenOn(disk, realPath),
    ...besideAt(disk, realPath, ""),
  };
}

function segmentsIn(disk: Disk, dir: string, segmentSize: number): StoreSegment[] {
  const segments: StoreSegment[] = [];
  for (const name of disk.list(dir).toSorted()) {
    const index = segmentIndexOf(name);
    if (index === null) continue;
    const path = join(dir, name);
    const { kind, size } = disk.stat(path);
    // One that a live writer has just dropped.
    if (kind === "missing") continue;
    segments.push({ path, start: index * segmentSize, end: index * segmentSize + size });
  }
  return segments;
}

/** Opening a pipe would wait for whoever writes to it, and no signal would be heard meanwhile. */
function refuseOther(disk: Disk, path: string): void {
  if (disk.stat(path).kind !== "other") return;
  throw invalidArgument(
    `${path} is neither a file nor a directory, and stands where a file of the log does.`,
    { path },
  );
}

function markIn(disk: Disk, path: string): Lsn | null {
  refuseOther(disk, path);
  const file = new FileMark(disk, path, true);
  try {
    return new Mark(file).lsn;
  } finally {
    file.close();
  }
}

const quarantineName = /^quarantine-(\d+)(?:\.\d+)?$/;
const readerName = /^reader-(.+)$/;

/** What stands beside a log, by the names of files that begin with `prefix`. */
function besideAt(disk: Disk, dir: string, prefix: string): Pick<LogInspection, "quarantines" | "readers"> {
  const quarantines: LogQuarantine[] = [];
  const readers: LogReader[] = [];
  for (const name of disk
    .list(dir)
    .filter((each) => each.startsWith(prefix))
    .toSorted()) {
    const path = join(dir, name);
    const own = name.slice(prefix.length);
    const offset = Number(quarantineName.exec(own)?.[1]);
    const reader = readerName.exec(own)?.[1];
    if (Number.isSafeInteger(offset)) {
      const { kind, size } = disk.stat(path);
      if (kind === "file") quarantines.push({ path, offset: offset as Lsn, bytes: size });
    } else if (reader !== undefined) {
      readers.push({ name: reader, position: markIn(disk, path) ?? (0 as Lsn) });
    }
  }
  return { quarantines: quarantines.toSorted((a, b) => a.offset - b.offset), readers };
}
