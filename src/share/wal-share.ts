/**
 * What one thread gives another so that it can join a log: the shared memory of its counters, and
 * how to find its bytes. Plain data, posted as it is.
 */
import { cellCount } from "../commit/log-state.ts";
import { invalidArgument } from "../errors.ts";
import type { RecoveryReport } from "../recovery/report.ts";

/**
 * A log, for another thread of this process: `worker.postMessage(wal.share())`, and there
 * `Wal.attach(share)`. Needs no transfer list; can be posted to any number of workers.
 */
export interface WalShare {
  readonly kind: "wal-db";
}

/** Raised by whatever changes the meaning of a share, of the cells in it or of what a store says of itself. */
export const shareLayout = 1;

/** What is in a {@link WalShare}. */
export interface ShareParts extends WalShare {
  /** {@link shareLayout} of the build that made it. */
  readonly layout: number;
  readonly cells: SharedArrayBuffer;
  readonly note: SharedArrayBuffer;
  /** What the store said of itself: see StoreSide.share. */
  readonly store: unknown;
  readonly maxRecordBytes: number;
  readonly recovery: RecoveryReport;
}

/** @throws {WalError} WAL_INVALID_ARGUMENT when `share` did not come from `Wal.share`, in this process. */
export function sharePartsOf(share: unknown): ShareParts {
  const parts = (typeof share === "object" && share !== null ? share : {}) as Partial<ShareParts>;
  if (parts.kind === "wal-db" && isShared(parts.cells) && parts.layout !== shareLayout) {
    throw invalidArgument(
      "Another build of this package made this share, and lays it out in another way. Use the same one in all threads.",
    );
  }
  const whole =
    parts.kind === "wal-db" &&
    isShared(parts.cells) &&
    parts.cells.byteLength === cellCount * 8 &&
    isShared(parts.note) &&
    typeof parts.maxRecordBytes === "number" &&
    typeof parts.recovery === "object";
  if (whole) return parts as ShareParts;
  throw invalidArgument(
    "Wal.attach takes what share() of an open log returned, as postMessage or workerData brought it here. " +
      "It cannot be sent to another process, nor through JSON.",
  );
}

function isShared(value: unknown): value is SharedArrayBuffer {
  return typeof SharedArrayBuffer === "function" && value instanceof SharedArrayBuffer;
}
