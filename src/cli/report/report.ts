/** All that a page tells. */
import type { Verdict } from "../verdict.ts";
import type { ShownDamage } from "./damage-list.ts";
import type { ReportedLog } from "./reported-log.ts";
import type { SurveyResult } from "./survey.ts";

export interface Report {
  readonly log: ReportedLog;
  readonly survey: SurveyResult;
  readonly damages: readonly ShownDamage[];
  readonly verdict: Verdict;
  /** A live writer is at the incomplete record at the end: the log is called whole. */
  readonly isBeingWritten: boolean;
  /** Bytes kept of a payload. */
  readonly startBytes: number;
  /** When it was made, and how long the pass took. */
  readonly made: Date;
  readonly seconds: number;
}
