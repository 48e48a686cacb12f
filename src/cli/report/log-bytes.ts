/** The bytes of a log as they stand in its files, records or not: what is shown around damage. */
import { closeSync, openSync, readSync } from "node:fs";
import type { ReportedSegment } from "./reported-log.ts";

/** A file that holds a part of the log. */
export interface LogFile extends Pick<ReportedSegment, "start" | "end"> {
  readonly path: string;
}

/** The file that holds the byte at `offset`; of one past the end, the last. */
export function fileAt<F extends LogFile>(files: readonly F[], offset: number): F | undefined {
  return files.findLast(({ start }) => start <= offset) ?? files[0];
}

/** The bytes `[from, to)`, as far as they are there in one piece. */
export function readBytes(files: readonly LogFile[], from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, to - from));
  let done = 0;
  for (const file of files) {
    const at = from + done;
    if (done === bytes.length || file.start > at) break;
    if (file.end > at) done += readFrom(file, at, bytes.subarray(done));
  }
  return bytes.subarray(0, done);
}

/** A file that is gone, or cannot be read, gives nothing: a report tells of damage, and does not fail at it. */
function readFrom(file: LogFile, at: number, into: Uint8Array): number {
  try {
    const fd = openSync(file.path, "r");
    try {
      return readSync(fd, into, 0, Math.min(into.length, file.end - at), at - file.start);
    } finally {
      closeSync(fd);
    }
  } catch {
    return 0;
  }
}
