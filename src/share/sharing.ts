/**
 * Sharing a log, and joining it: its counters move to shared memory, and each thread opens a store
 * of its own over the same bytes.
 */
import { SharedCells } from "../commit/cells.ts";
import { cellCount, LogState } from "../commit/log-state.ts";
import { poisoned } from "../commit/group-commit.ts";
import { SharedPoisonNote } from "../commit/poison-note.ts";
import type { Standing } from "../commit/standing.ts";
import { asIoError, WalError } from "../errors.ts";
import { writersMax } from "../limits.ts";
import { abandon, attachStore, takeJoined, threadsHere } from "../open-store.ts";
import type { RecoveryReport } from "../recovery/report.ts";
import type { JoinedLog, WalStore } from "../store/store.ts";
import type { SuffixCut } from "../truncation/suffix-cut.ts";
import { shareLayout, type ShareParts, sharePartsOf, type WalShare } from "./wal-share.ts";

/** Logs that were shared by this thread: what waits for their owner here cannot wait for another turn. */
const sharedHere = new WeakMap<SharedArrayBuffer, SuffixCut>();

/** What an owner shares. */
export interface Shareable {
  readonly store: WalStore;
  readonly state: LogState;
  readonly standing: Standing;
  readonly cuts: SuffixCut;
  readonly maxRecordBytes: number;
  readonly recovery: RecoveryReport;
}

/** Moves the log to memory that other threads can join. Once for each log. */
export function shareLog(log: Shareable): ShareParts {
  const { store, state, standing, cuts, maxRecordBytes, recovery } = log;
  if (store.side?.share === undefined || typeof SharedArrayBuffer !== "function") {
    throw unsupported(
      `${standing.name} cannot be shared: its store has no way to be opened by another thread.`,
    );
  }
  cuts.completeBlocking();
  const cells = new SharedCells(cellCount);
  const note = new SharedPoisonNote();
  const share = store.side.share(store);
  state.moveTo(cells, note, threadsHere());
  store.side.join?.(joinedLog(state, store));
  sharedHere.set(cells.buffer, cuts);
  const shared = { cells: cells.buffer, note: note.buffer };
  return { kind: "wal-db", layout: shareLayout, ...shared, store: share, maxRecordBytes, recovery };
}

/** A log that this thread has joined. */
export interface Joined {
  readonly store: WalStore;
  readonly state: LogState;
  readonly maxRecordBytes: number;
  readonly recovery: RecoveryReport;
  /** The cuts of its owner, where that is in this same thread. */
  readonly ownerCuts: SuffixCut | null;
}

/** @param then Makes a Wal of it; when it throws, everything is let go of again. */
export function joinLog<T>(share: WalShare, then: (joined: Joined) => T): T {
  const parts = sharePartsOf(share);
  const note = new SharedPoisonNote(parts.note);
  const state = LogState.join(new SharedCells(cellCount, parts.cells), note, threadsHere());
  if (state === null) throw noSlot();
  let store: WalStore | null = null;
  try {
    // Before it is asked whether the owner lives: from then on nobody can open the log behind this thread.
    store = attachStore(parts.store);
    checkOwnerIsThere(state);
    store.side?.join?.(joinedLog(state, store));
    const { maxRecordBytes, recovery } = parts;
    const ownerCuts = sharedHere.get(parts.cells) ?? null;
    const made = then({ store, state, maxRecordBytes, recovery, ownerCuts });
    takeJoined(store);
    return made;
  } catch (error) {
    const gone = ownerGone(state);
    state.leave();
    if (store !== null) abandon(store);
    throw gone ?? asIoError(error, "Joining the log failed");
  }
}

function checkOwnerIsThere(state: LogState): void {
  const gone = ownerGone(state);
  if (gone !== null) throw gone;
}

function ownerGone(state: LogState): WalError | null {
  if (state.isClosing)
    return new WalError("WAL_CLOSED", "The log was closed by the thread that had opened it.");
  state.lookForOwnerNow();
  const { poison } = state;
  return poison?.reason === "dead-owner" ? poisoned(poison, undefined) : null;
}

function joinedLog(state: LogState, store: WalStore): JoinedLog {
  const where = { path: store.path };
  return {
    cuts: () => state.lowered,
    end: () => state.tail,
    failed: (error) => state.setPoison(asIoError(error, "The flush of a segment failed", where)),
  };
}

function unsupported(message: string): WalError {
  return new WalError("WAL_UNSUPPORTED", message);
}

function noSlot(): WalError {
  return unsupported(
    `${writersMax} threads have this log open, the most there can be. Close it in one that needs it no more.`,
  );
}
