/**
 * A segmented log whose segments are written through memory maps: the directory, its names, its head
 * marker, mark and lock are those of segmented-store.ts, and so is all that is decided there. What differs:
 *
 *   a segment       is made at its full length, every block allocated, and mapped (mapped-file.ts)
 *   an append       is a copy into the page cache, without a system call
 *   the next one    is made when the last is half full, in a later turn of the event loop; in a log that
 *                   threads share, by who comes first
 *   disk full       is met when a segment is made, before a byte of the append that needs it is written
 *   close           cuts off what was set aside: the directory is then what SegmentedStore leaves
 *
 * A process that is killed, or a power cut, leaves zeros behind the last record, in its segment and
 * perhaps in one more. Zeros are no record (record/format.ts): recovery finds the end before them, and
 * cuts them off, here and in SegmentedStore alike. The size of a new file may be lost too, if it was not
 * flushed: then it is short where the next is there, past the mark, which is a gap as any power cut leaves.
 *
 * Only what this store has set aside is cut off at close, and only if no flush has failed: a store that
 * looked at the log of another process changes nothing.
 */
import { invalidArgument } from "../errors.ts";
import { mappedSegmentBytesMax, segmentBytesDefault } from "../limits.ts";
import type { Disk } from "./disk.ts";
import { MappedSegments } from "./mapped-file.ts";
import { checkMappable, type Mapper, nativeMapper } from "./memory-map.ts";
import {
  attachSegmentedStore,
  openSegmentedStore,
  type SegmentedShare,
  type SegmentedStore,
  type SegmentsOptions,
} from "./segmented-store.ts";
import { checkUnwrapped, type JoinedLog, type StoreSide, type WalStore } from "./store.ts";

/**
 * A {@link WalStore} over a directory of segment files, preallocated and mapped into memory: an append is
 * a copy into the operating system's page cache, without a system call. On Linux and macOS, 64 bits.
 *
 * What `append` and `sync` promise is what they promise everywhere. The files are those of
 * SegmentedStore with the same segment size: either opens what the other has left, also after a crash.
 * Read docs/mapped.md before you choose it: it takes whole segments of disk at a time, and a disk that
 * fails can end the process.
 *
 * @example
 * const wal = await Wal.withStore(MappedStore.open("log", 16 * 1024 * 1024));
 */
export class MappedStore implements WalStore {
  readonly dir: string;
  readonly segmentSize: number;
  readonly side: StoreSide;
  readonly #segments: SegmentedStore;
  /** Has opened the log, and not joined it: what is set aside is given back by it alone. */
  readonly #isOwner: boolean;
  #joined: JoinedLog | null = null;
  #written = false;
  #flushFailed = false;
  /** A write that ends past here is more than half-way through its segment. */
  #prepareFrom = 0;
  #preparing: NodeJS.Immediate | null = null;

  /**
   * Opens the directory, or makes it; its name is on stable storage on return. Takes no lock: the
   * log does. Sets no room aside before the first write.
   *
   * @param segmentSize Bytes per segment file, the size the log was made with: from 1 byte to 1 GiB.
   *   Default 64 MiB. So much of the disk is taken at a time.
   * @throws {WalError} WAL_UNSUPPORTED on other platforms, runtimes that show no foreign memory, and file
   *   systems that copy on write (btrfs, ZFS, bcachefs); else as SegmentedStore.open: WAL_CORRUPT, WAL_IO,
   *   WAL_INVALID_ARGUMENT. Nothing is changed then.
   */
  static open(dir: string | URL, segmentSize: number = segmentBytesDefault): MappedStore {
    return openMappedStore(dir, segmentSize);
  }

  /** @internal */
  constructor(segments: SegmentedStore, isOwner: boolean) {
    this.#segments = segments;
    this.#isOwner = isOwner;
    this.dir = segments.dir;
    this.segmentSize = segments.segmentSize;
    this.#prepareFrom = this.segmentSize / 2;
    const { side } = segments;
    this.side = {
      ...side,
      share: (store): MappedShare => {
        checkUnwrapped(store, this);
        return { ...(side.share?.(segments) as SegmentedShare), kind: "mapped" };
      },
      join: (log) => {
        this.#joined = log;
        side.join?.(log);
      },
    };
  }

  /** The directory: what errors name. */
  get path(): string {
    return this.dir;
  }

  get length(): number {
    return this.#segments.length;
  }

  get head(): number {
    return this.#segments.head;
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    this.#written = true;
    this.#segments.writeAt(offset, bytes);
    if (offset + bytes.length > this.#prepareFrom) this.#passedHalf(offset + bytes.length);
  }

  readAt(offset: number, into: Uint8Array): number {
    return this.#segments.readAt(offset, into);
  }

  readAhead(offset: number, into: Uint8Array): Promise<number> {
    return this.#segments.readAhead(offset, into);
  }

  truncate(length: number): void {
    // What a write that found no room has left: nothing. The room that is set aside stays so.
    if (this.#joined === null && length >= this.#segments.length) return;
    this.#prepareFrom = 0;
    this.#segments.truncate(length);
    if (this.#written) this.#keepRoom();
  }

  truncateBefore(offset: number): number {
    return this.#segments.truncateBefore(offset);
  }

  async flush(): Promise<void> {
    try {
      await this.#segments.flush();
    } catch (error) {
      this.#flushFailed = true;
      throw error;
    }
  }

  flushBlocking(): void {
    try {
      this.#segments.flushBlocking();
    } catch (error) {
      this.#flushFailed = true;
      throw error;
    }
  }

  close(): void {
    if (this.#preparing !== null) clearImmediate(this.#preparing);
    try {
      this.#trim();
    } finally {
      this.#segments.close();
    }
  }

  #trim(): void {
    if (!this.#isOwner || this.#flushFailed) return;
    // Others have written too, and where the log ends only the log knows.
    const end = this.#joined === null ? this.#segments.length : this.#joined.end?.();
    if (end !== undefined && (this.#written || this.#joined !== null)) this.#segments.trim(end);
  }

  /** A cut has given back room. The log goes on there: on a full disk that room is all it has. */
  #keepRoom(): void {
    try {
      this.#segments.makeRoomAtEnd();
    } catch {
      // As for any write: it asks for room again, and says so if there is none.
    }
  }

  #passedHalf(end: number): void {
    const segment = Math.ceil(end / this.segmentSize) - 1;
    const half = (segment + 0.5) * this.segmentSize;
    this.#prepareFrom = end > half ? half + this.segmentSize : half;
    if (end <= half || this.#preparing !== null || this.#joined !== null) return;
    this.#preparing = setImmediate(() => this.#prepare());
    this.#preparing.unref();
  }

  #prepare(): void {
    this.#preparing = null;
    try {
      this.#segments.prepareNext();
    } catch {
      // No room, perhaps: the append that needs it tries again, and says so.
    }
  }
}

/** How another thread finds the directory of a log. */
export interface MappedShare extends Omit<SegmentedShare, "kind"> {
  readonly kind: "mapped";
}

export interface OpenMappedOptions {
  /** Default: the disk of node:fs. */
  readonly disk?: Disk;
  /** Default: that of the operating system. */
  readonly mapper?: Mapper;
}

/** @internal MappedStore.open, with the options that only this library gives. */
export function openMappedStore(
  dir: string | URL,
  segmentSize: number = segmentBytesDefault,
  options: OpenMappedOptions = {},
): MappedStore {
  if (segmentSize > mappedSegmentBytesMax) {
    throw invalidArgument(
      `segmentSize of a mapped store is at most ${mappedSegmentBytesMax} bytes; got ${String(segmentSize)}.`,
    );
  }
  return new MappedStore(openSegmentedStore(dir, segmentSize, mapped(segmentSize, options)), true);
}

/** @internal The store of a log that another thread has shared. Makes nothing, and flushes no name. */
export function attachMappedStore(share: MappedShare, options: OpenMappedOptions = {}): MappedStore {
  const { disk } = options;
  const segments = attachSegmentedStore(
    { ...share, kind: "segmented" },
    disk,
    mapped(share.segmentSize, options),
  );
  return new MappedStore(segments, false);
}

function mapped(bytes: number, { disk, mapper = nativeMapper() }: OpenMappedOptions): SegmentsOptions {
  return {
    ...(disk === undefined ? {} : { disk }),
    kind: (used, directory) => {
      checkMappable(used, directory);
      return new MappedSegments(used, mapper, bytes);
    },
  };
}
