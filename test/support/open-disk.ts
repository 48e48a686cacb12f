import { MemStore, type NamedFile, type StoreSide } from "wal-db";
import { Mark } from "#internal/recovery/mark.js";

/** A small file in memory. */
class SmallFile implements NamedFile {
  bytes: Uint8Array = new Uint8Array(0);
  fails: Error | null = null;

  read(): Uint8Array {
    if (this.fails !== null) throw this.fails;
    return this.bytes.slice();
  }

  write(offset: number, bytes: Uint8Array): void {
    const grown = new Uint8Array(Math.max(this.bytes.length, offset + bytes.length));
    grown.set(this.bytes);
    grown.set(bytes, offset);
    this.bytes = grown;
  }

  flush(): void {}
  remove(): void {}
  close(): void {}
}

/**
 * What two processes share: the bytes of a log and the files beside it. Each process has a store of
 * its own; the test plays the writer by hand, and the file system that tells the reader of changes.
 */
export class OpenDisk extends MemStore {
  readonly markFile = new SmallFile();
  readonly cutsFile = new SmallFile();
  readonly watchers = new Set<() => void>();
  /** Called before each look of the reader. */
  onRefresh: (() => void) | null = null;
  canWatch = true;
  override readonly side: StoreSide = {
    mark: this.markFile,
    named: () => this.cutsFile,
    refresh: () => this.onRefresh?.(),
    watch: (changed) => {
      if (!this.canWatch) throw new Error("ENOSPC: no more watches");
      this.watchers.add(changed);
      return () => this.watchers.delete(changed);
    },
  };

  tell(): void {
    for (const changed of this.watchers) changed();
  }

  /** Writes and tells. */
  put(offset: number, bytes: Uint8Array): void {
    this.writeAt(offset, bytes);
    this.tell();
  }

  cut(length: number): void {
    this.truncate(length);
    this.tell();
  }

  raiseMark(lsn: number): void {
    new Mark(this.markFile).raise(lsn as never);
    this.tell();
  }
}
