/**
 * Wal: the calls. Each is a few lines over a room below.
 *
 *   open, attach     take a store, recover it, or join it    open-store, recovery/, share/
 *   append           frame, reserve, write, release          append/            page cache
 *   sync             join a group, flush                     commit/            stable storage
 *   iter, read,      what was committed when the call came;
 *   follow           and what comes after                    read/
 *   truncate...      off the end, off the front              truncation/
 *   close            shut the others out, sync, let go
 *
 * This file imports nothing of Node; index.ts gives it the stores on files.
 */
import { Writer } from "./append/writer.ts";
import { batchOf, offsetOf } from "./arguments.ts";
import { checkCodec, type Codec } from "./codec/codec.ts";
import { encoded } from "./codec/coding.ts";
import { appendAll } from "./commit/append-all.ts";
import { PlainCells } from "./commit/cells.ts";
import { GroupCommit } from "./commit/group-commit.ts";
import { cellCount, LogState } from "./commit/log-state.ts";
import { LocalProgress } from "./commit/progress.ts";
import { Standing } from "./commit/standing.ts";
import type { HistogramSnapshot } from "./diagnostics/histogram.ts";
import { LogReporter, openWatched } from "./diagnostics/log-reporter.ts";
import { asIoError, invalidArgument } from "./errors.ts";
import type { Lsn } from "./lsn.ts";
import {
  abandon,
  checkStore,
  filesHere,
  giveBack,
  outwaitJoined,
  outwaitJoinedBlocking,
  take,
} from "./open-store.ts";
import { type OpenSettings, type SegmentedOptions, settingsOf, type WalOptions } from "./options.ts";
import type { FollowOptions } from "./read/follow.ts";
import type { IterOptions, RecordIterator } from "./read/iterate.ts";
import { LogView } from "./read/log-view.ts";
import type { WalRecord } from "./read/wal-record.ts";
import type { RecordInput } from "./record/frame.ts";
import { Mark } from "./recovery/mark.ts";
import { recover, type Recovered } from "./recovery/recover.ts";
import type { RecoveryReport } from "./recovery/report.ts";
import { joinLog, shareLog } from "./share/sharing.ts";
import type { WalShare } from "./share/wal-share.ts";
import { runAsync, runBlocking } from "./store/store-io.ts";
import type { WalStore } from "./store/store.ts";
import type { ArchiveStats } from "./truncation/archive.ts";
import { Beside } from "./truncation/beside.ts";
import { PrefixDrop, type RetainOptions } from "./truncation/prefix-drop.ts";
import type { WalReader } from "./truncation/reader-position.ts";
import { SuffixCut } from "./truncation/suffix-cut.ts";
import { TypedWal } from "./typed/typed-wal.ts";

/** Counts since the log was opened, or joined, of what this Wal did: of other threads nothing. */
export interface WalStats {
  /** Records appended. */
  appends: number;
  /** Bytes appended, headers included. */
  appendedBytes: number;
  /** Calls that asked for durability: sync and appendAndSync, in both forms. */
  syncs: number;
  /** Flushes of the store that this thread made: for all threads, where the log is shared. */
  flushes: number;
  /** Of `syncs`, those that were answered: what they asked for is on stable storage. */
  commits: number;
  /**
   * How long the flushes took that this thread made, in milliseconds: from the call of the store until this
   * thread knew of the end.
   */
  flushLatency: HistogramSnapshot;
  /** How many calls of this thread shared each of them. */
  groupSize: HistogramSnapshot;
  /** For how many milliseconds a flush of this thread has been under way; null when there is none. */
  flushUnderWayMs: number | null;
  /** What became of sealed segments; null without an archive hook, and in a thread that has joined. */
  archive: ArchiveStats | null;
}

/** What a Wal is made of. */
interface Parts {
  readonly store: WalStore;
  readonly settings: OpenSettings;
  readonly recovery: RecoveryReport;
  readonly mark: Mark | null;
  readonly state: LogState;
  readonly isOwner: boolean;
  readonly reporter: LogReporter;
  /** Of a log that was joined: the cuts of an owner in this same thread. */
  readonly ownerCuts?: SuffixCut | null;
}

function openFile(path: string | URL, settings: OpenSettings): WalStore {
  const files = filesHere();
  return openWatched(files.pathOf(path), "FileStore", () => files.openFile(path, settings));
}

function openSegmented(dir: string | URL, settings: OpenSettings): WalStore {
  const files = filesHere();
  return openWatched(files.pathOf(dir), "SegmentedStore", () => files.openSegmented(dir, settings));
}

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
  /** Has opened the log, has its lock, and will close it. Any other has joined it from a share. */
  readonly #isOwner: boolean;
  readonly #mark: Mark | null;
  readonly #state: LogState;
  readonly #standing: Standing;
  readonly #commit: GroupCommit;
  readonly #progress: LocalProgress;
  readonly #cuts: SuffixCut;
  readonly #beside: Beside;
  readonly #writer: Writer;
  readonly #view: LogView;
  readonly #front: PrefixDrop;
  readonly #reporter: LogReporter;
  #syncs = 0;
  #commits = 0;
  #share: WalShare | null = null;
  #closing: Promise<void> | null = null;

  /** @internal */
  private constructor(parts: Parts) {
    if (parts?.recovery === undefined) {
      throw invalidArgument(
        "A log is opened, not constructed: await Wal.open(path), or Wal.withStore(store).",
      );
    }
    const { store, settings, state, isOwner, recovery, reporter } = parts;
    const { maxRecordBytes, readOnly, archive } = settings;
    const role = { path: store.path, readOnly, isOwner };
    const standing = new Standing(role, state);
    const progress = new LocalProgress(state);
    const commit = new GroupCommit(store, state, () => this.#afterFlush(), reporter);
    const beside = new Beside({ store, state, standing, recovery, archive, watch: reporter });
    const cuts = new SuffixCut(store, state, commit, parts.mark, beside);
    const log = { store, state, standing, progress, commit, beside, recovery, maxRecordBytes };
    this.recovery = recovery;
    this.#store = store;
    this.#settings = settings;
    this.#isOwner = isOwner;
    this.#mark = parts.mark;
    this.#state = state;
    this.#standing = standing;
    this.#progress = progress;
    this.#commit = commit;
    this.#cuts = cuts;
    this.#beside = beside;
    this.#reporter = reporter;
    this.#writer = new Writer({
      ...log,
      cuts: isOwner ? cuts : (parts.ownerCuts ?? null),
      noteCut: (start) => beside.noteCut(start),
    });
    reporter.count(this.#writer);
    this.#view = new LogView({
      ...log,
      watch: reporter,
      // The owner made the cuts, and remembers them all.
      cuts: isOwner ? cuts : null,
      cutsFile: beside.cutsFile,
      ownEnd: () => this.#writer.lastEnd,
    });
    this.#front = new PrefixDrop({
      ...log,
      cuts,
      view: this.#view,
      onDropped: (from, to) => reporter.droppedBefore(from, to),
    });
    state.onPoison = () => progress.turn();
    state.onPoisonKnown = () => this.#afterPoison();
    if (state.poison !== null) this.#afterPoison();
    reporter.opened(readOnly ? "reader" : isOwner ? "owner" : "joined", state);
  }

  /**
   * Opens the log in one file, or makes it, and recovers it. The file's name is on stable storage
   * when this resolves.
   *
   * @throws {WalError} WAL_CORRUPT when acknowledged data is lost, or as `onDamage: "refuse"` asks;
   *   WAL_LOCKED when the log is open elsewhere; or, `reason` `joined-threads`, after 2 seconds, when the
   *   thread that had opened it died and threads that had joined it have it open still; WAL_IO when the system refuses (`errno`), with
   *   readOnly also when there is no such file; WAL_UNSUPPORTED when the lock cannot be had here;
   *   WAL_INVALID_ARGUMENT when the path or an option is not of its kind. The signal's reason when
   *   it aborts. Nothing stays open then.
   * @example
   * const wal = await Wal.open("app.wal", { maxRecordSize: 1024 * 1024 });
   */
  static async open(path: string | URL, options?: WalOptions): Promise<Wal> {
    const settings = settingsOf(options);
    settings.signal?.throwIfAborted();
    return Wal.#recover(openFile(path, settings), settings);
  }

  /** As {@link Wal.open}, blocking the thread until done. */
  static openBlocking(path: string | URL, options?: WalOptions): Wal {
    const settings = settingsOf(options);
    settings.signal?.throwIfAborted();
    return Wal.#recoverBlocking(openFile(path, settings), settings);
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
    return Wal.#recover(openSegmented(dir, settings), settings);
  }

  /** As {@link Wal.openSegmented}, blocking the thread until done. */
  static openSegmentedBlocking(dir: string | URL, options?: SegmentedOptions): Wal {
    const settings = settingsOf(options);
    settings.signal?.throwIfAborted();
    return Wal.#recoverBlocking(openSegmented(dir, settings), settings);
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

  static #on(store: WalStore, settings: OpenSettings, recovered: Recovered, reporter: LogReporter): Wal {
    const { report: recovery, mark, durable } = recovered;
    const state = new LogState(new PlainCells(cellCount), 0);
    state.start(recovery.head, recovery.end, durable);
    try {
      return new Wal({ store, settings, recovery, mark, state, isOwner: true, reporter });
    } catch (error) {
      throw asIoError(error, "Opening the log failed at what stands beside it", { path: store.path });
    }
  }

  static async #recover(store: WalStore, settings: OpenSettings): Promise<Wal> {
    take(store, settings);
    const reporter = new LogReporter(store);
    try {
      await outwaitJoined(store, settings);
      const begun = reporter.now();
      const recovered = await runAsync(recover(store, settings), store);
      reporter.recovered(recovered.report, begun);
      return Wal.#on(store, settings, recovered, reporter);
    } catch (error) {
      reporter.found("open", error);
      abandon(store);
      throw error;
    }
  }

  static #recoverBlocking(store: WalStore, settings: OpenSettings): Wal {
    take(store, settings);
    const reporter = new LogReporter(store);
    try {
      outwaitJoinedBlocking(store, settings);
      const begun = reporter.now();
      const recovered = runBlocking(recover(store, settings), store);
      reporter.recovered(recovered.report, begun);
      return Wal.#on(store, settings, recovered, reporter);
    } catch (error) {
      reporter.found("open", error);
      abandon(store);
      throw error;
    }
  }

  /**
   * Joins a log that another thread has opened and shared. It appends, syncs, reads and
   * follows here as there; records of all threads stand in one log, and `end`, `head` and `durable` are of
   * that one. `stats` counts what this thread did. Cutting the log, dropping its front, readers
   * and sharing stay with the thread that opened it.
   *
   * `close` ends this thread's part: it syncs, and lets go of the files; the log stays open for the
   * others. When the owner closes the log, every call here gets WAL_CLOSED.
   *
   * @param share What {@link Wal.share} returned there.
   * @throws {WalError} WAL_INVALID_ARGUMENT when it is none, or of another build; WAL_CLOSED when the log was
   *   closed since; WAL_POISONED when the thread that had opened it died;
   *   WAL_UNSUPPORTED when 64 threads have the log open already; WAL_IO when the files cannot be
   *   opened; WAL_LOCKED when others stand in their place.
   * @example
   * // in the worker
   * const wal = Wal.attach(workerData);
   * await wal.appendAndSync("from another thread");
   * await wal.close();
   */
  static attach(share: WalShare): Wal {
    return joinLog(share, ({ maxRecordBytes, ...joined }) => {
      const file = joined.store.side?.mark;
      const mark = file === undefined ? null : new Mark(file);
      const settings = settingsOf({ maxRecordSize: maxRecordBytes });
      const reporter = new LogReporter(joined.store);
      return new Wal({ ...joined, settings, mark, isOwner: false, reporter });
    });
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
    this.#standing.checkWritable();
    return this.#writer.append(record);
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
    this.#standing.checkWritable();
    const list = batchOf(records);
    this.#standing.checkWritable();
    return this.#writer.appendBatch(list);
  }

  /**
   * Appends a value, as the bytes that the codec makes of it. As durable as {@link Wal.append}; to read it
   * back: {@link WalRecord.decode}, or {@link Wal.typed} for a log whose records are all of one type.
   *
   * @throws {WalError} as {@link Wal.append}; WAL_ENCODING when the codec throws: its error is `cause`, and nothing was
   *   appended; WAL_INVALID_ARGUMENT when it is no codec.
   * @example
   * const lsn = wal.appendTyped({ credit: 100 }, new Packr());
   */
  appendTyped<T>(value: T, codec: Codec<T>): Lsn {
    checkCodec(codec);
    return this.#appendValue(value, codec);
  }

  #appendValue<T>(value: T, codec: Codec<T>): Lsn {
    this.#standing.checkWritable();
    if (codec.encodeInto !== undefined) {
      const lsn = this.#writer.appendInPlace(value, codec);
      if (lsn !== null) return lsn;
    }
    const bytes = encoded(codec, value);
    // Asks again whether it may: the codec may have closed the log.
    return this.append(bytes);
  }

  #appendValues<T>(values: readonly T[], codec: Codec<T>): Lsn[] {
    this.#standing.checkWritable();
    return this.#writer.appendValues(values, codec);
  }

  async #appendValueAndSync<T>(value: T, codec: Codec<T>): Promise<Lsn> {
    this.#standing.checkWritable();
    return this.appendAndSync(encoded(codec, value));
  }

  /**
   * This log, its records as values of one type: what is appended is encoded, and what is read decoded. A view, and
   * cheap to make; records that are appended as bytes are in it too.
   *
   * @throws {WalError} WAL_INVALID_ARGUMENT when it is no codec.
   * @example
   * const events = wal.typed<Event>(new Packr());
   * const lsn = await events.appendAndSync({ kind: "deposit", cents: 500 });
   * for (const { value } of events) console.log(value.kind, value.cents); // deposit 500
   */
  typed<T>(codec: Codec<T>): TypedWal<T> {
    checkCodec(codec);
    return new TypedWal(this, codec, {
      append: (value) => this.#appendValue(value, codec),
      appendBatch: (values) => this.#appendValues(values, codec),
      appendAndSync: (value) => this.#appendValueAndSync(value, codec),
      appendAndSyncBlocking: (value) => this.#commitBlocking(this.#appendValue(value, codec)),
    });
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
    this.#standing.checkSyncable();
    this.#writer.writeStaged();
    this.#syncs++;
    await this.#commit.sync(this.#state.appended);
    this.#commits++;
    this.#beside.archive?.advance();
  }

  /** As {@link Wal.sync}, blocking the thread until done. */
  syncBlocking(): void {
    this.#standing.checkSyncable();
    this.#writer.writeStaged();
    this.#syncs++;
    this.#commit.syncBlocking(this.#state.appended);
    this.#commits++;
  }

  /**
   * Appends, and resolves with the LSN once that record is on stable storage. Any number of callers
   * at the same time share one flush, and those of the same turn one write: the record is copied at
   * once, and has its place when the turn is over, or before anybody looks. A process that ends
   * before the turn is over (`process.exit`) has written nothing: {@link Wal.appendAndSyncBlocking}.
   *
   * @throws {WalError} as {@link Wal.append} (then nothing was appended) and {@link Wal.sync}.
   * @example
   * await Promise.all(orders.map((order) => wal.appendAndSync(JSON.stringify(order))));
   */
  async appendAndSync(record: RecordInput): Promise<Lsn> {
    this.#standing.checkWritable();
    const stage = this.#writer.stage(record);
    if (stage === null) return this.#appendAndSyncAlone(record);
    const offset = this.#writer.stagedLast;
    this.#syncs++;
    await stage.durable;
    const lsn = stage.lsnOf(offset);
    this.#commits++;
    return lsn;
  }

  async #appendAndSyncAlone(record: RecordInput): Promise<Lsn> {
    const lsn = this.append(record);
    this.#syncs++;
    await this.#commit.sync(this.#writer.lastEnd);
    this.#commits++;
    return lsn;
  }

  /** As {@link Wal.appendAndSync}, blocking the thread until done. */
  appendAndSyncBlocking(record: RecordInput): Lsn {
    return this.#commitBlocking(this.append(record));
  }

  #commitBlocking(lsn: Lsn): Lsn {
    this.#syncs++;
    this.#commit.syncBlocking(this.#writer.lastEnd);
    this.#commits++;
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
    this.#writer.writeStaged();
    return this.#view.iter(range);
  }

  /**
   * The records from `from` (default the head) to the end, and on past it: waits for new ones until
   * `signal` aborts or the log is closed. Reads without blocking the thread, one record for each that
   * is asked for. Here it waits without looking again and again; on a log opened with `readOnly`, which
   * another process writes, it is told by the file system, and looks once a second besides. A record
   * that is waited for keeps the thread alive, unless `persistent` is false. See docs/following.md.
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
    this.#writer.writeStaged();
    return this.#view.follow(options);
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
    this.#standing.checkWritable();
    return appendAll(this, records);
  }

  /**
   * The record at `lsn`.
   *
   * @throws {WalError} WAL_CORRUPT when no intact record begins there (`reason` says why; `end` when
   *   the log ends before); WAL_INVALID_ARGUMENT when `lsn` is no offset; WAL_IO; WAL_CLOSED.
   */
  read(lsn: Lsn): WalRecord {
    this.#writer.writeStaged();
    return this.#view.read(lsn);
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
    this.#checkOwnerWrites("truncateAfter");
    const end = this.read(lsn).next;
    // Nothing follows; but a cut to this very end may be under way.
    if (end === this.#state.committed) return this.#cuts.settled();
    const from = this.#state.tail;
    const cut = this.#cuts.cut(end);
    this.#progress.turn();
    await cut;
    this.#reporter.cutAfter(from, end);
  }

  /** As {@link Wal.truncateAfter}, blocking the thread until done. */
  truncateAfterBlocking(lsn: Lsn): void {
    this.#checkOwnerWrites("truncateAfterBlocking");
    const end = this.read(lsn).next;
    if (end === this.#state.committed) {
      this.#cuts.completeBlocking();
      return;
    }
    const from = this.#state.tail;
    try {
      this.#cuts.cutBlocking(end);
    } finally {
      this.#progress.turn();
    }
    this.#reporter.cutAfter(from, end);
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
    this.#checkOwnerWrites("truncateBefore");
    return this.#front.before(lsn);
  }

  /** As {@link Wal.truncateBefore}, blocking the thread until done. */
  truncateBeforeBlocking(lsn: Lsn): Lsn {
    this.#checkOwnerWrites("truncateBeforeBlocking");
    return this.#front.beforeBlocking(lsn);
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
    this.#checkOwnerWrites("retain");
    return this.#front.byPolicy(options);
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
    this.#standing.checkOwner("reader");
    this.#standing.checkSyncable();
    const at = offsetOf("from", from);
    const end = this.#standing.writtenUpTo(at);
    if (at < this.head || at > end) {
      throw invalidArgument(`from is ${at}, outside the log from ${this.head} to ${end}.`);
    }
    if (this.#beside.readers === null) throw this.#standing.closedError();
    return this.#beside.readers.get(name, at);
  }

  /**
   * All the readers of the log, by name: those of this run and of earlier ones. The one whose position is
   * lowest is what `retain` keeps the log for; `remove()` it when it is gone for good.
   *
   * @throws {WalError} WAL_UNSUPPORTED in a thread that has joined; WAL_READ_ONLY, WAL_CLOSED.
   * @example
   * for (const { name, position } of wal.readers()) console.log(name, wal.end - position); // replica-1 0
   */
  readers(): WalReader[] {
    this.#standing.checkOwner("readers");
    this.#standing.checkSyncable();
    return this.#beside.readers?.all ?? [];
  }

  /**
   * Resolves when the archive hook has taken every segment that was full and on stable storage when
   * this was called, with the LSN up to which it has. Tries again what failed before. Without a hook: at
   * once, with the head.
   *
   * @throws {WalError} WAL_IO when the hook fails: its error is `cause`; WAL_CLOSED, also when the log is
   *   closed before; WAL_UNSUPPORTED in a thread that has joined: the hook runs in the one that opened it.
   */
  async archived(): Promise<Lsn> {
    this.#standing.checkOwner("archived");
    this.#standing.checkOpen();
    if (this.#beside.archive === null) return this.head;
    const position = await this.#beside.archive.caughtUp();
    if (position === null) throw this.#standing.closedError();
    return position;
  }

  /** Where the next record will begin; of whatever thread, in a shared log. */
  get end(): Lsn {
    this.#writer.writeStaged();
    return this.#state.tail;
  }

  /** The lowest LSN still present. */
  get head(): Lsn {
    return this.#state.head;
  }

  /** Every record below is on stable storage, by whichever thread's sync. */
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
   * @throws {WalError} WAL_UNSUPPORTED when the store cannot be shared (it has no `side.share`, or wraps
   *   a store and passes on its `side`), when the platform has no shared memory, and in a thread that
   *   has joined; WAL_POISONED, WAL_CLOSED, WAL_READ_ONLY.
   * @example
   * const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: wal.share() });
   */
  share(): WalShare {
    this.#checkOwnerWrites("share");
    if (this.#share !== null) return this.#share;
    const { maxRecordBytes } = this.#settings;
    this.#share = shareLog({
      store: this.#store,
      state: this.#state,
      standing: this.#standing,
      cuts: this.#cuts,
      recovery: this.recovery,
      maxRecordBytes,
    });
    // Who follows looks again, and from now on waits for other threads too.
    this.#progress.turn();
    this.#beside.archive?.heed(this.#progress);
    return this.#share;
  }

  /** A snapshot of the counts. */
  stats(): WalStats {
    this.#writer.writeStaged();
    const { appends, appendedBytes } = this.#writer;
    const archive = this.#beside.archive?.stats() ?? null;
    const { flushes } = this.#commit;
    const { meter } = this.#reporter;
    return {
      appends,
      appendedBytes,
      syncs: this.#syncs,
      flushes,
      commits: this.#commits,
      flushLatency: meter.latency.snapshot(),
      groupSize: meter.groupSize.snapshot(),
      flushUnderWayMs: meter.underWayMs,
      archive,
    };
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
      this.#standing.checkNotWriting();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#writer.writeStaged();
    const closing = this.#closeOnce();
    this.#standing.setClosing();
    // The first caller is told of a failure; whoever closes again only waits.
    this.#closing = closing.catch(() => {});
    return closing;
  }

  /** As {@link Wal.close}, blocking the thread until done. */
  closeBlocking(): void {
    if (this.#standing.isClosed) return;
    this.#standing.checkNotWriting();
    this.#writer.writeStaged();
    if (this.#isOwner) this.#state.setClosing();
    this.#standing.setClosing();
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
    if (this.#standing.isClosed) return;
    if (this.#isOwner) this.#state.setClosing();
    try {
      try {
        if (this.#syncsAtClose) await this.#commit.sync(this.#state.appended);
      } finally {
        await this.#commit.settled();
        if (this.#isOwner) await this.#shutOthersOut();
      }
    } finally {
      await this.#beside.archive?.stop();
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
    if (!this.#state.isShared || this.#standing.isClosed) return;
    try {
      this.#state.seal();
      if (this.#syncsAtClose) await this.#commit.sync(this.#state.appended);
    } finally {
      await this.#commit.settled();
      await this.#commit.keepLead();
    }
  }

  #release(): void {
    if (this.#standing.isClosed) return;
    this.#standing.setClosed();
    this.#reporter.landed();
    this.#view.leave();
    this.#progress.turn();
    if (this.#isOwner) this.#state.setClosed();
    this.#state.leave();
    try {
      this.#beside.close();
    } catch (error) {
      throw asIoError(error, "Writing back the positions of readers failed", { path: this.#store.path });
    } finally {
      giveBack(this.#store);
    }
  }

  /** As soon as this thread knows, in the middle of anything. */
  #afterPoison(): void {
    this.#reporter.poisoned(this.#state.poison);
    if (!this.#isOwner) void this.#letGoOfDoomed();
  }

  /** Joined, and poisoned: once nothing of this thread is under way, the log may be opened again. */
  async #letGoOfDoomed(): Promise<void> {
    await this.#commit.settled();
    // Who holds the gate may not have closed it behind it yet: then not before this thread closes.
    if (this.#standing.isClosed || !this.#state.gateIsClosed || this.#state.writing) return;
    this.#store.side?.letGo?.();
  }

  #afterFlush(): void {
    // A flight may land after a blocking close; the store, and the mark with it, is not ours then.
    if (!this.#standing.isOpen) return;
    this.#raiseMark();
    this.#progress.afterFlush();
    this.#beside.archive?.advance();
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

  #checkOwnerWrites(call: string): void {
    this.#standing.checkOwner(call);
    this.#standing.checkWritable();
    this.#writer.writeStaged();
  }
}
