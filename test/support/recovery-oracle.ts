/**
 * What an open must do with a given log, mark and policy: the decision table of recovery, written
 * from its description over the whole image in memory, with no line of the library.
 */
import { claimBefore, claimOf, recordAt, scanPlain } from "./plain-format.ts";

export interface OracleInput {
  readonly image: Uint8Array;
  /** The mark file's bytes; null: no such file. */
  readonly mark: Uint8Array | null;
  readonly onDamage: "quarantine" | "refuse" | "truncate" | undefined;
  readonly verify: "tail" | "full";
  readonly maxRecordBytes: number;
  /** Where the log begins, after a front was dropped. Default 0. */
  readonly head?: number;
  /** Of a segmented log: where bytes are missing although bytes follow; there the image has zeros. */
  readonly gap?: { readonly offset: number; readonly reason: string } | null;
}

export type OracleAnswer =
  | { readonly opens: false; readonly offset: number; readonly mark: number | null; readonly reason: string }
  | {
      readonly opens: true;
      readonly scannedFrom: number;
      readonly records: number;
      readonly end: number;
      readonly discarded: number;
      /** What the mark claimed. */
      readonly mark: number | null;
      readonly damage: null | { readonly offset: number; readonly reason: string; readonly kind: string };
      /** What must stand in a quarantine file afterwards; null: no such file. */
      readonly saved: Uint8Array | null;
    };

export function expectedOpen(input: OracleInput): OracleAnswer {
  const { image, onDamage, maxRecordBytes, head = 0, gap = null } = input;
  const claim = input.mark === null ? null : claimOf(input.mark);
  const byName = onDamage === "quarantine" || onDamage === "truncate";

  const lostInGap = gap !== null && (claim === null || gap.offset < claim);
  if (lostInGap && (!byName || gap.reason === "segment-size")) {
    return { opens: false, offset: gap.offset, mark: claim, reason: gap.reason };
  }

  let scannedFrom = head;
  let scan = scanPlain(image, head, maxRecordBytes);
  const leads = claim !== null && !lostInGap && claim > head && claim <= image.length;
  if (input.verify === "tail" && leads) {
    const fromMark = scanPlain(image, claim, maxRecordBytes);
    // A scan from the mark counts when it comes to the end, or to nothing but zeros behind records.
    const restIsZeros = image.subarray(fromMark.end).every((byte) => byte === 0);
    const toTheEnd = fromMark.end === image.length || (fromMark.records.length > 0 && restIsZeros);
    if (toTheEnd) [scannedFrom, scan] = [claim, fromMark];
    // Nothing but zeros from the mark on: they count when the mark before it leads to this one.
    const before = input.mark === null ? null : claimBefore(input.mark);
    if (!toTheEnd && restIsZeros && before !== null && before < claim) {
      const fromBefore = scanPlain(image, before, maxRecordBytes);
      if (fromBefore.end === claim) [scannedFrom, scan] = [before, fromBefore];
    }
  }
  const { end } = scan;
  const lost = claim !== null && end < claim;
  if (lost && !byName)
    return { opens: false, offset: end, mark: claim, reason: scan.reason ?? "shorter-than-mark" };

  const found = { opens: true, scannedFrom, records: scan.records.length, end, mark: claim } as const;
  const tail = image.subarray(end);
  if (scan.reason === null || tail.every((byte) => byte === 0)) {
    return { ...found, discarded: 0, damage: null, saved: null };
  }
  let follows = false;
  for (let at = end + 1; at + 8 <= image.length && !follows; at++) {
    follows = typeof recordAt(image, at, maxRecordBytes) === "number";
  }
  const kind = end > head && !follows ? "torn" : "corrupt";
  if (kind === "corrupt" && onDamage === "refuse") {
    return { opens: false, offset: end, mark: null, reason: scan.reason };
  }
  const onlyIncomplete = kind === "torn" && scan.reason.startsWith("torn-") && !lost;
  return {
    ...found,
    discarded: tail.length,
    damage: { offset: end, reason: scan.reason, kind },
    saved: onlyIncomplete || onDamage === "truncate" ? null : tail.slice(),
  };
}
