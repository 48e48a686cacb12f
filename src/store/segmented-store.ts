/**
 * One continuous space of bytes over files of one size.
 *
 *   dir/00000000000000000000.wal     bytes [0, S)
 *   dir/00000000000000000001.wal     bytes [S, 2S)
 *   ...                              every one but the last is exactly S bytes
 *   dir/head                         where the log begins, after a prefix was dropped
 *   dir/head.tmp                     its spare, so that the front can be dropped on a full disk
 *   dir/mark                         the mark (recovery/mark.ts)
 *   dir/joined                       held by threads that have joined (joined-lock.ts)
 *   dir/quarantine-<lsn>             what recovery cut off and saved
 *   anything else                    not ours, left alone
 *
 * The offset says where a byte is: segment `floor(offset / S)`, position `offset mod S`. Records
 * are not aligned to segments. A segment is made when its first byte is written; its name is
 * flushed by the flush that speaks for its bytes. The lock is on the directory.
 *
 * The directory is a log if and only if
 *   1. the head marker is absent, or 8 bytes of an offset that is not past the end;
 *      torn only while segment 0 is there (then nothing was dropped yet, and it means 0);
 *   2. no segment is longer than S;
 *   3. from the head's segment on, no more than `missingSegmentsInRowMax` are missing in a row: what comes
 *      after that bears the name of a segment by mistake, and a gap of any length would have to be read;
 *   4. from the head's segment to the last none is missing, and none but the last is short:
 *      else there is a gap. It reads as zeros, and the log (recover.ts) holds it against the mark.
 *      A power cut leaves gaps past the mark: of two segments that were never flushed it may keep
 *      the second. What is missing before nothing but zeros is no gap: no record could follow it.
 * Otherwise open throws WAL_CORRUPT and has changed nothing.
 *
 * Cutting the end, to `length`: the segment that holds `length` is cut first, and flushed; then the
 * ones above go, high to low. A crash in between leaves a gap at `length`, and bytes past it that
 * no longer belong to the log: the mark, which the log lowers first, says so.
 * With several threads ("joined"), each has a store of its own over the directory, and others make
 * segments too. A segment is looked for on disk, not in a list; who comes first makes it. Every
 * segment below what is committed is full or the last, so a gap is never filled from here. Who
 * flushes, flushes every segment in the range that the log names, whoever wrote it, and the
 * directory when the range reaches a segment whose name it has not flushed. When a cut begins, and when
 * its bytes are gone, each thread lets go of its descriptors: they may be of files that are gone.
 *
 * Dropping the front, to `offset`: the marker is replaced durably; then segments that end at or
 * below go, low to high. A crash in between leaves segments below the head, which the next one
 * removes. The last segment always stays: it tells where the log ends.
 */
import { join } from "node:path";
import { errnoOf, invalidArgument, WalError } from "../errors.ts";
import {
  missingSegmentsInRowMax,
  readChunkBytes,
  segmentBytesDefault,
  segmentFlushesAtOnceMax,
} from "../limits.ts";
import { Lsn } from "../lsn.ts";
import { zerosEnd } from "../zeros.ts";
import type { Disk } from "./disk.ts";
import { ensureDirectoryDurably, removeIfThere } from "./durable-fs.ts";
import { FileMark, NamedFiles, saveToQuarantine, watchDirectory } from "./file-side.ts";
import { lockedError, openError, type OpenStoreOptions, pathOf, replacedError } from "./file-store.ts";
import { keepSpareHeadMarker, readHeadMarker, replaceHeadMarker } from "./head-marker.ts";
import { JoinedLock } from "./joined-lock.ts";
import { nodeDisk } from "./node-disk.ts";
import { readFully } from "./positioned-file.ts";
import { plainSegments, type SegmentFile, SegmentFiles, type SegmentKind } from "./segment-files.ts";
import { segmentIndexOf, segmentName } from "./segment-name.ts";
import {
  checkUnwrapped,
  type JoinedLog,
  type StoreGap,
  type StoreSegment,
  type StoreSide,
  type WalStore,
} from "./store.ts";

/**
 * A {@link WalStore} over a directory of segment files.
 *
 * @example
 * const wal = await Wal.withStore(SegmentedStore.open("log", 16 * 1024 * 1024));
 */
export class SegmentedStore implements WalStore {
  readonly dir: string;
  readonly segmentSize: number;
  readonly side: StoreSide;
  readonly #disk: Disk;
  readonly #realDir: string;
  readonly #directoryFd: number;
  readonly #files: SegmentFiles;
  readonly #mark: FileMark;
  readonly #named: NamedFiles;
  readonly #joinedLock: JoinedLock;
  #locked = false;
  #waitedForJoined = false;
  readonly #readOnly: boolean;
  /** Size of each segment that is there. */
  #sizes: Map<number, number>;
  #last: number;
  #head: number;
  #gap: StoreGap | null;
  /** The process that made a segment may have died before it flushed the name: the first flush does. */
  #newNames = true;
  /** Set when other threads write too: then `#sizes` and `#last` are as of the last `#relist`. */
  #joined: JoinedLog | null = null;
  #cutsSeen = 0;
  /** The segments that the next flush speaks for, as the log named them; joined only. */
  #range: SegmentRange | null = null;
  /** The highest segment whose name a flush of this store has covered; joined only. */
  #namesFlushed = -1;
  /**
   * Nothing is known of it when a log is opened: an open alone makes no files. Among threads only the
   * one that opened the log keeps it: a second one would put its own under the first one's rename.
   */
  #spareHead: "unknown" | "wanted" | "kept" | "not ours" = "unknown";
  /** What a pending flush speaks for; a blocking one beside it must speak for it too. */
  readonly #inFlight = new Set<Flight>();

  /**
   * Opens the directory, or makes it; its name is on stable storage on return. Takes no lock: the
   * log does.
   *
   * @param segmentSize Bytes per segment file, the size the log was made with. Default 64 MiB.
   * @throws {WalError} WAL_CORRUPT when a segment is longer than `segmentSize` or stands behind more
   *   than 1,024 missing ones, or the head marker is torn or past the end (`path` says which file,
   *   `reason` why); WAL_IO when the system refuses; WAL_INVALID_ARGUMENT when an argument is not of its kind. Nothing is changed then.
   */
  static open(dir: string | URL, segmentSize: number = segmentBytesDefault): SegmentedStore {
    return openSegmentedStore(dir, segmentSize);
  }

  /** @internal */
  constructor(disk: Disk, dir: string, directoryFd: number, found: FoundSegments, options: SegmentsOptions) {
    const readOnly = options.readOnly ?? false;
    this.dir = dir;
    this.segmentSize = found.segmentSize;
    this.#disk = disk;
    this.#realDir = found.realDir;
    this.#directoryFd = directoryFd;
    this.#sizes = found.sizes;
    this.#last = found.last;
    this.#head = found.head;
    this.#gap = found.gap;
    // The owner may be about to put it in the place of the head.
    if (found.isOfOwner === false) this.#spareHead = "not ours";
    this.#readOnly = readOnly;
    const kind = options.kind?.(disk, found.realDir) ?? plainSegments(disk, readOnly ? "r" : "r+");
    this.#files = new SegmentFiles(kind, (index) => this.#pathOf(index));
    this.#mark = new FileMark(disk, join(found.realDir, "mark"), readOnly);
    this.#named = new NamedFiles(disk, found.realDir, "", readOnly);
    this.#joinedLock = found.joined ?? joinedLockOf(disk, found.realDir);
    this.side = {
      gap: () => this.#gap,
      refresh: () => this.#refresh(),
      watch: (changed) => watchDirectory(disk, found.realDir, () => true, changed),
      assumeUnflushed: (from, to) => this.#assumeUnflushed(from, to),
      share: (store): SegmentedShare => this.#share(store),
      join: (log) => this.#join(log),
      named: (name) => this.#named.get(name),
      names: () => this.#named.list(),
      mark: this.#mark,
      lock: () => this.#lock(),
      heldByJoined: () => this.#isHeldByJoined(),
      letGo: () => this.#joinedLock.close(),
      quarantine: (from, to) =>
        saveToQuarantine(disk, join(found.realDir, `quarantine-${from}`), from, to, (offset, into) =>
          this.readAt(offset, into),
        ),
      segments: {
        size: found.segmentSize,
        list: () => this.#list(),
        setHead: (offset) => this.#setHead(offset),
        remove: (offset) => this.#remove(offset),
      },
    };
  }

  /** The directory: what errors name. */
  get path(): string {
    return this.dir;
  }

  get length(): number {
    if (this.#joined !== null) this.#relist();
    return this.#last < 0 ? 0 : this.#last * this.segmentSize + this.#sizeOf(this.#last);
  }

  get head(): number {
    return this.#head;
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    const size = this.segmentSize;
    if (this.#files.reserves) this.#makeRoom(offset, offset + bytes.length);
    for (let done = 0; done < bytes.length;) {
      const index = Math.floor((offset + done) / size);
      const position = offset + done - index * size;
      const count = Math.min(bytes.length - done, size - position);
      const part = count === bytes.length ? bytes : bytes.subarray(done, done + count);
      const file = this.#fileToWrite(index);
      this.#files.markDirty(index);
      if (this.#isThereAlready(index, position + count) && file.rewriteAt !== undefined) {
        file.rewriteAt(position, part);
      } else {
        // Before it is written: what a write that fails leaves is then within the length, and can be cut off.
        if (position + count > this.#sizeOf(index)) this.#sizes.set(index, position + count);
        file.writeAt(position, part);
      }
      done += count;
    }
  }

  readAt(offset: number, into: Uint8Array): number {
    let done = 0;
    for (const part of this.#parts(offset, into.length)) {
      const target = into.subarray(done, done + part.count);
      if (this.#joined !== null) {
        const got = this.#fileIfThere(part.index)?.readAt(part.position, target) ?? 0;
        done += got;
        if (got < target.length) break;
        continue;
      }
      try {
        target.fill(0, this.#readPart(part, target));
      } catch (error) {
        if (done > 0 && isDropped(error)) return done;
        throw error;
      }
      done += part.count;
    }
    return done;
  }

  async readAhead(offset: number, into: Uint8Array): Promise<number> {
    let done = 0;
    for (const part of this.#parts(offset, into.length)) {
      const target = into.subarray(done, done + part.count);
      if (this.#joined !== null) {
        const got = (await this.#fileIfThere(part.index)?.readAhead(part.position, target)) ?? 0;
        done += got;
        if (got < target.length) break;
        continue;
      }
      try {
        target.fill(0, await this.#readPartAhead(part, target));
      } catch (error) {
        if (done > 0 && isDropped(error)) return done;
        throw error;
      }
      done += part.count;
    }
    return done;
  }

  truncate(length: number): void {
    this.#removePrepared();
    if (this.#joined !== null) {
      this.#followCuts();
      this.#relist();
    }
    // The system call would make the last file longer.
    if (length > this.length) return;
    const keep = Math.floor(length / this.segmentSize);
    const position = length - keep * this.segmentSize;
    if (keep <= this.#last) {
      const file = this.#sizes.has(keep) ? this.#files.get(keep) : this.#create(keep);
      file.truncate(position);
      this.#sizes.set(keep, position);
      // Durable before the others go: see above.
      file.flushBlocking();
      if (this.#newNames) this.#disk.flushDirectoryBlocking(this.#realDir);
    }
    const above = this.#indexes()
      .filter((index) => index > keep)
      .toReversed();
    for (const index of above) this.#removeSegment(index);
    this.#last = Math.min(this.#last, keep);
    this.#newNames ||= above.length > 0;
  }

  truncateBefore(offset: number): number {
    if (offset > this.#head) {
      this.#setHead(offset);
      this.#remove(offset);
    }
    return this.#head;
  }

  async flush(): Promise<void> {
    const flight = this.#takeFlight();
    const cutsSeen = this.#cutsSeen;
    this.#inFlight.add(flight);
    try {
      for (let from = 0; from < flight.segments.length && !flight.covered; from += segmentFlushesAtOnceMax) {
        const some = flight.segments.slice(from, from + segmentFlushesAtOnceMax);
        // Those that were cut off meanwhile have nothing to flush.
        const there = some.filter((index) => this.#isThere(index, flight));
        await Promise.all(there.map((index) => this.#flushSegment(index)));
      }
      if (flight.names && !flight.covered) await this.#disk.flushDirectory(this.#realDir);
      this.#files.throwFlushFailure();
      // After a cut there may be others of those names.
      if (cutsSeen === this.#cutsSeen) {
        this.#namesFlushed = Math.max(this.#namesFlushed, flight.segments.at(-1) ?? -1);
      }
    } finally {
      this.#inFlight.delete(flight);
    }
  }

  flushBlocking(): void {
    const flights = [this.#takeFlight(), ...this.#inFlight];
    const there = (flight: Flight): number[] =>
      flight.segments.filter((index) => this.#isThere(index, flight));
    const segments = new Set(flights.flatMap((flight) => there(flight)));
    for (const index of segments) {
      const file = this.#files.get(index);
      file.flushBlocking();
      this.#files.flushed(index);
      if (index < this.#last) file.settle?.();
    }
    if (flights.some((flight) => flight.names)) this.#disk.flushDirectoryBlocking(this.#realDir);
    this.#files.throwFlushFailure();
    for (const flight of flights) flight.covered = true;
  }

  close(): void {
    this.#mark.close();
    this.#named.closeAll();
    this.#files.close();
    this.#joinedLock.close();
    this.#disk.unlock(this.#directoryFd);
    this.#disk.close(this.#directoryFd);
  }

  /** Makes the segment after the last, where that sets its room aside. Not while other threads write. */
  prepareNext(): void {
    if (!this.#files.reserves || this.#joined !== null || this.#last < 0) return;
    this.#files.settleBelow(this.#last);
    this.#files.prepare(this.#last + 1);
  }

  /** Sets aside the room of the last segment, where its kind can. Not while other threads write. */
  makeRoomAtEnd(): void {
    if (this.#joined === null && this.#last >= 0) this.#files.get(this.#last).makeRoom?.();
  }

  /**
   * Gives back the room that was set aside past `length`, durably: what a log is left like that is closed.
   * Nothing may be written there, by anyone.
   */
  trim(length: number): void {
    this.truncate(length);
    this.flushBlocking();
  }

  /** Room for all of a write before a byte of it is written, where it goes on into other segments. */
  #makeRoom(from: number, to: number): void {
    const first = Math.floor(from / this.segmentSize);
    const last = Math.ceil(to / this.segmentSize) - 1;
    if (last <= first || (this.#joined === null && to <= this.length)) return;
    try {
      for (let index = first; index <= last; index++) {
        if (this.#joined !== null) this.#joinedFile(index).makeRoom?.();
        else if (this.#sizes.has(index)) this.#files.get(index).makeRoom?.();
        else this.#files.prepare(index);
      }
    } catch (error) {
      // What it took before it failed would be missing elsewhere.
      this.#removePrepared();
      throw error;
    }
  }

  /** Whether recovery writes again what it has read, and nothing is new. */
  #isThereAlready(index: number, end: number): boolean {
    return this.#joined === null && end <= this.#sizeOf(index);
  }

  #removePrepared(): void {
    const prepared = this.#files.takePrepared();
    for (const index of prepared) removeIfThere(this.#disk, this.#pathOf(index));
    this.#newNames ||= prepared.length > 0;
  }

  #pathOf(index: number): string {
    return join(this.#realDir, segmentName(index));
  }

  #sizeOf(index: number): number {
    return this.#sizes.get(index) ?? 0;
  }

  /** The stretches of segments that `[offset, offset + length)` covers, up to the end. */
  *#parts(offset: number, length: number): Generator<SegmentPart> {
    const size = this.segmentSize;
    // Joined, the log asks for nothing beyond what some thread has written.
    const end = this.#joined === null ? Math.min(offset + length, this.length) : offset + length;
    for (let at = offset; at < end;) {
      const index = Math.floor(at / size);
      const count = Math.min(end, (index + 1) * size) - at;
      yield { index, position: at - index * size, count, present: this.#sizes.has(index) };
      at += count;
    }
  }

  #readPart({ index, position, present }: SegmentPart, into: Uint8Array): number {
    if (!present) return this.#readGap(index);
    try {
      const file = this.#files.get(index);
      const got = file.readAt(position, into);
      this.#checkInPlace(index, file);
      return got;
    } catch (error) {
      throw this.#readError(index, error);
    }
  }

  async #readPartAhead({ index, position, present }: SegmentPart, into: Uint8Array): Promise<number> {
    if (!present) return this.#readGap(index);
    try {
      const file = this.#files.get(index);
      const got = await file.readAhead(position, into);
      this.#checkInPlace(index, file);
      return got;
    } catch (error) {
      throw this.#readError(index, error);
    }
  }

  /** Reading only: the writer may have removed the segment, and made another of the same name. */
  #checkInPlace(index: number, file: SegmentFile): void {
    if (this.#readOnly && !file.isInPlace) throw this.#droppedError(index);
  }

  /** What a read failed with; reading only, a file that is gone was dropped by the log's writer. */
  #readError(index: number, error: unknown): unknown {
    return this.#readOnly && errnoOf(error) === "ENOENT" ? this.#droppedError(index, error) : error;
  }

  /** A gap holds nothing and reads as zeros; but a segment that the writer has dropped since is not a gap. */
  #readGap(index: number): number {
    if (this.#readOnly && index < Math.floor(this.#head / this.segmentSize)) throw this.#droppedError(index);
    return 0;
  }

  #droppedError(index: number, cause?: unknown): WalError {
    const path = this.#pathOf(index);
    return new WalError(
      "WAL_CORRUPT",
      `${path} is gone: the writer of this log has dropped it. Open it again.`,
      { path, reason: "truncated", offset: Lsn(index * this.segmentSize), cause },
    );
  }

  #refresh(): void {
    const found = findSegments(this.#disk, this.#realDir, this.segmentSize);
    this.#files.closeAll();
    this.#sizes = found.sizes;
    this.#last = found.last;
    this.#head = found.head;
    this.#gap = found.gap;
  }

  #assumeUnflushed(from: number, to?: number): void {
    if (this.#joined !== null && to !== undefined) {
      this.#followCuts();
      this.#range = {
        first: Math.floor(from / this.segmentSize),
        last: Math.ceil(to / this.segmentSize) - 1,
      };
      return;
    }
    const lowest = Math.floor(from / this.segmentSize);
    for (const index of this.#sizes.keys()) if (index >= lowest) this.#files.markDirty(index);
  }

  #fileToWrite(index: number): SegmentFile {
    if (this.#joined !== null) return this.#joinedFile(index);
    if (this.#sizes.has(index) && index === this.#last) return this.#files.get(index);
    // A gap before the offset reads as zeros: the segments in between are there, and full.
    for (let k = Math.max(this.#last, 0); k < index; k++) this.#makeFull(k);
    return this.#sizes.has(index) ? this.#files.get(index) : this.#create(index);
  }

  #joinedFile(index: number): SegmentFile {
    for (;;) {
      const file = this.#fileIfThere(index);
      if (file !== null) return file;
      this.#makeForAll(index);
    }
  }

  /** Whatever comes after, it stays: another thread may have written into it already. */
  #makeForAll(index: number): void {
    try {
      this.#disk.close(this.#disk.open(this.#pathOf(index), "create"));
    } catch (error) {
      // Another thread came first.
      if (errnoOf(error) !== "EEXIST") throw error;
      return;
    }
    this.#made(index);
  }

  #fileIfThere(index: number): SegmentFile | null {
    this.#followCuts();
    try {
      return this.#files.get(index);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      return null;
    }
  }

  /** Joined: lets go of every file when the end was cut since; within a write no cut can come. */
  #followCuts(): void {
    const cuts = this.#joined?.cuts() ?? this.#cutsSeen;
    if (cuts === this.#cutsSeen) return;
    this.#cutsSeen = cuts;
    this.#files.forgetAll();
    this.#namesFlushed = -1;
  }

  #share(store: WalStore): SegmentedShare {
    checkUnwrapped(store, this);
    const { dir, segmentSize } = this;
    // From now on others may be the ones that make segments.
    this.#seeToSpareHead();
    const identity = this.#disk.statOpen(this.#directoryFd).identity;
    const where = { kind: "segmented", path: this.#realDir, name: dir, identity } as const;
    return { ...where, segmentSize, head: this.#head, joined: this.#locked ? this.#joinedLock.make() : null };
  }

  #join(log: JoinedLog): void {
    this.#joined = log;
    this.#files.share();
    this.#cutsSeen = log.cuts();
    this.#files.onFlushFailure = (error) => log.failed(error);
  }

  /** Looks at the directory: other threads have made segments. */
  #relist(): void {
    this.#sizes = listSegments(this.#disk, this.#realDir);
    this.#last = Math.max(-1, ...this.#sizes.keys());
  }

  /** Whether a segment that a flight speaks for is still there: it may have been cut off since. */
  #isThere(index: number, flight: Flight): boolean {
    return this.#joined === null ? this.#sizes.has(index) : !flight.gone.has(index);
  }

  #makeFull(index: number): void {
    if (this.#sizeOf(index) === this.segmentSize) return;
    if (index < Math.floor(this.#head / this.segmentSize)) return;
    const file = this.#sizes.has(index) ? this.#files.get(index) : this.#create(index);
    file.truncate(this.segmentSize);
    this.#files.markDirty(index);
    this.#sizes.set(index, this.segmentSize);
  }

  #create(index: number): SegmentFile {
    const file = this.#files.create(index);
    this.#made(index);
    return file;
  }

  #made(index: number): void {
    this.#sizes.set(index, 0);
    this.#last = Math.max(this.#last, index);
    this.#newNames = true;
    this.#files.markDirty(index);
    this.#seeToSpareHead();
  }

  async #flushSegment(index: number): Promise<void> {
    const file = this.#files.get(index);
    await file.flush();
    this.#files.flushed(index);
    if (index < this.#last) file.settle?.();
  }

  #takeFlight(): Flight {
    const range = this.#range;
    if (range !== null) return this.#takeRange(range);
    const flight = {
      segments: this.#files.takeDirty(),
      names: this.#newNames,
      covered: false,
      gone: new Set<number>(),
    };
    this.#newNames = false;
    return flight;
  }

  #takeRange(range: SegmentRange): Flight {
    this.#range = null;
    const segments: number[] = [];
    for (let index = range.first; index <= range.last; index++) segments.push(index);
    // Those below are durable, by whoever's flush; those above have been written since.
    for (const index of this.#files.takeDirty()) if (index > range.last) this.#files.markDirty(index);
    const names = this.#newNames || range.last > this.#namesFlushed;
    this.#newNames = false;
    return { segments, names, covered: false, gone: new Set() };
  }

  #setHead(offset: number): void {
    this.#spareHead = "wanted";
    const path = join(this.#realDir, "head");
    try {
      replaceHeadMarker(this.#disk, path, offset);
      this.#head = offset;
    } catch (error) {
      if (this.#mayHaveMoved(path, offset)) this.#head = offset;
      throw error;
    }
  }

  /** After a failure: its name may be that of the new marker already, and not be on stable storage. */
  #mayHaveMoved(path: string, offset: number): boolean {
    try {
      return readHeadMarker(this.#disk, path) === offset;
    } catch {
      return true;
    }
  }

  #seeToSpareHead(): void {
    if (this.#spareHead === "unknown" || this.#spareHead === "wanted") this.#keepSpareHead();
  }

  #keepSpareHead(): void {
    const kept = keepSpareHeadMarker(this.#disk, join(this.#realDir, "head"));
    this.#spareHead = kept ? "kept" : "wanted";
  }

  #remove(offset: number): void {
    if (this.#joined !== null) this.#relist();
    const below = this.#indexes().filter(
      (index) => (index + 1) * this.segmentSize <= offset && index < this.#last,
    );
    for (const index of below) this.#removeSegment(index);
    if (below.length > 0) this.#disk.flushDirectoryBlocking(this.#realDir);
    // The last one became the head; now there is room for the next.
    if (this.#spareHead === "wanted") this.#keepSpareHead();
  }

  #removeSegment(index: number): void {
    this.#files.forget(index);
    // Where somebody removed it by hand, it is as gone as it was to be.
    removeIfThere(this.#disk, this.#pathOf(index));
    this.#sizes.delete(index);
    // Not for later ones: another thread may make it anew.
    for (const flight of this.#inFlight) flight.gone.add(index);
  }

  /** The segments that are there, low to high. */
  #indexes(): number[] {
    return [...this.#sizes.keys()].toSorted((a, b) => a - b);
  }

  #list(): StoreSegment[] {
    if (this.#joined !== null) this.#relist();
    return this.#indexes().map((index) => {
      const start = index * this.segmentSize;
      return { path: this.#pathOf(index), start, end: start + this.#sizeOf(index) };
    });
  }

  #lock(): void {
    // Windows locks a file in the directory: the descriptor is of that one there.
    if (!this.#disk.lock(this.#directoryFd, join(this.#realDir, "lock"))) throw lockedError(this.dir);
    const here = this.#disk.statOpen(this.#directoryFd).identity;
    if (this.#disk.stat(this.#realDir).identity !== here) throw replacedError(this.dir);
    this.#locked = true;
    // What the last holder did between our first look and its end.
    this.#refresh();
  }

  #isHeldByJoined(): boolean {
    const isHeld = this.#joinedLock.isHeld();
    // What they wrote since we had the lock.
    if (!isHeld && this.#waitedForJoined) this.#refresh();
    this.#waitedForJoined = isHeld;
    return isHeld;
  }
}

/** Options that only this library gives. */
export interface SegmentsOptions extends OpenStoreOptions {
  /** What the segments are. Default: plain files. */
  readonly kind?: (disk: Disk, directory: string) => SegmentKind;
}

/** How another thread finds the directory of a log. */
export interface SegmentedShare {
  readonly kind: "segmented";
  readonly path: string;
  /** The path as it was given, for messages. */
  readonly name: string;
  readonly segmentSize: number;
  readonly head: number;
  /** Device and inode of the directory. */
  readonly identity: string;
  /** What `JoinedLock.make` said; null: the owner has no lock, and who joins takes none. */
  readonly joined: string | null;
}

/** Segments `first` to `last`; none when `last` is below `first`. */
interface SegmentRange {
  readonly first: number;
  readonly last: number;
}

/** What stands before a dropped segment in the same read is there still: the next read will say so. */
function isDropped(error: unknown): boolean {
  return error instanceof WalError && error.reason === "truncated";
}

interface SegmentPart {
  readonly index: number;
  readonly position: number;
  readonly count: number;
  readonly present: boolean;
}

interface Flight {
  /** Segments that were removed since it began. */
  readonly gone: Set<number>;
  readonly segments: readonly number[];
  /** Whether segments were made or removed. */
  readonly names: boolean;
  /** A blocking flush has done all of it meanwhile; the store may be closed. */
  covered: boolean;
}

/* ---- opening ---- */

interface FoundSegments {
  readonly realDir: string;
  readonly segmentSize: number;
  readonly sizes: Map<number, number>;
  readonly last: number;
  readonly head: number;
  readonly gap: StoreGap | null;
  /** False: another thread has opened the log, and it alone changes the head. */
  readonly isOfOwner?: boolean;
  /** Of one who joined: held. */
  readonly joined?: JoinedLock;
}

/** @internal SegmentedStore.open, with the options that only this library gives. */
export function openSegmentedStore(
  dir: string | URL,
  segmentSize: number = segmentBytesDefault,
  options: SegmentsOptions = {},
): SegmentedStore {
  if (!Number.isSafeInteger(segmentSize) || segmentSize < 1) {
    throw invalidArgument(`segmentSize is a whole number of bytes from 1 on; got ${String(segmentSize)}.`);
  }
  const disk = options.disk ?? nodeDisk;
  const readOnly = options.readOnly ?? false;
  const asked = pathOf(dir);
  try {
    if (!readOnly) ensureDirectoryDurably(disk, asked);
    const realDir = disk.resolve(asked);
    if (disk.stat(realDir).kind === "file") {
      throw invalidArgument(
        `${asked} is a file; a segmented log is a directory. Open a file with Wal.open.`,
        {
          path: asked,
        },
      );
    }
    const directoryFd = disk.openDirectory(realDir);
    try {
      const found = findSegments(disk, realDir, segmentSize);
      return new SegmentedStore(disk, asked, directoryFd, found, options);
    } catch (error) {
      disk.close(directoryFd);
      throw error;
    }
  } catch (error) {
    throw openError(error, asked);
  }
}

/** @internal The store of a log that another thread has shared. Makes nothing, and flushes no name. */
export function attachSegmentedStore(
  share: SegmentedShare,
  disk: Disk = nodeDisk,
  options: SegmentsOptions = {},
): SegmentedStore {
  const { path: realDir, segmentSize, head } = share;
  const joined = joinedLockOf(disk, realDir);
  try {
    if (share.joined !== null) joined.hold(share.joined, share.name);
    const directoryFd = openSharedDirectory(disk, share);
    const nothingYet = { sizes: new Map<number, number>(), last: -1, gap: null };
    const found = { realDir, segmentSize, head, ...nothingYet, isOfOwner: false, joined };
    try {
      return new SegmentedStore(disk, share.name, directoryFd, found, options);
    } catch (error) {
      disk.close(directoryFd);
      throw error;
    }
  } catch (error) {
    joined.close();
    throw openError(error, share.name);
  }
}

function openSharedDirectory(disk: Disk, share: SegmentedShare): number {
  const fd = disk.openDirectory(share.path);
  try {
    if (disk.statOpen(fd).identity !== share.identity) throw replacedError(share.name);
    return fd;
  } catch (error) {
    disk.close(fd);
    throw error;
  }
}

function joinedLockOf(disk: Disk, realDir: string): JoinedLock {
  return new JoinedLock(disk, join(realDir, "joined"));
}

function listSegments(disk: Disk, realDir: string): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const name of disk.list(realDir)) {
    const index = segmentIndexOf(name);
    if (index === null) continue;
    const { kind, size } = disk.stat(join(realDir, name));
    // One that a live writer has removed since the list was made is below its head.
    if (kind === "missing") continue;
    if (kind !== "file") {
      throw corruptDirectory(join(realDir, name), "not-a-file", "has the name of a segment and is no file");
    }
    sizes.set(index, size);
  }
  return sizes;
}

function findSegments(disk: Disk, realDir: string, segmentSize: number): FoundSegments {
  const sizes = listSegments(disk, realDir);
  const indexes = [...sizes.keys()].toSorted((a, b) => a - b);
  const last = indexes.at(-1) ?? -1;
  const head = headOf(disk, realDir, sizes);
  checkSizes(realDir, segmentSize, sizes, indexes);
  const length = last < 0 ? 0 : last * segmentSize + (sizes.get(last) ?? 0);
  if (head > length) {
    throw corruptDirectory(
      join(realDir, "head"),
      "head-past-end",
      `says that the log begins at ${head}, but its segments end at ${length}. ` +
        "Restore the segments that are missing; or remove the marker, if it is what is wrong.",
    );
  }
  checkNoStray(realDir, segmentSize, indexes, head);
  return {
    realDir,
    segmentSize,
    sizes,
    last,
    head,
    gap: firstGap(disk, realDir, segmentSize, sizes, head, last),
  };
}

function headOf(disk: Disk, realDir: string, sizes: ReadonlyMap<number, number>): number {
  const path = join(realDir, "head");
  const marker = readHeadMarker(disk, path);
  if (marker === "absent") return 0;
  if (marker !== "torn") return marker;
  if (sizes.has(0)) return 0;
  throw corruptDirectory(
    path,
    "torn-head",
    "is torn, and segment 0 is gone, so where the log begins is not known. " +
      "Restore it from a copy, or write into it the LSN of a record that you know (8 bytes, little-endian).",
  );
}

function checkSizes(
  realDir: string,
  segmentSize: number,
  sizes: ReadonlyMap<number, number>,
  indexes: readonly number[],
): void {
  for (const index of indexes) {
    const size = sizes.get(index) ?? 0;
    if (size <= segmentSize) continue;
    // The last one may be short: its length says nothing of the size of the others.
    const isLast = index === indexes.at(-1);
    throw wrongSize(join(realDir, segmentName(index)), size, segmentSize, isLast);
  }
}

/** No policy accepts one: the way out is to move the file, by which nothing else is lost. */
function checkNoStray(realDir: string, segmentSize: number, indexes: readonly number[], head: number): void {
  let next = Math.floor(head / segmentSize);
  for (const index of indexes) {
    if (index < next) continue;
    if (index - next > missingSegmentsInRowMax) throw strayError(realDir, segmentSize, index, next);
    next = index + 1;
  }
}

function strayError(realDir: string, segmentSize: number, index: number, next: number): WalError {
  const path = join(realDir, segmentName(index));
  return new WalError(
    "WAL_CORRUPT",
    `${path} has the name of a segment that begins at ${index * segmentSize}, and all ${index - next} segments before it, ` +
      `from ${next * segmentSize} on, are missing: more than any crash leaves. Nothing was changed. If it is no part ` +
      "of this log, move it away, and whatever stands behind it. If segments or the head marker were lost, restore " +
      "them from a copy.",
    { path, reason: "stray-segment", offset: Lsn(next * segmentSize) },
  );
}

/**
 * Several segments, and all but the last of one and the same size that is too short: what a log of
 * another segment size looks like. (A power cut can leave the like, of segments never flushed: the
 * mark tells the two apart.)
 */
function looksLikeAnotherSize(sizes: ReadonlyMap<number, number>, last: number): boolean {
  const others = [...sizes].filter(([index]) => index !== last).map(([, size]) => size);
  return others.length > 1 && others[0] !== 0 && others.every((size) => size === others[0]);
}

function firstGap(
  disk: Disk,
  realDir: string,
  segmentSize: number,
  sizes: ReadonlyMap<number, number>,
  head: number,
  last: number,
): StoreGap | null {
  // Empty segments at the end hold nothing that a gap could stand before.
  let lastWithBytes = last;
  while (lastWithBytes >= 0 && (sizes.get(lastWithBytes) ?? 0) === 0) lastWithBytes--;
  for (let index = Math.floor(head / segmentSize); index < lastWithBytes; index++) {
    const size = sizes.get(index);
    if (size === segmentSize) continue;
    return {
      offset: Math.max(head, index * segmentSize + (size ?? 0)),
      path: join(realDir, segmentName(index)),
      reason:
        size === undefined
          ? "missing-segment"
          : looksLikeAnotherSize(sizes, last)
            ? "segment-size"
            : "short-segment",
      isBeforeZeros: holdOnlyZeros(disk, realDir, sizes, index),
    };
  }
  return null;
}

/** Whether no segment above `index` has a byte that is not zero. Read only where there seems to be a gap. */
function holdOnlyZeros(
  disk: Disk,
  realDir: string,
  sizes: ReadonlyMap<number, number>,
  index: number,
): boolean {
  const above = [...sizes.keys()].filter((each) => each > index).toSorted((a, b) => b - a);
  const chunk = new Uint8Array(
    Math.min(readChunkBytes, Math.max(1, ...above.map((each) => sizes.get(each) ?? 0))),
  );
  return above.every((each) => holdsOnlyZeros(disk, join(realDir, segmentName(each)), chunk));
}

function holdsOnlyZeros(disk: Disk, path: string, chunk: Uint8Array): boolean {
  let fd: number;
  try {
    fd = disk.open(path, "r");
  } catch (error) {
    // A live writer has removed it since.
    if (errnoOf(error) === "ENOENT") return true;
    throw error;
  }
  try {
    for (let at = 0; ; at += chunk.length) {
      const got = readFully(disk, fd, chunk, at);
      if (zerosEnd(chunk, 0, got) < got) return false;
      if (got < chunk.length) return true;
    }
  } finally {
    disk.close(fd);
  }
}

function wrongSize(path: string, size: number, segmentSize: number, isLast: boolean): WalError {
  return corruptDirectory(
    path,
    "segment-size",
    (isLast
      ? `is ${size} bytes long, where no segment may have more than ${segmentSize}. `
      : `is ${size} bytes long, where every segment but the last must have ${segmentSize}. `) +
      (isLast
        ? "Was the log made with a larger segmentSize?"
        : `Was the log made with segmentSize: ${size}?`),
    size,
  );
}

function corruptDirectory(path: string, reason: string, what: string, length?: number): WalError {
  return new WalError("WAL_CORRUPT", `${path} ${what.replace(/(?<![.?])$/, ".")} Nothing was changed.`, {
    path,
    reason,
    length,
    offset: Lsn(0),
  });
}
