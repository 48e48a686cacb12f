/**
 * Files that are not there, of a segmented log: one that was deleted, or left out of a copy. Where one is missing
 * its bytes read as zeros, and the reader speaks of a checksum; whoever has to mend it needs the name of the file.
 */
import { basename } from "node:path";
import type { LogInspection } from "../index.ts";
import { printable } from "./printable.ts";
import { countText } from "./quantity.ts";

/** A stretch of the log of which the files are not there. */
export interface MissingSegments {
  /** The first of them. */
  readonly name: string;
  readonly count: number;
  readonly start: number;
  readonly end: number;
}

/** Low to high: before the first file that there is, between two, and up to the mark. */
export function missingSegments({
  kind,
  head,
  mark,
  lock,
  segments,
  segmentSize,
}: LogInspection): MissingSegments[] {
  if (kind === "file" || segmentSize === null || segments.length === 0) return [];
  // Its writer found all when it opened the log, and may be dropping the front just now.
  if (lock.state === "held") return [];
  const found: MissingSegments[] = [];
  let next = Math.floor((head ?? 0) / segmentSize);
  const upTo = (index: number): void => {
    if (index > next) {
      const [start, end] = [next * segmentSize, index * segmentSize];
      found.push({ name: segmentName(next), count: index - next, start, end });
    }
  };
  for (const { path } of segments) {
    const index = Number.parseInt(basename(path), 10);
    upTo(index);
    next = Math.max(next, index + 1);
  }
  upTo(Math.ceil((mark ?? 0) / segmentSize));
  return found;
}

export function missingText({ name, count, start, end }: MissingSegments): string {
  const more = count === 1 ? "is missing" : `and the ${countText(count - 1)} after it are missing`;
  return `The file ${printable(name)} ${more}: the log from ${start} to ${end}. If you have it, put it back.`;
}

function segmentName(index: number): string {
  return `${String(index).padStart(20, "0")}.wal`;
}
