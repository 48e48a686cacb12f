/**
 * The store: where the bytes of a log live. The log frames records and hands out offsets; a store
 * holds bytes and knows nothing of records.
 *
 * What the log promises a store: `writeAt` calls never overlap bytes that were written before and
 * not truncated since, except in recovery, which rewrites what it has just read; no call of any
 * kind comes after `close`; `truncate`, `truncateBefore` and `close` never come while a `writeAt`
 * is under way. While a `flush` is pending, any of `writeAt`, `readAt`, `truncate`,
 * `flushBlocking` and `close` may come.
 */

import { WalError } from "../errors.ts";

/** A byte-addressed, append-only store with an explicit durability barrier. */
export interface WalStore {
  /** End of the stored bytes. */
  readonly length: number;
  /** Lowest offset still present. */
  readonly head: number;
  /** Writes all of `bytes` at `offset`; a gap before it reads as zeros. Throws if it could not. */
  writeAt(offset: number, bytes: Uint8Array): void;
  /** Fills `into` from `offset`; fewer bytes than asked = the store ends there. */
  readAt(offset: number, into: Uint8Array): number;
  /** Discards everything at and after `length`; at the end or beyond, nothing. Durable with the next flush. */
  truncate(length: number): void;
  /** Reclaims what it can below `offset`; returns the new head (0 where it cannot). */
  truncateBefore(offset: number): number;
  /**
   * Resolves once all that was written before the call is on stable storage. A failure is final:
   * the log never asks again, so a store must not swallow one.
   */
  flush(): Promise<void>;
  /** The same, blocking; may come while a `flush` is pending, and must then fail if that one fails. */
  flushBlocking(): void;
  /** Releases what the store holds; a `flush` or `readAhead` under way may still end on its own. */
  close(): void;

  /** The file or directory, named in errors. */
  readonly path?: string | undefined;
  /** As `readAt`, without blocking the thread: what `for await` reads with, where it is there. */
  readonly readAhead?: ((offset: number, into: Uint8Array) => Promise<number>) | undefined;
  /** What stands beside the bytes: see {@link StoreSide}. */
  readonly side?: StoreSide | undefined;
}

/**
 * What a store can keep beside the log's bytes, so that recovery neither loses nor invents.
 * Every part is optional; without it the log does without.
 */
export interface StoreSide {
  /**
   * Takes the kernel's lock on the log, held until `close`.
   *
   * @throws {WalError} WAL_LOCKED when another holds it; WAL_UNSUPPORTED where there is none.
   */
  lock?(): void;
  /**
   * Whether threads that had joined this log, and have outlived the one that opened it, may still write to
   * it. Asked with the lock held, before anything is read, until it says no or the open is given up.
   */
  heldByJoined?(): boolean;
  /** In a store that was opened by a share: this thread writes no more, so the log may be opened again. */
  letGo?(): void;
  /** A few bytes beside the log, whose meaning is the log's own. */
  readonly mark?: MarkFile;
  /**
   * Saves the bytes `[from, to)` under a name of their own, which it returns. Durable on return;
   * saving the same bytes again, after a crash in between, gives the same name.
   */
  quarantine?(from: number, to: number): string;
  readonly segments?: StoreSegments;
  /** Looks at the disk again: for a log that is open with readOnly beside a live writer. */
  refresh?(): void;
  /**
   * Calls `changed` when something may have changed on the disk, for nothing if in doubt, until the
   * returned function is called. Keeps no process alive. Throws where it cannot: then it is polled.
   */
  watch?(changed: () => void): () => void;
  /**
   * The bytes from `from` on, up to `to` where it is given, were written by others, a process before
   * this one or another thread, who may not have flushed them: the next flush speaks for them too.
   */
  assumeUnflushed?(from: number, to?: number): void;
  /**
   * How another thread of this process can open the same bytes: plain data, and memory that is
   * shared. From then on others write too, each through a store of its own, of a kind that this
   * package has: past whatever wraps this one.
   *
   * @param store The store that the log is opened on.
   * @throws {WalError} WAL_UNSUPPORTED when that is not the one whose side this is. Where a wrapper
   *   may be passed by, since it changes no bytes, it says so with a `share` of its own:
   *   `side: { ...inner.side, share: () => inner.side.share?.(inner) }`.
   */
  share?(store: WalStore): unknown;
  /** Called once other threads write too, here and in each store that was opened by a share. */
  join?(log: JoinedLog): void;
  /**
   * The lowest gap, if there is one. Past the mark it is what a power cut can leave, and the log is
   * cut there; below, or where there is no mark, it is loss.
   */
  gap?(): StoreGap | null;
  /** Another small file beside the log, by name: the position of a reader, or of the archive. */
  named?(name: string): NamedFile;
  /** The names of files that stand beside the log. */
  names?(): string[];
}

/** What a store in one of several threads learns of the log. */
export interface JoinedLog {
  /**
   * Another number before the end is cut, and another one after, before anything is written: the files
   * of what lay behind it may be gone, or others.
   */
  cuts(): number;
  /** No thread has written, or will write, at or past here when the log is closed. */
  end?(): number;
  /** To be told of a flush that failed outside of a call to flush. */
  failed(error: unknown): void;
}

/** The parts that a store keeps its bytes in, where there are several and whole ones can go. */
export interface StoreSegments {
  /** Bytes per segment. */
  readonly size: number;
  /** The segments that are there, low to high. */
  list(): StoreSegment[];
  /**
   * Makes `offset` the head, durably. Removes nothing. Where it throws and the store's `head` is
   * `offset` all the same, that is seen and not durable: the log is poisoned.
   */
  setHead(offset: number): void;
  /** Removes segments that end at or below `offset`, low to high; the last one always stays. */
  remove(offset: number): void;
}

export interface StoreSegment {
  readonly path: string;
  /** Offset of its first byte, and the offset after its last. */
  readonly start: number;
  readonly end: number;
}

/** A place where bytes are missing although bytes follow; it reads as zeros. */
export interface StoreGap {
  readonly offset: number;
  readonly path: string;
  /** `segment-size`: every other part is as short as this one, as though parts had another size. */
  readonly reason: "missing-segment" | "short-segment" | "segment-size";
  /** Nothing but zeros follows: room that was set aside, and outlived what stood before it in a power cut. */
  readonly isBeforeZeros: boolean;
}

export interface MarkFile {
  /** All its bytes; empty when there is no such file. Reads anew at each call. */
  read(): Uint8Array;
  /** Writes at an offset, into the page cache; makes the file when it is missing. */
  write(offset: number, bytes: Uint8Array): void;
  /** Flushes the file and its name. */
  flush(): void;
}

const storeMethods = [
  "writeAt",
  "readAt",
  "truncate",
  "truncateBefore",
  "flush",
  "flushBlocking",
  "close",
] as const;

/** Names what keeps a value from being a store, or null. */
export function storeFault(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return `a store is an object; got ${typeof value}`;
  const store = value as Partial<Record<keyof WalStore, unknown>>;
  for (const method of storeMethods) {
    if (typeof store[method] !== "function") return `the store has no method ${method}`;
  }
  return null;
}

export interface NamedFile extends MarkFile {
  /** Removes it, durably. */
  remove(): void;
  close(): void;
}

/**
 * Refuses to share a wrapper: other threads would open what it wraps, and read and write past it.
 *
 * @throws {WalError} WAL_UNSUPPORTED
 */
export function checkUnwrapped(given: WalStore, inner: WalStore): void {
  if (given === inner) return;
  throw new WalError(
    "WAL_UNSUPPORTED",
    "This log cannot be shared: its store wraps another one, whose side it passes on, and other threads would " +
      "write to that one, past the wrapper. Where that is as it should be, give the wrapper's side a `share` that says " +
      "so: share: () => inner.side.share?.(inner).",
    { path: given.path },
  );
}
