import { join } from "node:path";
import type { Disk } from "./disk.ts";
import { segmentIndexOf, segmentName } from "./segment-name.ts";

/** The indexes of the segments in a directory, low to high. */
export function segmentIndexesIn(disk: Disk, dir: string): number[] {
  return disk
    .list(dir)
    .map(segmentIndexOf)
    .filter((index) => index !== null)
    .toSorted((a, b) => a - b);
}

/**
 * Bytes per segment as the files of a log show it: every one but the last is as long as that. Of some that a
 * crash or an accident has left short, the longest counts. Null where there are not two.
 */
export function segmentSizeShown(disk: Disk, dir: string): number | null {
  const full = segmentIndexesIn(disk, dir).slice(0, -1);
  const size = Math.max(0, ...full.map((index) => disk.stat(join(dir, segmentName(index))).size));
  return size > 0 ? size : null;
}
