/** One pass over an open log, in slices, so that Ctrl-C and the progress bar get their turn. */
import { setImmediate } from "node:timers/promises";
import type { Lsn, Wal } from "../../index.ts";
import { Survey, type SurveyedRecord, type SurveyResult } from "./survey.ts";

export interface PassOptions {
  readonly sampleMax: number;
  readonly startBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

const sliceBytes: number = 4 * 1024 * 1024;

export async function surveyLog(wal: Wal, options: PassOptions): Promise<SurveyResult> {
  const { signal, onProgress, sampleMax, startBytes } = options;
  const { head } = wal;
  // What stands past the end of a damaged log is looked at as well.
  const end = wal.end + wal.recovery.discarded;
  const survey = new Survey({ head, end, sampleMax, startBytes, readAgain: (lsn) => recordAt(wal, lsn) });
  let nextLook = head + sliceBytes;
  for (const record of wal.iter({ onDamage: (damage) => survey.addDamage(damage) })) {
    survey.add(record);
    if (record.next < nextLook) continue;
    nextLook = record.next + sliceBytes;
    onProgress(record.next - head, end - head);
    await setImmediate();
    signal.throwIfAborted();
  }
  return survey.finish();
}

/** Also one past the end of a damaged log, which `read` would not give. */
function recordAt(wal: Wal, lsn: Lsn): SurveyedRecord | null {
  try {
    const [record] = wal.iter({ from: lsn, to: (lsn + 1) as Lsn, onDamage: () => {} });
    return record?.lsn === lsn ? record : null;
  } catch {
    // A live writer has dropped it meanwhile.
    return null;
  }
}
