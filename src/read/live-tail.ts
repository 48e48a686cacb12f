/**
 * The tail of a log that is open here. Nothing is read that is not written, or for `durable` not on
 * stable storage: an intact record must stand there, and bytes that are none are damage.
 *
 * What a chunk holds is the log as it was when it was read. A cut may come at any time and other
 * records take the place of what it took, so after one, everything read ahead is dropped; a
 * follower that stands past it is told, and one that does not goes on with what comes there.
 *
 * When the log is closed, its store can no longer be read. Then each tail takes what it has not
 * given yet into memory, up to a bound (limits.ts, `followRestBytesMax`): one that is not further
 * behind gives it all and ends; one that is, is told WAL_CLOSED where it would have to read.
 */
import { poisoned } from "../commit/group-commit.ts";
import type { Progress, Until } from "../commit/progress.ts";
import type { WalError } from "../errors.ts";
import { followRestBytesMax } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import type { WalStore } from "../store/store.ts";
import { Cursor } from "./cursor.ts";
import { cutUnderFollower, type Tail } from "./follow.ts";
import { corruptRecord, type LiveLog } from "./iterate.ts";
import type { WalRecord } from "./wal-record.ts";

export interface FollowedLog {
  readonly store: WalStore;
  readonly from: Lsn;
  readonly until: Until;
  readonly maxRecordBytes: number;
  readonly log: LiveLog;
  readonly progress: Progress;
}

export class LiveTail implements Tail {
  readonly #followed: FollowedLog;
  #cursor: Cursor;
  /** What the cursor was told that there is. */
  #end: number;
  #cutsSeen: number;
  #epochSeen = 0;
  /** A cut that whoever asks next is to be told of. */
  #told: WalError | null = null;
  #left = false;
  #leaveFailure: { readonly error: unknown } | null = null;

  constructor(followed: FollowedLog) {
    this.#followed = followed;
    this.#cutsSeen = followed.log.cutCount;
    this.#end = followed.from;
    this.#cursor = this.#cursorAt(followed.from);
  }

  step(): WalRecord | WalError | "need" | "wait" | "end" {
    const { store, log, progress } = this.#followed;
    // Before anything else is looked at: see progress.ts.
    this.#epochSeen = progress.epoch;
    if (!this.#left) this.#heedCuts();
    const told = this.#told;
    this.#told = null;
    if (told !== null) return told;
    if (this.#leaveFailure !== null) throw this.#leaveFailure.error;
    let step = this.#cursor.advance();
    if (step === "end" && this.#extend()) step = this.#cursor.advance();
    if (step === "record") return this.#cursor.record();
    if (step === "need") {
      if (this.#left) log.checkOpen();
      return "need";
    }
    const { offset } = this.#cursor;
    if (step === "damage" || offset < this.#end) {
      const reason = step === "end" || this.#cursor.end < this.#end ? "torn-payload" : this.#cursor.reason;
      throw corruptRecord(store, offset, reason);
    }
    if (progress.poison !== null) throw poisoned(progress.poison, store.path);
    return log.isOpen ? "wait" : "end";
  }

  async fill(): Promise<void> {
    const cursor = this.#cursor;
    try {
      await cursor.fillAhead();
    } catch (error) {
      // The log was closed meanwhile, and the rest of it is at hand.
      if (this.#cursor === cursor) throw error;
    }
  }

  wait(wake: () => void): () => void {
    const { progress, until } = this.#followed;
    return progress.whenPast(this.#cursor.offset, until, this.#epochSeen, wake);
  }

  leave(): void {
    const { log } = this.#followed;
    try {
      do {
        this.#heedCuts();
        this.#extend();
        // Not the cursor that a read may be under way for.
        this.#cursor = this.#cursorAt(this.#cursor.offset);
        this.#cursor.fillRest(followRestBytesMax);
        // The owner may have cut the log while another thread, which leaves it, was reading.
      } while (log.cutCount !== this.#cutsSeen);
    } catch (error) {
      this.#leaveFailure = { error };
    }
    this.#left = true;
  }

  close(): void {}

  /** Goes on to where the log is now; false when it is no further. */
  #extend(): boolean {
    const { until, progress } = this.#followed;
    const reached = progress[until];
    if (reached <= this.#end) return false;
    this.#end = reached;
    this.#cursor.extend(reached);
    return true;
  }

  #heedCuts(): void {
    const { store, log } = this.#followed;
    if (log.cutCount !== this.#cutsSeen) {
      const { offset } = this.#cursor;
      const lowest = log.lowestCutSince(this.#cutsSeen) as Lsn;
      this.#cutsSeen = log.cutCount;
      if (offset > lowest) this.#told = cutUnderFollower(store, offset, lowest);
      this.#end = Math.min(offset, lowest);
      this.#cursor = this.#cursorAt(this.#end as Lsn);
    }
    const { offset } = this.#cursor;
    if (offset < log.head) throw corruptRecord(store, offset, "truncated");
  }

  #cursorAt(offset: Lsn): Cursor {
    return new Cursor(this.#followed.store, offset, this.#end, this.#followed.maxRecordBytes);
  }
}
