/** What the script in the page is given, as JSON: types alone, for both sides. */
import type { SizeClass } from "./size-histogram.ts";
import type { LogStretch } from "./stretches.ts";

/** A moment of the log's life that is known: when a segment was last written to. */
export interface SegmentTime {
  /** Offset after the last byte that the segment held then. */
  readonly end: number;
  /** Seconds since 1970. */
  readonly time: number;
}

/** Records, a column for each fact. */
export interface PageRecords {
  /** Place in the log, counted from 1. */
  readonly number: readonly number[];
  readonly lsn: readonly number[];
  readonly length: readonly number[];
  /** The first bytes of the payload, in base64. */
  readonly start: readonly string[];
  /** Whether it stands next to damage. */
  readonly nearDamage: readonly (0 | 1)[];
}

export interface PageData {
  readonly sizes: readonly SizeClass[];
  readonly stretches: readonly LogStretch[];
  readonly times: readonly SegmentTime[];
  readonly records: PageRecords;
  /** Bytes of a payload that `start` holds at most. */
  readonly startBytes: number;
}
