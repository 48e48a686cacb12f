/**
 * The records of a log that is open here, as this thread sees them: one, a stretch, or all that come.
 * Bounds are taken when the call comes; a record that this thread has appended is always within them.
 */
import { checkKeys, offsetOf } from "../arguments.ts";
import type { LogState } from "../commit/log-state.ts";
import type { Progress } from "../commit/progress.ts";
import type { Standing } from "../commit/standing.ts";
import { invalidArgument, shown } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import type { RecoveryReport } from "../recovery/report.ts";
import type { MarkFile, WalStore } from "../store/store.ts";
import { Cursor } from "./cursor.ts";
import { DiskTail } from "./disk-tail.ts";
import { checkFollow, Follower, type FollowOptions, type Tail } from "./follow.ts";
import {
  corruptRecord,
  type IterOptions,
  type LiveLog,
  type ReadWatch,
  type RecordIterator,
  RecordWalk,
} from "./iterate.ts";
import { LiveTail } from "./live-tail.ts";
import type { WalRecord } from "./wal-record.ts";

/** What a view looks at. */
export interface Viewed {
  readonly store: WalStore;
  readonly state: LogState;
  readonly standing: Standing;
  readonly progress: Progress;
  readonly recovery: RecoveryReport;
  readonly maxRecordBytes: number;
  /** Who has made the cuts remembers them all; null: what the cells tell of them. */
  readonly cuts: CutHistory | null;
  /** Where the writer in another process notes its cuts. */
  readonly cutsFile: MarkFile | undefined;
  readonly watch: ReadWatch;
  /** The end of what this thread has appended. */
  readonly ownEnd: () => Lsn;
}

/** How many times the end was cut off, and the lowest end it was cut to since `count` cuts. */
export interface CutHistory {
  readonly count: number;
  lowestSince(count: number): number;
}

export class LogView {
  readonly #log: Viewed;
  readonly #live: LiveLog;
  readonly #followers = new Set<Follower>();

  constructor(log: Viewed) {
    this.#log = log;
    this.#live = liveLogOf(log);
  }

  iter(range: IterOptions): RecordIterator {
    const { store, state, standing, recovery, watch, maxRecordBytes, ownEnd } = this.#log;
    standing.checkOpen();
    if (typeof range !== "object" || range === null) {
      throw invalidArgument(`The range of iter is an object; got ${shown(range)}.`);
    }
    checkKeys("iter", range, ["from", "to", "onDamage"]);
    const begin = range.from === undefined ? null : offsetOf("from", range.from);
    const upTo = range.to === undefined ? null : offsetOf("to", range.to);
    state.awaitWritten(Math.max(ownEnd(), upTo ?? 0));
    standing.writtenUpTo(begin ?? 0);
    // Before the end, which a cut would make too high.
    const cutsSeen = this.#live.cutCount;
    const { onDamage } = range;
    // Nothing was cut off a log that was opened with readOnly: what is past its end can be looked at.
    const beyond = standing.role.readOnly && onDamage !== undefined ? recovery.discarded : 0;
    const end = (state.committed + beyond) as Lsn;
    const from = begin ?? state.head;
    const to = upTo ?? end;
    if (onDamage !== undefined && typeof onDamage !== "function") {
      throw invalidArgument(`onDamage of iter is a function; got ${typeof onDamage}.`);
    }
    this.#checkWithin(from, end);
    const log = this.#live;
    return new RecordWalk({ store, from, to, end, maxRecordBytes, onDamage, watch, log, cutsSeen });
  }

  read(lsn: Lsn): WalRecord {
    const { store, state, standing, maxRecordBytes } = this.#log;
    standing.checkOpen();
    const at = offsetOf("lsn", lsn);
    state.awaitWritten(at + 1);
    const cutsSeen = this.#live.cutCount;
    const end = state.committed;
    if (at < state.head) throw corruptRecord(store, at, "truncated");
    if (at >= end) throw corruptRecord(store, at, "end");
    const cursor = new Cursor(store, at, end, maxRecordBytes);
    let step = cursor.advance();
    while (step === "need") {
      cursor.fill();
      step = cursor.advance();
    }
    if (step === "record") return cursor.record();
    // Cut off or dropped by another thread while it was being read.
    const gone = at < state.head || at >= this.#live.lowestCutSince(cutsSeen);
    if (gone) throw corruptRecord(store, at, "truncated");
    const damage = corruptRecord(store, at, step === "damage" ? cursor.reason : "torn-header");
    this.#log.watch.found("read", damage);
    throw damage;
  }

  follow(options: FollowOptions): Follower {
    this.#log.standing.checkOpen();
    checkFollow(options);
    checkKeys("follow", options, ["from", "until", "signal", "persistent"]);
    const follower = new Follower(this.#tailOf(options), options, (ended, failure) => {
      this.#followers.delete(ended);
      if (failure !== undefined) this.#log.watch.found("follow", failure);
    });
    this.#followers.add(follower);
    return follower;
  }

  /** The log is about to be closed here: those who follow take what is left. */
  leave(): void {
    for (const follower of this.#followers) follower.leave();
  }

  #tailOf({ from, until = "appended" }: FollowOptions): Tail {
    const { store, state, standing, progress, maxRecordBytes, cutsFile } = this.#log;
    if (standing.role.readOnly) {
      const isOpen = (): boolean => !standing.isClosed;
      return new DiskTail({ store, cutsFile, from, until, maxRecordBytes, isOpen });
    }
    const at = from ?? state.head;
    this.#checkWithin(at, standing.writtenUpTo(at));
    return new LiveTail({ store, from: at, until, maxRecordBytes, log: this.#live, progress });
  }

  #checkWithin(from: Lsn, end: Lsn): void {
    const { store, state } = this.#log;
    if (from > end) {
      const where = { offset: from, path: store.path };
      throw invalidArgument(`from is ${from}, past the end of the log at ${end}.`, where);
    }
    if (from < state.head) throw corruptRecord(store, from, "truncated");
  }
}

function liveLogOf({ state, standing, cuts: remembered }: Viewed): LiveLog {
  const cuts = remembered ?? cutsInCells(state);
  return {
    get head() {
      return state.head;
    },
    get cutCount() {
      return cuts.count;
    },
    get isOpen() {
      return standing.isOpen;
    },
    lowestCutSince: (count) => cuts.lowestSince(count),
    checkOpen: () => standing.checkOpen(),
  };
}

function cutsInCells(state: LogState): CutHistory {
  return {
    get count() {
      return state.cuts;
    },
    lowestSince: (count) => state.lowestCutSince(count),
  };
}
