/**
 * Whether what a device says of its flushes can be true. A flush that only says so costs nothing, and a log over
 * it loses what it has promised to keep, at the first power cut.
 *
 * How it is told: the median of the cheapest flush of a growing file, which writes at least the block, the file's
 * size, and a journal. The fastest drives with a cache of their own that survives (power-loss protection,
 * persistent memory behind a block device) take 20 microseconds and more for that, with the system's share; consumer
 * drives 200 and more, rotating ones 4,000 and more. Below `flushMicrosecondsMin` nothing was waited for. Above it
 * a lie may still be hidden: only a power cut proves a flush (docs/fuzzing-and-power-cuts.md).
 */
import type { FileSystem } from "./file-system.ts";
import type { FlushCost } from "./flush-cost.ts";

export interface Doubt {
  readonly code: "in-memory" | "too-fast" | "network";
  readonly message: string;
}

export const flushMicrosecondsMin = 20;

export function doubtsOf(fileSystem: FileSystem, costs: readonly FlushCost[]): Doubt[] {
  const doubts: Doubt[] = [];
  if (fileSystem.kind === "memory") {
    doubts.push({
      code: "in-memory",
      message: `${fileSystem.name} keeps files in memory: a flush does nothing there, and a power cut takes all. Name a folder on the disk that the log will be on.`,
    });
  }
  const median = cheapestFlush(costs);
  if (median !== null && median < flushMicrosecondsMin) {
    doubts.push({
      code: "too-fast",
      message:
        `a flush takes ${median} µs, and no drive writes in less than ${flushMicrosecondsMin}: whatever says "flushed" here has not waited for one. ` +
        (fileSystem.kind === "memory"
          ? ""
          : "Look at the cache mode of the virtual disk, the options of the mount (nobarrier), and libraries that turn fsync off. ") +
        "What wal-db acknowledges on it can be lost.",
    });
  }
  if (fileSystem.kind === "network") {
    doubts.push({
      code: "network",
      message: `${fileSystem.name} is a file system of another machine: a flush is as good as what that one does with it.`,
    });
  }
  return doubts;
}

/** Of the growing file, the median of the fastest way that is a barrier; null where none was measured. */
export function cheapestFlush(costs: readonly FlushCost[]): number | null {
  const medians = costs
    .filter(({ file, way, operations }) => file === "growing" && way !== "none" && operations > 0)
    .filter(({ way }) => way !== "O_DSYNC" || process.platform !== "darwin")
    .map(({ microseconds }) => microseconds.p50);
  return medians.length === 0 ? null : Math.min(...medians);
}
