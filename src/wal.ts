/**
 * Wal: the calls. Each is a few lines over a room below: framing (record/), counters and group
 * commit (commit/), opening (recovery/), reading (read/).
 *
 *   append         frame -> reserve -> write -> release              page cache
 *   sync           join a group -> flush -> durable                  stable storage
 *   iter, read     scan what was committed when the call came
 *
 * This file imports nothing of Node; index.ts gives it the stores on files.
 */
import { appendAll } from "./commit/append-all.ts";
import { PlainCells, SharedCells } from "./commit/cells.ts";
import { GroupCommit, poisoned } from "./commit/group-commit.ts";
import { cellCount, LogState } from "./commit/log-state.ts";
import { SharedPoisonNote } from "./commit/poison-note.ts";
import { LocalProgress } from "./commit/progress.ts";
import { readU32 } from "./bytes.ts";
import { asIoError, invalidArgument, shown, WalError } from "./errors.ts";
import { logBytesMax, payloadInPlaceBytesMin, writersMax } from "./limits.ts";
import { Lsn } from "./lsn.ts";
import {
  checkKeys,
  type OpenSettings,
  type SegmentedOptions,
  settingsOf,
  type WalOptions,
} from "./options.ts";
import { Cursor } from "./read/cursor.ts";
import { DiskTail } from "./read/disk-tail.ts";
import { checkFollow, Follower, type FollowOptions, type Tail } from "./read/follow.ts";
import {
  corruptRecord,
  type IterOptions,
  type LiveLog,
  type RecordIterator,
  RecordWalk,
} from "./read/iterate.ts";
import { LiveTail } from "./read/live-tail.ts";
import type { WalRecord } from "./read/wal-record.ts";
import { headerBytes, lengthOffset } from "./record/format.ts";
import { FrameBuffer, headerFor, payloadOf, type RecordInput } from "./record/frame.ts";
import { CutNotebook, cutNotesName } from "./recovery/cut-notes.ts";
import { Mark } from "./recovery/mark.ts";
import { recover, type Recovered } from "./recovery/recover.ts";
import type { RecoveryReport } from "./recovery/report.ts";
import { type ShareParts, sharePartsOf, type WalShare } from "./share/wal-share.ts";
import { MemStore } from "./store/mem-store.ts";
import { checkDone, runAsync, runBlocking } from "./store/store-io.ts";
import { type JoinedLog, type NamedFile, storeFault, type WalStore } from "./store/store.ts";
import { type Threads, unknownThreads } from "./threads.ts";
import { Archive, type ArchiveStats } from "./truncation/archive.ts";
import { ReaderPositions, type WalReader } from "./truncation/reader-position.ts";
import { SuffixCut } from "./truncation/suffix-cut.ts";

/** Counts since the log was opened, for this Wal. */
export interface WalStats {
  /** Records appended. */
  appends: number;
  /** Bytes appended, headers included. */
  appendedBytes: number;
  /** Calls that asked for durability: sync and appendAndSync, in both forms. */
  syncs: number;
  /** Flushes of the store. */
  flushes: number;
  /** Of `syncs`, those that were answered: what they asked for is on stable storage. */
  commits: number;
  /** What became of sealed segments; null without an archive hook. */
  archive: ArchiveStats | null;
}

/** What `retain` is to keep. */
export interface RetainOptions {
  /** Keep at most so many bytes of log, as far as whole records allow. Default: no bound. */
  readonly maxBytes?: number | undefined;
  /** Drop nothing at or past this LSN: your last checkpoint. Default: no bound. */
  readonly before?: Lsn | undefined;
}

/** Opens the stores that live on files. Not in a browser: see index.ts. */
export interface FileStores {
  openFile(path: string | URL, settings: OpenSettings): WalStore;
  openSegmented(dir: string | URL, settings: OpenSettings): WalStore;
  /** The store that another thread has shared; null when it is of no kind known here. */
  attach(share: unknown): WalStore | null;
  readonly threads: Threads;
}

let fileStores: FileStores | undefined;

/** Called once, by index.ts. */
export function provideFileStores(stores: FileStores): void {
  fileStores = stores;
}

/** Stores that belong to an open Wal. Another Wal on one of them would overwrite its records. */
const storesInUse = new WeakSet<WalStore>();

/** What a Wal is made of. */
interface Parts {
  readonly store: WalStore;
  readonly settings: OpenSettings;
  readonly recovery: RecoveryReport;
  readonly mark: Mark | null;
  readonly state: LogState;
  /** Has opened the log, has its lock, and will close it. Any other has joined it from a share. */
  readonly isOwner: boolean;
}

/** Logs that were shared by this thread: what waits for their owner here cannot wait for another turn. */
const sharedHere = new WeakMap<SharedArrayBuffer, SuffixCut>();

/**
 * A write-ahead log.
 *
 * Any number of async tasks may call it at once. `append` returns when the bytes are in the
 * operating system's page cache: a crash of the process loses nothing, a power cut may.
 * `sync` and `appendAndSync` resolve when they are on stable storage.
 *
 * @example
 * const wal = await Wal.open("app.wal");
 * for (const record of wal) apply(record.data);      // rebuild
 * const lsn = await wal.appendAndSync("credit 100"); // durable before it is acknowledged
 * await wal.close();
 */
export class Wal implements AsyncDisposable {
  /** What `open` found, and what it did about it. */
  readonly recovery: RecoveryReport;
  readonly #store: WalStore;
  readonly #settings: OpenSettings;
  readonly #mark: Mark | null;
  readonly #state: LogState;
  readonly #commit: GroupCommit;
  readonly #frames = new FrameBuffer();
  readonly #path: string | undefined;
  readonly #stats = { appends: 0, appendedBytes: 0, syncs: 0, commits: 0 };
  readonly #cuts: SuffixCut;
  readonly #archive: Archive | null = null;
  readonly #readers: ReaderPositions | null = null;
  readonly #live: LiveLog;
  readonly #isOwner: boolean;
  /** The cuts of an owner in this same thread. */
  #ownerCuts: SuffixCut | null = null;
  #share: ShareParts | null = null;
  readonly #progress: LocalProgress;
  readonly #followers = new Set<Follower>();
  readonly #cutsFile: NamedFile | undefined;
  readonly #cutNotes: CutNotebook | null;
  #lastEnd: Lsn;
  #closed = false;
  #closing: Promise<void> | null = null;

  /** @internal */
  private constructor(parts: Parts) {
    if (parts?.recovery === undefined) {
      throw invalidArgument(
        "A log is opened, not constructed: await Wal.open(path), or Wal.withStore(store).",
      );
    }
    const { store, settings, state, isOwner } = parts;
    this.recovery = parts.recovery;
    this.#store = store;
    this.#path = store.path;
    this.#settings = settings;
    this.#mark = parts.mark;
    this.#state = state;
    this.#isOwner = isOwner;
    this.#lastEnd = state.head;
    this.#commit = new GroupCommit(store, state, () => this.#afterFlush());
    this.#cuts = new SuffixCut(store, state, this.#commit, this.#mark);
    this.#live = this.#liveLog();
    this.#progress = new LocalProgress(state);
    state.onPoison = () => this.#progress.turn();
    this.#cutsFile = isOwner ? store.side?.named?.(cutNotesName) : undefined;
    this.#cutNotes =
      settings.readOnly || this.#cutsFile === undefined ? null : new CutNotebook(this.#cutsFile);
    if (settings.readOnly || !isOwner) return;
    const { damage, end } = parts.recovery;
    // Where there are no notes, none are begun: recovery makes no file but the quarantine and the mark.
    const hasNotes = damage !== null && (store.side?.names?.().includes(cutNotesName) ?? false);
    try {
      this.#readers = new ReaderPositions(store, () => this.#state.committed);
      this.#archive = Archive.of(
        store,
        end,
        settings.archive,
        () => this.#state.durable,
        () => this.#reclaim(),
      );
      if (hasNotes) this.#noteCut(end);
      this.#reclaim();
    } catch (error) {
      this.#closeBeside();
      throw error;
    }
    this.#archive?.advance();
  }

  /**
   * Opens the log in one file, or makes it, and recovers it. The file's name is on stable storage
   * when this resolves.
   *
   * @throws {WalError} WAL_CORRUPT when acknowledged data is lost, or as `onDamage: "refuse"` asks;
   *   WAL_LOCKED when the log is open elsewhere; WAL_IO when the system refuses (`errno`), with
   *   readOnly also when there is no such file; WAL_UNSUPPORTED when the lock cannot be had here;
   *   WAL_INVALID_ARGUMENT when the path or an option is not of its kind. The signal's reason when
   *   it aborts. Nothing stays open then.
   * @example
   * const wal = await Wal.open("app.wal", { maxRecordSize: 1024 * 1024 });
   */
  static async open(path: string | URL, options?: WalOptions): Promise<Wal> {
    const settings = settingsOf(options);
    settings.signal?.throwIfAborted();
    return Wal.#recover(filesHere().openFile(path, settings), settings);
  }

  /** As {@link Wal.open}, blocking the thread until done. */
  static openBlocking(path: string | URL, options?: WalOptions): Wal {
    const settings = settingsOf(options);
    settings.signal?.throwIfAborted();
    return Wal.#recoverBlocking(filesHere().openFile(path, settings), settings);
  }

  /**
   * Opens the log in a directory of segment files, or makes it, and recovers it. Whole segments can
   * be dropped from it: see {@link Wal.truncateBefore} and {@link Wal.retain}.
   *
   * @throws {WalError} as {@link Wal.open}; WAL_CORRUPT also when a segment has the wrong length or is
   *   missing, or the head marker is torn (`path` says which file, `reason` why): nothing is changed.
   * @example
   * const wal = await Wal.openSegmented("log", { segmentSize: 16 * 1024 * 1024 });
   */
  static async openSegmented(dir: string | URL, options?: SegmentedOptions): Promise<Wal> {
    const settings = settingsOf(options);
    settings.signal?.throwIfAborted();
    return Wal.#recover(filesHere().openSegmented(dir, settings), settings);
  }

  /** As {@link Wal.openSegmented}, blocking the thread until done. */
  static openSegmentedBlocking(dir: string | URL, options?: SegmentedOptions): Wal {
    const settings = settingsOf(options);
    settings.signal?.throwIfAborted();
    return Wal.#recoverBlocking(filesHere().openSegmented(dir, settings), settings);
  }

  /**
   * Opens the log in a store: one of this package's, or your own. The log takes the store over and
   * closes it, also when opening fails.
   *
   * @throws {WalError} as {@link Wal.open}; WAL_LOCKED also when another open Wal has this store;
   *   WAL_INVALID_ARGUMENT also when `store` lacks a method.
   * @example
   * const wal = await Wal.withStore(new MemStore());
   */
  static async withStore(store: WalStore, options?: WalOptions): Promise<Wal> {
    const settings = settingsOf(options);
    checkStore(store);
    return Wal.#recover(store, settings);
  }

  /** As {@link Wal.withStore}, blocking the thread until done. */
  static withStoreBlocking(store: WalStore, options?: WalOptions): Wal {
    const settings = settingsOf(options);
    checkStore(store);
    return Wal.#recoverBlocking(store, settings);
  }

  static #on(store: WalStore, settings: OpenSettings, recovered: Recovered): Wal {
    const { report: recovery, mark, durable } = recovered;
    const state = new LogState(new PlainCells(cellCount), 0);
    state.start(recovery.head, recovery.end, durable);
    try {
      return new Wal({ store, settings, recovery, mark, state, isOwner: true });
    } catch (error) {
      throw asIoError(error, "Opening the log failed at what stands beside it", { path: store.path });
    }
  }

  static async #recover(store: WalStore, settings: OpenSettings): Promise<Wal> {
    take(store, settings);
    try {
      return Wal.#on(store, settings, await runAsync(recover(store, settings), store));
    } catch (error) {
      abandon(store);
      throw error;
    }
  }

  static #recoverBlocking(store: WalStore, settings: OpenSettings): Wal {
    take(store, settings);
    try {
      return Wal.#on(store, settings, runBlocking(recover(store, settings), store));
    } catch (error) {
      abandon(store);
      throw error;
    }
  }

  /**
   * Joins a log that another thread has opened and shared. It appends, syncs and reads here as
   * there; records of all threads stand in one log. Cutting the log, dropping its front, readers
   * and sharing stay with the thread that opened it.
   *
   * `close` ends this thread's part: it syncs, and lets go of the files; the log stays open for the
   * others. When the owner closes the log, every call here gets WAL_CLOSED.
   *
   * @param share What {@link Wal.share} returned there.
   * @throws {WalError} WAL_INVALID_ARGUMENT when it is none; WAL_CLOSED when the log was closed since;
   *   WAL_UNSUPPORTED when 64 threads have the log open already; WAL_IO when the files cannot be
   *   opened; WAL_LOCKED when others stand in their place.
   * @example
   * // in the worker
   * const wal = Wal.attach(workerData);
   * await wal.appendAndSync("from another thread");
   * await wal.close();
   */
  static attach(share: WalShare): Wal {
    const parts = sharePartsOf(share);
    const note = new SharedPoisonNote(parts.note);
    const state = LogState.join(new SharedCells(cellCount, parts.cells), note, threadsHere());
    if (state === null) throw noSlot();
    let store: WalStore | null = null;
    try {
      if (state.isClosing)
        throw new WalError("WAL_CLOSED", "The log was closed by the thread that had opened it.");
      store = attachedStore(parts.store);
      store.side?.join?.(joinedLog(state, store));
      const file = store.side?.mark;
      const mark = file === undefined ? null : new Mark(file);
      const settings = settingsOf({ maxRecordSize: parts.maxRecordBytes });
      const wal = new Wal({ store, settings, recovery: parts.recovery, mark, state, isOwner: false });
      wal.#ownerCuts = sharedHere.get(parts.cells) ?? null;
      storesInUse.add(store);
      return wal;
    } catch (error) {
      state.leave();
      if (store !== null) abandon(store);
      throw asIoError(error, "Joining the log failed");
    }
  }

  /**
   * Appends a record and returns its LSN, once its bytes are in the OS page cache: it survives a
   * crash of the process, not a power cut. The record is copied; change the buffer as you like.
   *
   * A write that fails (a full disk) leaves the log as it was, and the next append may succeed.
   *
   * @throws {WalError} WAL_RECORD_TOO_LARGE when it is above maxRecordSize; WAL_IO when the write
   *   failed; WAL_POISONED, WAL_CLOSED, WAL_READ_ONLY; WAL_INVALID_ARGUMENT when it is neither
   *   bytes nor a string.
   * @example
   * const lsn = wal.append(new Uint8Array([1, 2, 3]));
   */
  append(record: RecordInput): Lsn {
    this.#checkWritable();
    if (typeof record !== "string" && record?.length >= payloadInPlaceBytesMin)
      return this.#appendInPlace(record);
    this.#frames.reset();
    this.#frames.add(record, this.#settings.maxRecordBytes);
    const lsn = this.#write(this.#frames.view(), null);
    this.#stats.appends++;
    return lsn;
  }

  /**
   * Appends records back to back, in one reservation and one write. Not atomic: a crash may keep
   * the first of them and not the rest. When it throws, none was appended. An empty batch appends
   * nothing and returns an empty array.
   *
   * @returns The LSN of each, in order.
   * @throws {WalError} as {@link Wal.append}.
   * @example
   * const [first, second] = wal.appendBatch(["debit 5", "credit 5"]);
   */
  appendBatch(records: Iterable<RecordInput>): Lsn[] {
    this.#checkWritable();
    // All at once: the iterable is the caller's code, and might itself append.
    const list = batchOf(records);
    this.#checkWritable();
    if (list.length === 0) return [];
    const frames = this.#frames;
    frames.reset();
    const starts: number[] = [];
    for (const record of list) {
      starts.push(frames.length);
      frames.add(record, this.#settings.maxRecordBytes);
    }
    const first = this.#write(frames.view(), null);
    frames.reset();
    this.#stats.appends += list.length;
    return starts.map((start) => (first + start) as Lsn);
  }

  /**
   * Resolves once every record appended before the call is on stable storage. Callers at the same
   * time share one flush; with nothing new there is none.
   *
   * @throws {WalError} WAL_POISONED when a flush failed, now or earlier: `cause` says why. It is
   *   not known then which of the records since the last sync are on the disk; reopen to find out.
   *   WAL_CLOSED; WAL_READ_ONLY.
   */
  async sync(): Promise<void> {
    this.#checkSyncable();
    this.#stats.syncs++;
    await this.#commit.sync(this.#state.appended);
    this.#stats.commits++;
    this.#archive?.advance();
  }

  /** As {@link Wal.sync}, blocking the thread until done. */
  syncBlocking(): void {
    this.#checkSyncable();
    this.#stats.syncs++;
    this.#commit.syncBlocking(this.#state.appended);
    this.#stats.commits++;
  }

  /**
   * Appends, and resolves with the LSN once that record is on stable storage. Any number of callers
   * at the same time share one flush.
   *
   * @throws {WalError} as {@link Wal.append} (then nothing was appended) and {@link Wal.sync}.
   * @example
   * await Promise.all(orders.map((order) => wal.appendAndSync(JSON.stringify(order))));
   */
  async appendAndSync(record: RecordInput): Promise<Lsn> {
    const lsn = this.append(record);
    this.#stats.syncs++;
    await this.#commit.sync(this.#lastEnd);
    this.#stats.commits++;
    return lsn;
  }

  /** As {@link Wal.appendAndSync}, blocking the thread until done. */
  appendAndSyncBlocking(record: RecordInput): Lsn {
    const lsn = this.append(record);
    this.#stats.syncs++;
    this.#commit.syncBlocking(this.#lastEnd);
    this.#stats.commits++;
    return lsn;
  }

  /**
   * The records fully written when called, from `from` (default the head) up to `to` (default the
   * end), each checksummed as it is read. `for await` over it reads without blocking the thread.
   *
   * Damage throws WAL_CORRUPT and ends the iteration; with `onDamage` each damage is reported
   * there instead, and reading goes on at the next record that can be found.
   *
   * @throws {WalError} WAL_INVALID_ARGUMENT when a bound is no offset or `from` is past the end;
   *   from the iterator WAL_CORRUPT, WAL_IO and WAL_CLOSED. WAL_CORRUPT, `reason` `truncated`,
   *   when `from` is below the head.
   * @example
   * for (const record of wal.iter({ from: checkpoint })) apply(record.data);
   */
  iter(range: IterOptions = {}): RecordIterator {
    this.#checkOpen();
    if (typeof range !== "object" || range === null) {
      throw invalidArgument(`The range of iter is an object; got ${shown(range)}.`);
    }
    checkKeys("iter", range, ["from", "to", "onDamage"]);
    this.#awaitWritten(this.#lastEnd);
    // Before the end, which a cut would make too high.
    const cutsSeen = this.#live.cutCount;
    // Nothing was cut off a log that was opened with readOnly: what is past its end can be looked at.
    const beyond = this.#settings.readOnly && range.onDamage !== undefined ? this.recovery.discarded : 0;
    const end = (this.#state.committed + beyond) as Lsn;
    const from = range.from === undefined ? this.head : offsetOf("from", range.from);
    const to = range.to === undefined ? end : offsetOf("to", range.to);
    if (range.onDamage !== undefined && typeof range.onDamage !== "function") {
      throw invalidArgument(`onDamage of iter is a function; got ${typeof range.onDamage}.`);
    }
    if (from > end) {
      throw invalidArgument(`from is ${from}, past the end of the log at ${end}.`, {
        offset: from,
        path: this.#path,
      });
    }
    if (from < this.head) throw corruptRecord(this.#store, from, "truncated");
    return new RecordWalk({
      store: this.#store,
      from,
      to,
      end,
      maxRecordBytes: this.#settings.maxRecordBytes,
      onDamage: range.onDamage,
      log: this.#live,
      cutsSeen,
    });
  }

  /**
   * The records from `from` (default the head) to the end, and on past it: waits for new ones until
   * `signal` aborts or the log is closed. Reads without blocking the thread, one record for each that
   * is asked for. Here it waits without looking again and again, and holds no process alive; on a log
   * opened with `readOnly`, which another process writes, it is told by the file system, looks once a
   * second besides, and does hold the process. See docs/following.md.
   *
   * `until: "durable"` gives only what is on stable storage. The default gives what `iter` gives:
   * records that a power cut may take back. Choose `durable` for whatever leaves this machine.
   *
   * At close it gives what is left, and ends; of a log closed more than 16 MiB ahead of it, WAL_CLOSED.
   *
   * @throws {WalError} WAL_INVALID_ARGUMENT when an option is not of its kind or `from` is past the
   *   end; WAL_UNSUPPORTED for `durable` on a readOnly log whose store has no mark. From the iterator
   *   the signal's reason; WAL_CORRUPT, `reason` `truncated`, when it stands below the head, or gave
   *   records that `truncateAfter` has cut since: `offset` says where, and it goes on there when it is
   *   asked again; WAL_CORRUPT for damage; WAL_POISONED after all that was committed, when no more
   *   will come; WAL_IO, WAL_CLOSED.
   * @example
   * for await (const record of wal.follow({ from: checkpoint, until: "durable" })) {
   *   await send(record.data);
   * }
   */
  follow(options: FollowOptions = {}): AsyncIterableIterator<WalRecord> {
    this.#checkOpen();
    checkFollow(options);
    checkKeys("follow", options, ["from", "until", "signal"]);
    const follower = new Follower(this.#tailOf(options), options.signal, (ended) => {
      this.#followers.delete(ended);
    });
    this.#followers.add(follower);
    return follower;
  }

  #tailOf({ from, until = "appended" }: FollowOptions): Tail {
    const store = this.#store;
    const { maxRecordBytes } = this.#settings;
    if (this.#settings.readOnly) {
      const cutsFile = this.#cutsFile;
      return new DiskTail({ store, cutsFile, from, until, maxRecordBytes, isOpen: () => !this.#closed });
    }
    const at = from ?? this.head;
    const end = this.#state.committed;
    if (at > end) {
      throw invalidArgument(`from is ${at}, past the end of the log at ${end}.`, {
        offset: at,
        path: this.#path,
      });
    }
    if (at < this.head) throw corruptRecord(store, at, "truncated");
    return new LiveTail({
      store,
      from: at,
      until,
      maxRecordBytes,
      log: this.#live,
      progress: this.#progress,
    });
  }

  /**
   * Appends every record of a stream, an array or another iterable, and resolves with their number
   * once all are on stable storage. Flushes while more is coming, and takes no more from its source
   * while 1 MiB waits for a flush. One chunk of a stream is one record.
   *
   * @throws {WalError} as {@link Wal.append} and {@link Wal.sync}; and whatever the source throws.
   *   What was appended before stays: `durable` tells how much of it is on stable storage.
   * @example
   * await pipeline(createReadStream("orders.txt"), split, (lines) => wal.appendAll(lines));
   */
  async appendAll(records: Iterable<RecordInput> | AsyncIterable<RecordInput>): Promise<number> {
    this.#checkWritable();
    return appendAll(this, records);
  }

  /**
   * The record at `lsn`.
   *
   * @throws {WalError} WAL_CORRUPT when no intact record begins there (`reason` says why; `end` when
   *   the log ends before); WAL_INVALID_ARGUMENT when `lsn` is no offset; WAL_IO; WAL_CLOSED.
   */
  read(lsn: Lsn): WalRecord {
    this.#checkOpen();
    const at = offsetOf("lsn", lsn);
    this.#awaitWritten(at + 1);
    const cutsSeen = this.#live.cutCount;
    const end = this.#state.committed;
    if (at < this.head) throw corruptRecord(this.#store, at, "truncated");
    if (at >= end) throw corruptRecord(this.#store, at, "end");
    const cursor = new Cursor(this.#store, at, end, this.#settings.maxRecordBytes);
    let step = cursor.advance();
    while (step === "need") {
      cursor.fill();
      step = cursor.advance();
    }
    if (step === "record") return cursor.record();
    // Cut off or dropped by another thread while it was being read.
    const gone = at < this.head || at >= this.#live.lowestCutSince(cutsSeen);
    if (gone) throw corruptRecord(this.#store, at, "truncated");
    throw corruptRecord(this.#store, at, step === "damage" ? cursor.reason : "torn-header");
  }

  /**
   * Drops every record after the one at `lsn`. Durable when it resolves; a crash on the way leaves
   * the log as it was before or as it is after. An append that comes in between waits for it.
   * Iterators that began before end at the cut; one that stands past it gets WAL_CORRUPT, `reason`
   * `truncated`. For the last record nothing is cut, and nothing is synced.
   *
   * @throws {WalError} WAL_CORRUPT when no intact record begins at `lsn`; WAL_IO, WAL_POISONED,
   *   WAL_CLOSED, WAL_READ_ONLY, WAL_INVALID_ARGUMENT.
   * @example
   * await wal.truncateAfter(lastAgreed); // what followed lost the election
   */
  async truncateAfter(lsn: Lsn): Promise<void> {
    this.#checkOwner("truncateAfter");
    this.#checkWritable();
    const end = this.read(lsn).next;
    // Nothing follows; but a cut to this very end may be under way.
    if (end === this.#state.committed) return this.#cuts.settled();
    this.#cutBeside(end);
    const cut = this.#cuts.cut(end);
    this.#afterCut(end);
    await cut;
  }

  /** As {@link Wal.truncateAfter}, blocking the thread until done. */
  truncateAfterBlocking(lsn: Lsn): void {
    this.#checkOwner("truncateAfterBlocking");
    this.#checkWritable();
    const end = this.read(lsn).next;
    if (end === this.#state.committed) {
      this.#cuts.completeBlocking();
      return;
    }
    this.#cutBeside(end);
    try {
      this.#cuts.cutBlocking(end);
    } finally {
      this.#afterCut(end);
    }
  }

  /**
   * Drops the records before `lsn` where the store can; the LSNs of the rest stay. Durable when it
   * resolves. A segmented log frees the segments that lie wholly below; a single file frees nothing.
   *
   * @returns The new head: `lsn` where the store can drop, else what it was (0 on a single file).
   *   The head never goes back: for an `lsn` below it nothing changes.
   * @throws {WalError} WAL_CORRUPT when `lsn` is neither the LSN of an intact record nor the end;
   *   WAL_IO, WAL_POISONED, WAL_CLOSED, WAL_READ_ONLY, WAL_INVALID_ARGUMENT.
   * @example
   * await wal.truncateBefore(checkpoint); // everything before is in the snapshot
   */
  async truncateBefore(lsn: Lsn): Promise<Lsn> {
    this.#checkOwner("truncateBefore");
    this.#checkWritable();
    const at = this.#boundary(lsn);
    const cuts = this.#cuts.count;
    // Dropped only once what stays is on stable storage: else a power cut could leave no log at all.
    if (at > this.head) await this.#commit.sync(at);
    this.#checkDroppable(at, cuts);
    return this.#dropBefore(at);
  }

  /** As {@link Wal.truncateBefore}, blocking the thread until done. */
  truncateBeforeBlocking(lsn: Lsn): Lsn {
    this.#checkOwner("truncateBeforeBlocking");
    this.#checkWritable();
    const at = this.#boundary(lsn);
    if (at > this.head) this.#commit.syncBlocking(at);
    return this.#dropBefore(at);
  }

  /**
   * Drops the oldest records by a policy: as many as must go for at most `maxBytes` to stay, none at
   * or past `before`, and none that a named {@link Wal.reader} still needs. Call it after a
   * checkpoint, or from time to time.
   *
   * @returns The new head, as {@link Wal.truncateBefore}.
   * @throws {WalError} as {@link Wal.truncateBefore}; WAL_INVALID_ARGUMENT also when neither bound is given.
   * @example
   * await wal.retain({ maxBytes: 1024 ** 3, before: checkpoint });
   */
  async retain(options: RetainOptions): Promise<Lsn> {
    this.#checkOwner("retain");
    this.#checkWritable();
    const limit = this.#retainLimit(options);
    const wanted = options.maxBytes === undefined ? limit : Math.min(limit, this.end - options.maxBytes);
    if (wanted <= this.head) return this.head;
    const cuts = this.#cuts.count;
    const at = await this.#boundaryNear(wanted, limit);
    await this.#commit.sync(at);
    this.#checkDroppable(at, cuts);
    // A reader may have come meanwhile. From here on nothing comes between.
    return at > (this.#readers?.lowest ?? Infinity) ? this.head : this.#dropBefore(at);
  }

  /**
   * A reader known by name, across restarts: `retain` keeps what it has not passed. A new one begins
   * at `from` (default the head).
   *
   * @throws {WalError} WAL_INVALID_ARGUMENT when the name is not 1 to 64 letters, digits, dots,
   *   dashes or underscores, or `from` is outside the log; WAL_UNSUPPORTED where the store keeps no
   *   names; WAL_IO when its position cannot be written; WAL_READ_ONLY, WAL_CLOSED.
   * @example
   * const replica = wal.reader("replica-1");
   * for (const record of wal.iter({ from: replica.position })) {
   *   await send(record.data);
   *   replica.advance(record.next);
   * }
   */
  reader(name: string, from: Lsn = this.head): WalReader {
    this.#checkOwner("reader");
    this.#checkSyncable();
    const at = offsetOf("from", from);
    if (at < this.head || at > this.#state.committed) {
      throw invalidArgument(`from is ${at}, outside the log from ${this.head} to ${this.#state.committed}.`);
    }
    if (this.#readers === null) throw this.#closedError();
    return this.#readers.get(name, at);
  }

  /**
   * Resolves when the archive hook has taken every segment that is full and on stable storage, with
   * the LSN up to which it has. Tries again what failed before. Without a hook: at once, with the head.
   *
   * @throws {WalError} WAL_IO when the hook fails: its error is `cause`; WAL_CLOSED.
   */
  async archived(): Promise<Lsn> {
    this.#checkOpen();
    return this.#archive === null ? this.head : this.#archive.caughtUp();
  }

  /** Where the next record will begin. */
  get end(): Lsn {
    return this.#state.tail;
  }

  /** The lowest LSN still present. */
  get head(): Lsn {
    return this.#state.head;
  }

  /** Every record below is on stable storage. */
  get durable(): Lsn {
    return this.#state.durable;
  }

  get isEmpty(): boolean {
    return this.end === this.head;
  }

  /**
   * This log, for other threads of the process: plain data to give to a worker, as a message or as
   * its `workerData`, without a transfer list. There {@link Wal.attach} joins. Called again, it
   * returns the same log.
   *
   * A log that was never shared uses no atomic operations; one that was keeps using them.
   *
   * @throws {WalError} WAL_UNSUPPORTED when the store cannot be shared, or the platform has no shared
   *   memory; WAL_POISONED, WAL_CLOSED, WAL_READ_ONLY.
   * @example
   * const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: wal.share() });
   */
  share(): WalShare {
    this.#checkOwner("share");
    this.#checkWritable();
    if (this.#share !== null) return this.#share;
    if (this.#store.side?.share === undefined || typeof SharedArrayBuffer !== "function") {
      throw unsupported(
        `${this.#name()} cannot be shared: its store has no way to be opened by another thread.`,
      );
    }
    this.#cuts.completeBlocking();
    const cells = new SharedCells(cellCount);
    const note = new SharedPoisonNote();
    const { recovery } = this;
    const maxRecordBytes = this.#settings.maxRecordBytes;
    const store = this.#store.side.share();
    this.#state.moveTo(cells, note, threadsHere());
    this.#store.side.join?.(joinedLog(this.#state, this.#store));
    sharedHere.set(cells.buffer, this.#cuts);
    // Who follows looks again, and from now on waits for other threads too.
    this.#progress.turn();
    this.#share = { kind: "wal-db", cells: cells.buffer, note: note.buffer, store, maxRecordBytes, recovery };
    return this.#share;
  }

  /** A snapshot of the counts. */
  stats(): WalStats {
    return { ...this.#stats, flushes: this.#commit.flushes, archive: this.#archive?.stats() ?? null };
  }

  /**
   * Syncs, then releases the file and the lock. Idempotent. Later calls throw WAL_CLOSED. A log
   * that is poisoned is released without a sync, and without saying again what was said already.
   *
   * @throws {WalError} WAL_POISONED when the last sync fails. The file and the lock are released.
   */
  close(): Promise<void> {
    if (this.#closing !== null) return this.#closing;
    try {
      this.#checkNotWriting();
    } catch (error) {
      return Promise.reject(error);
    }
    const closing = this.#closeOnce();
    // The first caller is told of a failure; whoever closes again only waits.
    this.#closing = closing.catch(() => {});
    return closing;
  }

  /** As {@link Wal.close}, blocking the thread until done. */
  closeBlocking(): void {
    if (this.#closed) return;
    this.#checkNotWriting();
    if (this.#isOwner) this.#state.setClosing();
    this.#closing ??= Promise.resolve();
    try {
      if (this.#syncsAtClose) {
        this.#cuts.completeBlocking();
        if (this.#isOwner) this.#state.seal();
        this.#commit.syncBlocking(this.#state.appended);
      }
    } finally {
      if (this.#isOwner) {
        this.#state.seal();
        this.#commit.keepLeadBlocking();
      } else this.#commit.yieldLead();
      this.#release();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** `for (const record of wal)`: the same as `iter()`. */
  [Symbol.iterator](): RecordIterator {
    return this.iter();
  }

  /** `for await (const record of wal)`: the same as `iter()`, reading without blocking the thread. */
  [Symbol.asyncIterator](): AsyncIterator<WalRecord> {
    return this.iter()[Symbol.asyncIterator]();
  }

  async #closeOnce(): Promise<void> {
    if (this.#closed) return;
    if (this.#isOwner) this.#state.setClosing();
    try {
      try {
        if (this.#syncsAtClose) await this.#commit.sync(this.#state.appended);
      } finally {
        await this.#commit.settled();
        if (this.#isOwner) await this.#shutOthersOut();
      }
    } finally {
      await this.#archive?.stop();
      this.#release();
    }
  }

  /** Of a log that another thread has closed, or is about to, its owner syncs the rest. */
  get #syncsAtClose(): boolean {
    if (this.#settings.readOnly || this.#state.poison !== null) return false;
    return this.#isOwner || !this.#state.isClosing;
  }

  /** When nobody writes any more, syncs what came since; then nobody flushes, or writes the mark, any more. */
  async #shutOthersOut(): Promise<void> {
    if (!this.#state.isShared || this.#closed) return;
    try {
      this.#state.seal();
      if (this.#syncsAtClose) await this.#commit.sync(this.#state.appended);
    } finally {
      await this.#commit.settled();
      await this.#commit.keepLead();
    }
  }

  #release(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const follower of this.#followers) follower.leave();
    this.#progress.turn();
    if (this.#isOwner) this.#state.setClosed();
    this.#state.leave();
    try {
      this.#closeBeside();
    } catch (error) {
      throw asIoError(error, "Writing back the positions of readers failed", { path: this.#path });
    } finally {
      giveBack(this.#store);
    }
  }

  #closeBeside(): void {
    try {
      this.#readers?.close();
    } finally {
      this.#archive?.close();
      this.#cutsFile?.close();
    }
  }

  #liveLog(): LiveLog {
    const head = (): Lsn => this.head;
    // The owner made the cuts, and remembers them all.
    const cuts = this.#isOwner ? this.#cuts : cutsOfOthers(this.#state);
    const isOpen = (): boolean => !this.#closed && (this.#isOwner || !this.#state.isClosed);
    return {
      get head() {
        return head();
      },
      get cutCount() {
        return cuts.count;
      },
      get isOpen() {
        return isOpen();
      },
      lowestCutSince: (count) => cuts.lowestSince(count),
      checkOpen: () => this.#checkOpen(),
    };
  }

  #afterFlush(): void {
    // A flight may land after a blocking close; the store, and the mark with it, is not ours then.
    if (this.#closed || (!this.#isOwner && this.#state.isClosed)) return;
    this.#raiseMark();
    this.#progress.afterFlush();
    this.#archive?.advance();
  }

  /** With the lead: among threads only who has it writes the mark. */
  #raiseMark(): void {
    if (this.#mark === null) return;
    try {
      if (this.#state.isShared) this.#mark.reload();
    } catch {
      // An older mark stays true.
      return;
    }
    this.#mark.raise(this.#state.durable);
  }

  /** Removes the segments that are below the head and, where there is an archive, in it. */
  #reclaim(): void {
    const below = Math.min(this.head, this.#archive?.position ?? Infinity);
    if (!this.#closed) this.#store.side?.segments?.remove(below);
  }

  /** Before the log is cut at `end`: positions beside it move down first, and the cut is noted. */
  #cutBeside(end: Lsn): void {
    try {
      this.#archive?.cut(end);
      this.#readers?.cut(end);
    } catch (error) {
      throw asIoError(error, `Lowering the positions beside the log to ${end} failed`, { path: this.#path });
    }
    try {
      this.#cutNotes?.note(end);
    } catch (error) {
      const what = `Noting beside the log that it is to be cut at ${end} failed; it was not cut`;
      throw asIoError(error, what, { path: this.#path, offset: end });
    }
  }

  /** Before anything is written in the place of what was cut. */
  #afterCut(end: Lsn): void {
    this.#noteCut(end);
    this.#progress.turn();
  }

  /**
   * For followers in other processes, who may have read intact records of what is cut off: the first
   * ones of a batch whose write failed half-way, or those of a tail that recovery found damaged. As
   * far as it can be noted: the log does not depend on it.
   */
  #noteCut(end: Lsn): void {
    try {
      this.#cutNotes?.note(end);
    } catch {
      // They still see that the log is shorter, or that what they read last is gone.
    }
  }

  /** Checks that a record begins at `lsn`, or the log ends there. */
  #boundary(lsn: Lsn): Lsn {
    const at = offsetOf("lsn", lsn);
    return at <= this.head || at === this.#state.committed ? at : this.read(at).lsn;
  }

  /** After a sync that had to be waited for, and at once before the drop: nothing may come between. */
  #checkDroppable(at: Lsn, cutsSeen: number): void {
    this.#checkWritable();
    // Cut off meanwhile: other bytes may stand there now.
    if (at > this.#cuts.lowestSince(cutsSeen)) throw corruptRecord(this.#store, at, "truncated");
  }

  #dropBefore(at: Lsn): Lsn {
    if (at <= this.head) return this.head;
    // Other threads may have filled segments, and flushed them.
    if (this.#state.isShared) this.#archive?.advance();
    try {
      const segments = this.#store.side?.segments;
      if (segments === undefined) {
        this.#state.setHead(Math.max(this.head, headFrom(this.#store, at)) as Lsn);
      } else {
        segments.setHead(at);
        this.#state.setHead(at);
        this.#reclaim();
        this.#archive?.advance();
      }
    } catch (error) {
      throw asIoError(error, `Dropping the log before ${at} failed`, { path: this.#path, offset: at });
    }
    return this.head;
  }

  #retainLimit(options: RetainOptions): number {
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
    const limit = before === undefined ? this.#state.committed : this.#boundary(before);
    return Math.min(limit, this.#readers?.lowest ?? Infinity);
  }

  /** The first boundary at or past `offset`; the last one before it where that is past `limit`. */
  async #boundaryNear(offset: number, limit: number): Promise<Lsn> {
    if (offset >= this.#state.committed) return this.#state.committed;
    // Boundaries that open found, as far as the log was not cut below them since.
    const unchanged = Math.min(offset, this.#cuts.lowestSince(0));
    const found = [this.recovery.scannedFrom, this.recovery.end];
    const known = [this.head, ...found.filter((lsn) => lsn <= unchanged && lsn > this.head)];
    const from = Math.max(...known) as Lsn;
    if (from === offset) return from;
    for await (const record of this.iter({ from })) {
      if (record.next >= offset) return record.next <= limit ? record.next : record.lsn;
    }
    return this.#state.committed;
  }

  /** The header and the payload in two writes: a copy of a large payload costs more than a call. */
  #appendInPlace(record: Uint8Array): Lsn {
    const checked = payloadOf(record, this.#settings.maxRecordBytes);
    // Another thread could change shared bytes between the checksum and the write. (Not slice():
    // of a Buffer that is no copy.)
    const shared = typeof SharedArrayBuffer === "function" && checked.buffer instanceof SharedArrayBuffer;
    const payload = shared ? new Uint8Array(checked) : checked;
    const lsn = this.#write(headerFor(payload), payload);
    this.#stats.appends++;
    return lsn;
  }

  #write(bytes: Uint8Array, rest: Uint8Array | null): Lsn {
    const state = this.#state;
    const size = bytes.length + (rest === null ? 0 : rest.length);
    if (state.tail + size > logBytesMax) {
      throw new WalError("WAL_UNSUPPORTED", `The log would grow beyond ${logBytesMax} bytes.`, {
        path: this.#path,
      });
    }
    let start = state.reserve(size) as Lsn;
    if (start < 0) start = this.#reserveLater(size);
    try {
      checkDone(this.#store, "writeAt", this.#store.writeAt(start, bytes));
      if (rest !== null) checkDone(this.#store, "writeAt", this.#store.writeAt(start + bytes.length, rest));
    } catch (error) {
      const several = rest === null && headerBytes + readU32(bytes, lengthOffset) < size;
      if (several) this.#noteCut(start);
      const failure = this.#failedWrite(start, size, error);
      if (several) this.#noteCut(start);
      throw failure;
    }
    state.release();
    if (this.#progress.appendAwaited) this.#progress.afterAppend();
    this.#lastEnd = (start + size) as Lsn;
    this.#stats.appendedBytes += size;
    return start;
  }

  /** Once the gate is open again, after a cut or while another thread takes a write back. */
  #reserveLater(size: number): Lsn {
    const state = this.#state;
    for (;;) {
      if (state.poison !== null || state.isClosing) throw this.#refusal();
      const completed = this.#cuts.completeBlocking() || (this.#ownerCuts?.completeBlocking() ?? false);
      if (!completed) {
        this.#commit.yieldLead();
        state.waitBlocking("other", () => !state.gateIsClosed || state.poison !== null || state.isClosing);
      }
      const start = state.reserve(size);
      if (start >= 0) return start as Lsn;
    }
  }

  /** Until all below `lsn` is written, where another thread is behind with a record before it. */
  #awaitWritten(lsn: number): void {
    const state = this.#state;
    if (state.committed >= lsn || state.committed === state.tail || state.writing) return;
    state.waitBlocking("writer", () => {
      return state.committed >= Math.min(lsn, state.tail) || state.poison !== null;
    });
  }

  /** Takes the reservation back, and what was written of it; or else poisons the log. */
  #failedWrite(start: Lsn, size: number, error: unknown): WalError {
    const where = { path: this.#path, offset: start };
    const failure = asIoError(error, `Writing ${size} bytes at ${start} failed`, where);
    if (!this.#state.takeBack(start, size)) {
      this.#state.setPoison(failure);
      return poisoned(this.#state.poison ?? failure, this.#path);
    }
    try {
      // Bytes left of it would stand behind the next record, and look like a torn or damaged one.
      checkDone(this.#store, "truncate", this.#store.truncate(start));
    } catch (cutError) {
      const cut = asIoError(
        cutError,
        `Taking back a write at ${start} that failed (${failure.message}) failed`,
        where,
      );
      this.#state.setPoison(cut);
      return poisoned(cut, this.#path);
    }
    this.#state.openGate(start);
    return failure;
  }

  #refusal(): WalError {
    const poison = this.#state.poison;
    return poison === null ? this.#closedError() : poisoned(poison, this.#path);
  }

  #closedError(): WalError {
    return new WalError("WAL_CLOSED", `${this.#name()} is closed. Open it again to go on.`, {
      path: this.#path,
    });
  }

  #name(): string {
    return this.#path === undefined ? "The log" : `The log ${this.#path}`;
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closedError();
    if (!this.#isOwner && this.#state.isClosed) throw this.#closedError();
  }

  #checkOwner(call: string): void {
    if (this.#isOwner) return;
    throw unsupported(`${call} is for the thread that opened ${this.#name()}; this one has joined it.`);
  }

  #checkSyncable(): void {
    if (this.#closing !== null || (!this.#isOwner && this.#state.isClosing)) throw this.#closedError();
    if (this.#settings.readOnly) {
      throw new WalError("WAL_READ_ONLY", `${this.#name()} was opened with readOnly.`, { path: this.#path });
    }
  }

  #checkWritable(): void {
    this.#checkSyncable();
    if (this.#state.poison !== null) throw poisoned(this.#state.poison, this.#path);
    this.#checkNotWriting();
  }

  #checkNotWriting(): void {
    if (!this.#state.writing || this.#state.poison !== null) return;
    throw invalidArgument(
      "A store called its own log while it was writing for it. A store only holds bytes.",
    );
  }
}

function filesHere(): FileStores {
  if (fileStores !== undefined) return fileStores;
  throw new WalError(
    "WAL_UNSUPPORTED",
    "This build has no stores on files. Import Wal from the package itself, or use Wal.withStore.",
  );
}

function threadsHere(): Threads {
  return fileStores?.threads ?? unknownThreads;
}

/** @throws {WalError} WAL_UNSUPPORTED when this build has no store of that kind. */
function attachedStore(share: unknown): WalStore {
  const store = MemStore.attach(share) ?? fileStores?.attach(share);
  if (store !== null && store !== undefined) return store;
  throw unsupported(
    "This build has no store of the kind that was shared. Import Wal from the package itself.",
  );
}

function joinedLog(state: LogState, store: WalStore): JoinedLog {
  const where = { path: store.path };
  return {
    cuts: () => state.lowered,
    end: () => state.tail,
    failed: (error) => state.setPoison(asIoError(error, "The flush of a segment failed", where)),
  };
}

function cutsOfOthers(state: LogState): { readonly count: number; lowestSince(count: number): number } {
  return {
    get count() {
      return state.cuts;
    },
    lowestSince: (count) => state.lowestCutSince(count),
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

function checkStore(store: WalStore): void {
  const fault = storeFault(store);
  if (fault !== null) throw invalidArgument(`Not a WalStore: ${fault}.`);
}

/** Takes a store for a log: kept from other logs in this process, and locked where it can be. */
function take(store: WalStore, settings: OpenSettings): void {
  if (storesInUse.has(store)) {
    throw new WalError("WAL_LOCKED", "This store belongs to an open log already. Close that one first.", {
      path: store.path,
    });
  }
  storesInUse.add(store);
  if (!settings.lock || settings.readOnly) return;
  try {
    store.side?.lock?.();
  } catch (error) {
    abandon(store);
    throw asIoError(error, "Locking the log failed", { path: store.path });
  }
}

function giveBack(store: WalStore): void {
  storesInUse.delete(store);
  try {
    store.close();
  } catch (error) {
    throw asIoError(error, "Closing the log failed", { path: store.path });
  }
}

/** After an open that failed: what it failed with is what its caller must learn. */
function abandon(store: WalStore): void {
  try {
    giveBack(store);
  } catch {
    return;
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

function batchOf(records: Iterable<RecordInput>): RecordInput[] {
  const iterable =
    typeof records === "object" && records !== null && typeof records[Symbol.iterator] === "function";
  if (!iterable || records instanceof Uint8Array) {
    throw invalidArgument("appendBatch takes an array, or another iterable, of records.");
  }
  return Array.from(records);
}

function offsetOf(name: string, value: number): Lsn {
  if (Number.isSafeInteger(value) && value >= 0) return Lsn(value);
  throw invalidArgument(`${name} is an LSN, a whole number of bytes from 0 on; got ${shown(value)}.`);
}
