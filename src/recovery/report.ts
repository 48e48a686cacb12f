import type { Lsn } from "../lsn.ts";
import type { DamageReason } from "../record/format.ts";

/** What `open` found, and what it did about it. */
export interface RecoveryReport {
  /** The lowest LSN still present. */
  readonly head: Lsn;
  /** Where the scan began (the mark or the head). */
  readonly scannedFrom: Lsn;
  /** Intact records scanned. */
  readonly records: number;
  /** End of the last intact record. */
  readonly end: Lsn;
  /** Bytes found past `end` (all zeros do not count) and cut off; with `readOnly`, found only. */
  readonly discarded: number;
  /**
   * What the mark claimed to be on stable storage; null where there was none. Above `end`:
   * acknowledged data was lost, and `onDamage` accepted it by name.
   */
  readonly mark: Lsn | null;
  readonly damage: RecoveryDamage | null;
}

export interface RecoveryDamage {
  readonly offset: Lsn;
  readonly reason: DamageReason;
  /**
   * `torn`: what a crash leaves. Nothing intact follows, and intact records precede.
   * Cut off; saved to quarantine first unless it is just an incomplete last record.
   * `corrupt`: intact records follow, or may follow, or the file holds no intact record at all.
   */
  readonly kind: "torn" | "corrupt";
  /** Where the bytes were saved, or null when they were not. */
  readonly quarantine: string | null;
}

/**
 * What `open` does when the bytes past the last intact record are `corrupt`. `quarantine`: save
 * them durably, then cut the log there. `refuse`: throw and change nothing. `truncate`: cut
 * without saving.
 */
export type DamagePolicy = "quarantine" | "refuse" | "truncate";
