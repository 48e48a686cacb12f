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
  /** The process that had it open meanwhile, as far as the system tells; null: none was seen. */
  readonly holder: string | null;
}

export type ReportVerdict = "whole" | "torn" | "corrupt" | "loss";

export type DamageKind = "torn" | "corrupt" | "loss";

/** Damage below the mark is loss; the incomplete end that a crash leaves is torn; all other is corrupt. */
export function damageKindOf({ mark, end, tail }: ReportedLog, offset: number): DamageKind {
  if (mark !== null && offset < mark) return "loss";
  return tail?.kind === "torn" && offset >= end ? "torn" : "corrupt";
}

/** Of several, the worst. */
export function verdictOf(log: ReportedLog, damageOffsets: readonly number[]): ReportVerdict {
  const kinds = damageOffsets.map((offset) => damageKindOf(log, offset));
  if ((log.mark !== null && log.mark > log.end) || kinds.includes("loss")) return "loss";
  if (log.tail?.kind === "corrupt" || kinds.includes("corrupt")) return "corrupt";
  return log.tail === null ? "whole" : "torn";
}
