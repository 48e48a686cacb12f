import type { RecoveryReport } from "wal-db";
import { type LogKind, openLog } from "./open-log.ts";
import { payloadOf } from "./script.ts";

/** What a reopened log is held against. */
export interface Claims {
  readonly seed: number;
  /** So many records were acknowledged, by append, appendBatch, sync or appendAndSync. */
  readonly acknowledged: number;
  /** The bytes past its end that the test itself has put there, and recovery must cut off. */
  readonly planted: number;
}

export interface Verdict {
  readonly records: number;
  readonly end: number;
  readonly faults: readonly string[];
}

/** Opens the log and lists all that is wrong with it. */
export async function judge(kind: LogKind, log: string, claims: Claims): Promise<Verdict> {
  // What a mapped log leaves is for SegmentedStore too.
  const wal = await openLog(kind === "mapped" && claims.acknowledged % 2 === 0 ? "segments" : kind, log);
  try {
    const faults: string[] = [];
    const { recovery } = wal;
    let records = 0;
    let scanned = 0;
    let end = 0;
    for (const record of wal) {
      if (record.lsn !== end) faults.push(`record ${records} begins at ${record.lsn}, not at ${end}`);
      const expected = payloadOf(claims.seed, records);
      if (Buffer.compare(record.data, expected) !== 0) {
        faults.push(`record ${records} at ${record.lsn}, ${record.length} bytes, is not what was appended`);
        break;
      }
      records++;
      end = record.next;
      if (record.lsn >= recovery.scannedFrom) scanned++;
    }
    if (records < claims.acknowledged) {
      faults.push(`${claims.acknowledged} records were acknowledged; ${records} are there`);
    }
    if (recovery.head !== 0 || recovery.end !== end || wal.end !== end) faults.push("the ends do not agree");
    if (recovery.scannedFrom > end) faults.push(`scanned from ${recovery.scannedFrom}, past the end ${end}`);
    if (recovery.records !== scanned) {
      faults.push(`the report counts ${recovery.records} records scanned; there are ${scanned}`);
    }
    faults.push(...tailFaults(kind, recovery, claims.planted));
    return { records, end, faults };
  } finally {
    await wal.close();
  }
}

/** A killed process leaves at most one record that was not written in full. */
function tailFaults(kind: LogKind, report: RecoveryReport, planted: number): string[] {
  const { damage, discarded } = report;
  const what = JSON.stringify(report);
  if (damage === null) {
    return discarded === 0 && planted === 0
      ? []
      : [`nothing damaged, and yet bytes cut or expected: ${what}`];
  }
  const incomplete = damage.reason === "torn-header" || damage.reason === "torn-payload";
  if (planted > 0 && discarded < planted) return [`fewer bytes cut off than ${planted}: ${what}`];
  if (damage.kind === "torn" && incomplete && damage.quarantine === null) return [];
  // In a map zeros follow: what of it is missing is not past the end, and it is damaged, not incomplete.
  // A copy may also put its first bytes last: of a batch a later record is then whole, and the first is not.
  const halfCopied = damage.reason === "checksum-mismatch";
  if (kind === "mapped" && halfCopied && damage.quarantine !== null) return [];
  // With no intact record before it, an incomplete one might be anything, and is saved.
  if (report.end === 0 && damage.kind === "corrupt" && damage.quarantine !== null) return [];
  return [`not what a kill leaves: ${what}`];
}
