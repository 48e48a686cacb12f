/**
 * Dropping the front of a log, at a record boundary.
 *
 *   1  find the boundary: an LSN that was given, or one found by a policy
 *   2  sync up to it                          else a power cut could leave no log at all
 *   3  look again: what came in between may have cut it off
 *   4  set the head, durably                  a crash: the log as before, or as after
 *   5  remove whole segments below it, low to high
 *
 * 3 to 5 run without giving up the thread. Only the owner drops.
 */
import { checkKeys, offsetOf } from "../arguments.ts";
import type { GroupCommit } from "../commit/group-commit.ts";
import type { LogState } from "../commit/log-state.ts";
import type { Standing } from "../commit/standing.ts";
import { asIoError, invalidArgument, shown, WalError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import { corruptRecord } from "../read/iterate.ts";
import type { LogView } from "../read/log-view.ts";
import type { RecoveryReport } from "../recovery/report.ts";
import type { WalStore } from "../store/store.ts";
import type { Beside } from "./beside.ts";
import type { SuffixCut } from "./suffix-cut.ts";

/** What `retain` is to keep. */
export interface RetainOptions {
  /** Keep at most so many bytes of log, as far as whole records allow. Default: no bound. */
  readonly maxBytes?: number | undefined;
  /** Drop nothing at or past this LSN: your last checkpoint. Default: no bound. */
  readonly before?: Lsn | undefined;
}

/** What a front is dropped from. */
export interface Droppable {
  readonly store: WalStore;
  readonly state: LogState;
  readonly standing: Standing;
  readonly commit: GroupCommit;
  readonly cuts: SuffixCut;
  readonly beside: Beside;
  readonly view: LogView;
  readonly recovery: RecoveryReport;
  /** The front was dropped. Must neither throw nor call the log. */
  readonly onDropped: (from: Lsn, to: Lsn) => void;
}

export class PrefixDrop {
  readonly #log: Droppable;

  constructor(log: Droppable) {
    this.#log = log;
  }

  async before(lsn: Lsn): Promise<Lsn> {
    const { state, commit, cuts } = this.#log;
    const at = this.#boundary(lsn);
    const cutsSeen = cuts.count;
    if (at > state.head) await commit.sync(at);
    this.#checkDroppable(at, cutsSeen);
    return this.#drop(at);
  }

  beforeBlocking(lsn: Lsn): Lsn {
    const { state, commit } = this.#log;
    const at = this.#boundary(lsn);
    if (at > state.head) commit.syncBlocking(at);
    return this.#drop(at);
  }

  async byPolicy(options: RetainOptions): Promise<Lsn> {
    const { state, commit, cuts, beside } = this.#log;
    const limit = this.#limit(options);
    const wanted = options.maxBytes === undefined ? limit : Math.min(limit, state.tail - options.maxBytes);
    if (wanted <= state.head) return state.head;
    const cutsSeen = cuts.count;
    const at = await this.#boundaryNear(wanted, limit);
    await commit.sync(at);
    this.#checkDroppable(at, cutsSeen);
    // A reader may have come meanwhile. From here on nothing comes between.
    return at > beside.lowestNeeded ? state.head : this.#drop(at);
  }

  /** Checks that a record begins at `lsn`, or the log ends there. */
  #boundary(lsn: Lsn): Lsn {
    const { state, standing, view } = this.#log;
    const at = offsetOf("lsn", lsn);
    return at <= state.head || at === standing.writtenUpTo(at) ? at : view.read(at).lsn;
  }

  /** After a sync that had to be waited for, and at once before the drop: nothing may come between. */
  #checkDroppable(at: Lsn, cutsSeen: number): void {
    const { store, standing, cuts } = this.#log;
    standing.checkWritable();
    // Cut off meanwhile: other bytes may stand there now.
    if (at > cuts.lowestSince(cutsSeen)) throw corruptRecord(store, at, "truncated");
  }

  #drop(at: Lsn): Lsn {
    const { store, state, beside } = this.#log;
    const { head } = state;
    if (at <= head) return head;
    // Other threads may have filled segments, and flushed them.
    if (state.isShared) beside.archive?.advance();
    try {
      const segments = store.side?.segments;
      if (segments === undefined) {
        state.setHead(Math.max(state.head, headFrom(store, at)) as Lsn);
      } else {
        segments.setHead(at);
        state.setHead(at);
        beside.reclaim();
        beside.archive?.advance();
      }
    } catch (error) {
      const failure = asIoError(error, `Dropping the log before ${at} failed`, {
        path: store.path,
        offset: at,
      });
      // The marker stands there and is not durable: a cut below it, made now, would leave no log.
      if (store.side?.segments !== undefined && store.head > state.head) state.setPoison(failure);
      throw failure;
    }
    this.#log.onDropped(head, state.head);
    return state.head;
  }

  #limit(options: RetainOptions): number {
    if (typeof options !== "object" || options === null) {
      throw invalidArgument(
        `retain takes an object with maxBytes, or before, or both; got ${shown(options)}.`,
      );
    }
    checkKeys("retain", options, ["maxBytes", "before"]);
    const { maxBytes, before } = options;
    if (maxBytes === undefined && before === undefined) {
      throw invalidArgument(
        "retain takes maxBytes, or before, or both: without a bound it would drop everything.",
      );
    }
    if (maxBytes !== undefined && !(Number.isSafeInteger(maxBytes) && maxBytes >= 0)) {
      throw invalidArgument(`maxBytes is a whole number of bytes from 0 on; got ${shown(maxBytes)}.`);
    }
    const limit = before === undefined ? this.#log.state.committed : this.#boundary(before);
    return Math.min(limit, this.#log.beside.lowestNeeded);
  }

  /** The first boundary at or past `offset`; the last one before it where that is past `limit`. */
  async #boundaryNear(offset: number, limit: number): Promise<Lsn> {
    const { state, cuts, view, recovery } = this.#log;
    if (offset >= state.committed) return state.committed;
    // Boundaries that open found, as far as the log was not cut below them since.
    const unchanged = Math.min(offset, cuts.lowestSince(0));
    const found = [recovery.scannedFrom, recovery.end];
    const known = [state.head, ...found.filter((lsn) => lsn <= unchanged && lsn > state.head)];
    const from = Math.max(...known) as Lsn;
    if (from === offset) return from;
    for await (const record of view.iter({ from })) {
      if (record.next >= offset) return record.next <= limit ? record.next : record.lsn;
    }
    return state.committed;
  }
}

function headFrom(store: WalStore, at: Lsn): number {
  const head = store.truncateBefore(at);
  if (Number.isSafeInteger(head) && head >= 0 && head <= at) return head;
  throw new WalError(
    "WAL_IO",
    `The store broke its contract: truncateBefore(${at}) answered ${String(head)}. It must answer its new head.`,
    { path: store.path, offset: at, reason: "store-contract" },
  );
}
