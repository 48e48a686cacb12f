/**
 * What is kept beside a log, where the store has a place for it: by its owner the positions of readers and
 * that of the archive, which stand below the end of the log at all times, so move down before it is cut; and by
 * each thread the notes of cuts.
 */
import type { LogState } from "../commit/log-state.ts";
import type { Standing } from "../commit/standing.ts";
import { asIoError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import { CutNotebook, cutNotesName } from "../recovery/cut-notes.ts";
import type { RecoveryReport } from "../recovery/report.ts";
import type { NamedFile, WalStore } from "../store/store.ts";
import { Archive, type ArchiveHook, type ArchiveWatch } from "./archive.ts";
import { ReaderPositions } from "./reader-position.ts";

/** What it is beside. */
export interface KeptBeside {
  readonly store: WalStore;
  readonly state: LogState;
  readonly standing: Standing;
  readonly recovery: RecoveryReport;
  readonly archive: ArchiveHook | undefined;
  readonly watch: ArchiveWatch;
}

export class Beside {
  readonly readers: ReaderPositions | null = null;
  readonly archive: Archive | null = null;
  /** Where cuts are noted: by this one, or by the writer in another process. */
  readonly cutsFile: NamedFile | undefined;
  readonly #store: WalStore;
  readonly #state: LogState;
  readonly #notebook: CutNotebook | null = null;
  #closed = false;

  /** Of a log that is read only there are the notes of another process alone; of one that was joined, its own. */
  constructor(log: KeptBeside) {
    const { store, state, standing, recovery } = log;
    const { role } = standing;
    this.#store = store;
    this.#state = state;
    this.cutsFile = store.side?.named?.(cutNotesName);
    if (role.readOnly) return;
    if (this.cutsFile !== undefined) this.#notebook = new CutNotebook(this.cutsFile);
    if (!role.isOwner) return;
    const { damage, end } = recovery;
    // Where there are no notes, none are begun: recovery makes no file but the quarantine and the mark.
    const hasNotes = damage !== null && (store.side?.names?.().includes(cutNotesName) ?? false);
    try {
      this.readers = new ReaderPositions(store, (lsn) => standing.writtenUpTo(lsn));
      this.archive = Archive.of(store, end, log.archive, {
        durable: () => state.durable,
        onTaken: () => this.reclaim(),
        watch: log.watch,
      });
      if (hasNotes) this.noteCut(end);
      this.reclaim();
    } catch (error) {
      this.close();
      throw error;
    }
    this.archive?.advance();
  }

  /** The lowest offset that a reader still needs; infinity where there is none. */
  get lowestNeeded(): number {
    return this.readers?.lowest ?? Infinity;
  }

  /** Before the log is cut at `end`, with the gate closed. */
  cut(end: Lsn): void {
    const { path } = this.#store;
    try {
      this.archive?.cut(end);
      this.readers?.cut(end);
    } catch (error) {
      throw asIoError(error, `Lowering the positions beside the log to ${end} failed`, { path });
    }
    try {
      this.#notebook?.note(end);
    } catch (error) {
      const what = `Noting beside the log that it is to be cut at ${end} failed; it was not cut`;
      throw asIoError(error, what, { path, offset: end });
    }
  }

  /**
   * For followers in other processes, who may have read intact records of what is cut off: the first
   * ones of a batch whose write failed half-way, or those of a tail that recovery found damaged. As
   * far as it can be noted: the log does not depend on it. With the gate closed, or before it was ever opened.
   */
  noteCut(end: Lsn): void {
    try {
      this.#notebook?.note(end);
    } catch {
      // They still see that the log is shorter, or that what they read last is gone.
    }
  }

  /** Removes the segments that are below the head and, where there is an archive, in it. */
  reclaim(): void {
    if (this.#closed) return;
    this.#store.side?.segments?.remove(Math.min(this.#state.head, this.archive?.position ?? Infinity));
  }

  close(): void {
    this.#closed = true;
    try {
      this.readers?.close();
    } finally {
      this.archive?.close();
      this.cutsFile?.close();
    }
  }
}
