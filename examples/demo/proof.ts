import { type RecoveryReport, Wal } from "wal-db";
import { linesOf } from "./source.ts";

/** What a log holds, held against the file that was logged. */
export interface Proof {
  readonly recovery: RecoveryReport;
  /** Records in the log; each is the line of that number. */
  readonly lines: number;
  readonly bytes: number;
  /** What is wrong; null: the log is the beginning of the file, and holds all that it must. */
  readonly fault: string | null;
}

/** Opens the log, which recovers it, and compares it line by line. `atLeast` lines must be there. */
export async function prove(log: string, file: string, atLeast: number): Promise<Proof> {
  const wal = await Wal.open(log);
  try {
    const source = linesOf(file);
    let lines = 0;
    let bytes = 0;
    let fault: string | null = null;
    for (const record of wal) {
      const line = source.next().value;
      if (line === undefined || Buffer.compare(line, record.data) !== 0) {
        fault = `record ${lines + 1} of the log, at ${record.lsn}, is not line ${lines + 1} of the file`;
        break;
      }
      lines++;
      bytes += record.length;
    }
    if (fault === null && lines < atLeast) {
      fault = `lines acknowledged: ${atLeast}; lines in the log: ${lines}`;
    }
    return { recovery: wal.recovery, lines, bytes, fault };
  } finally {
    await wal.close();
  }
}
