/** One pass over an open log, its record and its damage in order, with a turn for the progress bar now and then. */
import type { Wal } from "../../index.ts";
import { recordAt, walk } from "../walk.ts";
import { Survey, type SurveyResult } from "./survey.ts";

export interface PassOptions {
  readonly sampleMax: number;
  readonly startBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

const progressBytes: number = 4 * 1024 * 1024;

export async function surveyLog(wal: Wal, options: PassOptions): Promise<SurveyResult> {
  const { signal, onProgress, sampleMax, startBytes } = options;
  const { head } = wal;
  // What stands past the end of a damaged log is looked at as well.
  const end = wal.end + wal.recovery.discarded;
  const survey = new Survey({ head, end, sampleMax, startBytes, readAgain: (lsn) => recordAt(wal, lsn) });
  let nextLook = head + progressBytes;
  const record: Parameters<typeof walk>[2]["record"] = (record) => {
    survey.add(record);
    if (record.next < nextLook) return undefined;
    nextLook = record.next + progressBytes;
    onProgress(record.next - head, end - head);
    return undefined;
  };
  await walk(wal, {}, { record, damage: (damage) => survey.addDamage(damage) }, signal);
  return survey.finish();
}
