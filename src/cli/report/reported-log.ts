/** What a report tells of a log, besides what the pass over its records found. */

export interface ReportedSegment {
  /** Name of the file. */
  readonly name: string;
  /** Offset of its first byte, and the offset after its last. */
  readonly start: number;
  readonly end: number;
  /** When it was last written to, in milliseconds since 1970; null where that is not known. */
  readonly modified: number | null;
}

export interface ReportedQuarantine {
  readonly name: string;
  /** Offset at which the bytes stood in the log. */
  readonly lsn: number;
  readonly bytes: number;
}

/** What stands past the last record that the log counts as its own. */
export interface ReportedTail {
  readonly offset: number;
  readonly reason: string;
  readonly kind: "torn" | "corrupt";
  /** Bytes, without the zeros at the end. */
  readonly bytes: number;
}

export interface ReportedLog {
  readonly path: string;
  readonly kind: "file" | "segmented";
  /** Null for a single file. */
  readonly segmentSize: number | null;
  readonly head: number;
  /** Null where the log has none. */
  readonly mark: number | null;
  /** End of the last record. */
  readonly end: number;
  /** Offset at which the files end. */
  readonly length: number;
  /** Low to high; of a single file, that file. */
  readonly segments: readonly ReportedSegment[];
  readonly quarantines: readonly ReportedQuarantine[];
  readonly tail: ReportedTail | null;
}

export type ReportVerdict = "whole" | "torn" | "corrupt" | "loss";

/** Of several, the worst. */
export function verdictOf(log: ReportedLog, damageOffsets: readonly number[]): ReportVerdict {
  const { mark, end, tail } = log;
  if (mark !== null && (mark > end || damageOffsets.some((offset) => offset < mark))) return "loss";
  if (damageOffsets.length > 0 || tail?.kind === "corrupt") return "corrupt";
  return tail === null ? "whole" : "torn";
}
