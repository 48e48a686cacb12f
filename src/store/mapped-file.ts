/**
 * The file of a segment, written through a map of all of it, read by system calls.
 *
 *        file    |== records ==|== zeros, allocated ===================|
 *        map     |=====================================================|
 *        touched |== records ==|== ahead ==|
 *
 * It is made as long as a segment, every block of it allocated, before it is mapped; so a write through
 * the map needs no room. It is unmapped before it is cut, and mapped anew for the next write. Where other
 * threads have it mapped as well, they let go of it before they write again (JoinedLog.cuts).
 *
 * Reads do not use the map: a block that the disk cannot read is an error of read(2), and the end of the
 * process (SIGBUS) for whoever touches it in memory. Both show the same page cache. A write touches pages
 * that were never written, which need not be read, and the one that the last record ends in: that one is
 * read by a system call before the first write, so that a bad block there is an error too.
 */
import { WalError } from "../errors.ts";
import { mappedCopyBytesMax, prefaultBytesMax, prefaultBytesMin } from "../limits.ts";
import type { Disk } from "./disk.ts";
import type { Mapper, MemoryMap } from "./memory-map.ts";
import { PositionedFile } from "./positioned-file.ts";
import type { SegmentFile, SegmentKind } from "./segment-files.ts";

/** A page of memory, of any system that this runs on, is at most so long. */
const pageBytesMax = 65_536;

/** Segments that are mapped; `bytes` long each. */
export class MappedSegments implements SegmentKind {
  readonly reserves = true;
  readonly bytes: number;
  readonly disk: Disk;
  readonly mapper: Mapper;
  #shared = false;

  constructor(disk: Disk, mapper: Mapper, bytes: number) {
    this.disk = disk;
    this.mapper = mapper;
    this.bytes = bytes;
  }

  /** Whether other threads write to the same files: what failed here may be in use there. */
  get isShared(): boolean {
    return this.#shared;
  }

  share(): void {
    this.#shared = true;
  }

  open(path: string): SegmentFile {
    return new MappedFile(this, PositionedFile.open(this.disk, path, "r+"));
  }

  create(path: string): SegmentFile {
    const file = new MappedFile(this, PositionedFile.create(this.disk, path));
    try {
      file.makeRoom();
      return file;
    } catch (error) {
      file.close();
      if (!this.#shared) this.disk.remove(path);
      throw error;
    }
  }
}

class MappedFile implements SegmentFile {
  readonly #segments: MappedSegments;
  readonly #file: PositionedFile;
  #map: MemoryMap | null = null;
  /** Written through the map, and not handed to the file since. */
  #unpushed = false;
  /** Where the last write ended; where it did when the last flush began. */
  #end = 0;
  #flushedEnd = 0;
  /** Pages are touched up to `#touched`; more are when a write ends past `#touchAt`. */
  #touched = 0;
  #touchAt = 0;

  constructor(segments: MappedSegments, file: PositionedFile) {
    this.#segments = segments;
    this.#file = file;
  }

  get isInPlace(): boolean {
    return this.#file.isInPlace;
  }

  writeAt(position: number, bytes: Uint8Array): void {
    const map = this.#map ?? this.#mapFrom(position);
    if (bytes.length >= mappedCopyBytesMax) {
      this.#writeByCall(position, bytes);
      return;
    }
    map.write(position, bytes);
    this.#unpushed = true;
    this.#end = position + bytes.length;
    if (this.#end > this.#touchAt) this.#touchAhead(map);
  }

  rewriteAt(position: number, bytes: Uint8Array): void {
    this.#file.writeAt(position, bytes);
  }

  /** Into the same pages, many in one call; and pages that are written so are not touched ahead. */
  #writeByCall(position: number, bytes: Uint8Array): void {
    this.#file.writeAt(position, bytes);
    const end = position + bytes.length;
    const skipped = end - this.#end;
    this.#end = end;
    this.#flushedEnd += skipped;
    this.#touchAt = Math.max(this.#touchAt + skipped, end + prefaultBytesMin);
  }

  readAt(position: number, into: Uint8Array): number {
    return this.#file.readAt(position, into);
  }

  readAhead(position: number, into: Uint8Array): Promise<number> {
    return this.#file.readAhead(position, into);
  }

  makeRoom(): void {
    if (this.#map === null) this.#mapFrom(0);
  }

  truncate(length: number): void {
    // As long as a segment is what it is when it is mapped.
    if (this.#map !== null && length === this.#segments.bytes) return;
    this.#unmap();
    this.#file.truncate(length);
  }

  async flush(): Promise<void> {
    this.#beginFlush();
    const map = this.#segments.mapper.pushes ? this.#map : null;
    await this.#file.flush(map === null ? undefined : () => map.push());
    this.#checkWhole();
  }

  flushBlocking(): void {
    this.#beginFlush();
    if (this.#segments.mapper.pushes) this.#map?.pushBlocking();
    this.#file.flushBlocking();
    this.#checkWhole();
  }

  settle(): void {
    if (!this.#unpushed || !this.#segments.mapper.pushes) this.#unmap();
  }

  close(): void {
    try {
      this.#unmap();
    } finally {
      this.#file.close();
    }
  }

  #mapFrom(position: number): MemoryMap {
    const { mapper, bytes } = this.#segments;
    this.#reserve();
    this.#file.readAt(position - (position % pageBytesMax), new Uint8Array(Math.min(pageBytesMax, bytes)));
    this.#map = mapper.map(this.#file.descriptor, bytes);
    this.#flushedEnd = position;
    this.#touched = 0;
    this.#touchAt = position + prefaultBytesMin;
    return this.#map;
  }

  /** Room for the whole of it; where there is none, what was taken of it is given back. */
  #reserve(): void {
    const { mapper, bytes, isShared } = this.#segments;
    const before = this.#file.size;
    try {
      mapper.reserve(this.#file.descriptor, bytes);
    } catch (error) {
      // Another thread may have had more luck, and write there by now.
      if (!isShared) this.#file.truncate(before);
      throw error;
    }
  }

  #unmap(): void {
    const map = this.#map;
    if (map === null) return;
    this.#map = null;
    try {
      if (this.#unpushed && this.#segments.mapper.pushes) map.pushBlocking();
    } finally {
      map.unmap();
    }
  }

  /**
   * What another program cuts off under a map is gone, and a write to the rest of the page that the file then
   * ends in goes nowhere, without a signal: no flush may say that it is on the disk. Not asked among threads:
   * one of those may be cutting.
   */
  #checkWhole(): void {
    const { bytes, isShared } = this.#segments;
    if (this.#map === null || isShared) return;
    const { size } = this.#file;
    if (size >= bytes) return;
    const { path } = this.#file;
    throw new WalError(
      "WAL_IO",
      `${path} was cut to ${size} bytes by another program while it was open here: what was written past that may be lost. ` +
        "Open the log again to recover what is there.",
      { path, reason: "cut-while-mapped" },
    );
  }

  #beginFlush(): void {
    this.#unpushed = false;
    this.#flushedEnd = this.#end;
    this.#touchAt = this.#end + prefaultBytesMin;
  }

  /** As far ahead as was written since the last flush: that one writes what was touched, for nothing. */
  #touchAhead(map: MemoryMap): void {
    const run = Math.min(this.#end - this.#flushedEnd, prefaultBytesMax);
    this.#touched = map.prefault(Math.max(this.#touched, this.#end), this.#end + run);
    this.#touchAt = this.#end + ((this.#touched - this.#end) >> 1);
  }
}
