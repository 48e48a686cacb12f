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
  /** What stands past the end; null: nothing, or zeros. */
  readonly tail: "torn" | "corrupt" | null;
  /** The process that had it open meanwhile, as far as the system tells; null: none was seen. */
  readonly holder: string | null;
}

export type DamageKind = "torn" | "corrupt" | "loss";

/** Damage below the mark is loss; the incomplete end that a crash leaves is torn; all other is corrupt. */
export function damageKindOf({ mark, end, tail }: ReportedLog, lsn: number): DamageKind {
  if (mark !== null && lsn < mark) return "loss";
  return tail === "torn" && lsn >= end ? "torn" : "corrupt";
}
