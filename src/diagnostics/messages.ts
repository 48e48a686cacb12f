/**
 * What is published on the channels: plain facts, so that a message can be posted to another thread.
 * (Of an `error` the structured clone keeps the message, and drops the code.)
 */
import type { WalError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import type { RecoveryReport } from "../recovery/report.ts";

/** What every message says: of which log, in which thread. */
export interface WalMessage {
  /** The log's file or directory, absolute; null of a store that has no path. */
  readonly path: string | null;
  /** The kind of its store: the name of its class, `FileStore` or your own. */
  readonly store: string;
  /** `threadId` of node:worker_threads where this happened; 0 is the main thread. */
  readonly thread: number;
}

/** `wal-db:open`: a log was opened, or joined by a thread. */
export interface OpenMessage extends WalMessage {
  /** `owner`: it writes and has the lock; `reader`: opened with `readOnly`; `joined`: by `Wal.attach`. */
  readonly role: "owner" | "reader" | "joined";
  /** From the lock to the open log, recovery included. */
  readonly durationMs: number;
  readonly head: Lsn;
  readonly end: Lsn;
  readonly durable: Lsn;
}

/** `wal-db:recovery`: an open has found out what is there, and repaired what a crash left. Not of a log that is joined. */
export interface RecoveryMessage extends WalMessage {
  readonly durationMs: number;
  /** `wal.recovery`. */
  readonly report: RecoveryReport;
}

/**
 * `wal-db:append`: what this thread has appended since the last such message, counted, not one by one:
 * told when a sync of this thread is answered, and at close.
 */
export interface AppendMessage extends WalMessage {
  readonly records: number;
  /** Headers included. */
  readonly bytes: number;
  /** The end of the last of them. */
  readonly end: Lsn;
}

/** `wal-db:flush`: a flush of the store that this thread made has ended. */
export interface FlushMessage extends WalMessage {
  /** From the call of the store's flush until this thread knew of its end. */
  readonly durationMs: number;
  /**
   * Calls of this thread that waited for it: `sync`, `appendAndSync`, a truncation, `close`. Calls of
   * other threads, which it may have answered too, are not counted.
   */
  readonly groupSize: number;
  /** Bytes of the log that it made durable, whichever thread appended them. 0 when it failed. */
  readonly bytes: number;
  /** All below is on stable storage. */
  readonly durable: Lsn;
  /** Why it failed; the log is poisoned then. */
  readonly error: WalError | null;
}

/** `wal-db:slow-flush`: the same flush, when it took longer than `thresholdMs`: 1,000. */
export interface SlowFlushMessage extends FlushMessage {
  readonly thresholdMs: number;
}

/** `wal-db:segment`: the log has gone on to another segment; this one is full, and on stable storage. */
export interface SegmentMessage extends WalMessage {
  /** The segment's file; null when it could not be looked up, or is gone already. */
  readonly file: string | null;
  /** Offset in the log of its first byte, and the offset after its last. */
  readonly start: Lsn;
  readonly end: Lsn;
}

/** `wal-db:truncate`: the log was cut, durably. */
export interface TruncateMessage extends WalMessage {
  /** `after`: its end, by `truncateAfter`. `before`: its front, by `truncateBefore` or `retain`. */
  readonly side: "after" | "before";
  /** Where that side was, and where it is now. */
  readonly from: Lsn;
  readonly to: Lsn;
  /** What is between the two. */
  readonly bytes: number;
}

/** `wal-db:archive`: the archive hook has taken a segment, or failed. */
export interface ArchiveMessage extends WalMessage {
  /** The segment's file. When no segment could be looked for: the log's directory. */
  readonly file: string;
  readonly start: Lsn;
  /** Null when no segment could be looked for. */
  readonly end: Lsn | null;
  /** Reading it for its checksum, and the hook. */
  readonly durationMs: number;
  /** Why it failed; null when the segment was taken. The hook's own error is its `cause`. */
  readonly error: WalError | null;
}

/**
 * `wal-db:damage`: bytes that are no intact record where one must be. Also when somebody asks to read
 * an offset at which no record begins: that looks the same.
 */
export interface DamageMessage extends WalMessage {
  /** `open`: by recovery, or by the look at the files before it. */
  readonly foundBy: "open" | "read" | "iterate" | "follow";
  readonly offset: Lsn;
  /** As `reason` of a WalError: docs/errors.md. */
  readonly reason: string;
  /** Of `open`: `torn` is what any crash may leave, `corrupt` is not; null where that was not judged. */
  readonly kind: "torn" | "corrupt" | null;
  /** Bytes cut off by `open`, or passed over by `iter({ onDamage })`; null otherwise. */
  readonly bytes: number | null;
  /** Bytes of acknowledged data that are gone. */
  readonly lostBytes: number;
  /** Where `open` has saved what it cut off; null when it saved nothing. */
  readonly quarantine: string | null;
  /** What the call threw, or gave to `onDamage`; null when `open` went on. */
  readonly error: WalError | null;
}

/** `wal-db:poison`: this thread has learnt that the log takes no more appends or syncs. Once in each thread. */
export interface PoisonMessage extends WalMessage {
  /** The first failure. */
  readonly error: WalError;
}

/** The channels of `node:diagnostics_channel` that a log publishes on, by name, and what it publishes there. */
export interface WalMessages {
  readonly "wal-db:open": OpenMessage;
  readonly "wal-db:recovery": RecoveryMessage;
  readonly "wal-db:append": AppendMessage;
  readonly "wal-db:flush": FlushMessage;
  readonly "wal-db:slow-flush": SlowFlushMessage;
  readonly "wal-db:segment": SegmentMessage;
  readonly "wal-db:truncate": TruncateMessage;
  readonly "wal-db:archive": ArchiveMessage;
  readonly "wal-db:damage": DamageMessage;
  readonly "wal-db:poison": PoisonMessage;
}
