/** A log whose records are values of one type: each call is that of the log, with a codec in between. */
import { batchOf } from "../arguments.ts";
import type { Codec } from "../codec/codec.ts";
import type { Lsn } from "../lsn.ts";
import type { FollowOptions } from "../read/follow.ts";
import type { IterOptions, RecordIterator } from "../read/iterate.ts";
import type { WalRecord } from "../read/wal-record.ts";
import {
  TypedFollower,
  type TypedRecord,
  typedRecord,
  type TypedRecordIterator,
  TypedWalk,
} from "./typed-walk.ts";

/** What it needs of a log. */
export interface ReadableLog {
  iter(range?: IterOptions): RecordIterator;
  read(lsn: Lsn): WalRecord;
  follow(options?: FollowOptions): AsyncIterableIterator<WalRecord>;
}

/** The way of values into it. */
export interface ValueWriter<T> {
  append(value: T): Lsn;
  appendBatch(values: readonly T[]): Lsn[];
  appendAndSync(value: T): Promise<Lsn>;
  appendAndSyncBlocking(value: T): Lsn;
}

/**
 * A log, its records as values of T. Made by {@link Wal.typed}; it is a view: the log is the same, also for whoever
 * appends bytes to it, and every call is as durable and throws as the call of that name of {@link Wal}.
 *
 * A value is encoded before anything else happens: where the codec throws, the log is unchanged.
 *
 * @example
 * const events = wal.typed(json<Event>());
 * await events.appendAndSync({ kind: "deposit", cents: 500 });
 * for (const { lsn, value } of events) console.log(lsn, value.cents); // 0 500
 */
export class TypedWal<T> implements Iterable<TypedRecord<T>>, AsyncIterable<TypedRecord<T>> {
  readonly #log: ReadableLog;
  readonly #codec: Codec<T>;
  readonly #writer: ValueWriter<T>;

  /** @internal */
  constructor(log: ReadableLog, codec: Codec<T>, writer: ValueWriter<T>) {
    this.#log = log;
    this.#codec = codec;
    this.#writer = writer;
  }

  /**
   * Appends a value and returns its LSN, once its bytes are in the OS page cache.
   *
   * @throws {WalError} as {@link Wal.appendTyped}.
   */
  append(value: T): Lsn {
    return this.#writer.append(value);
  }

  /**
   * Appends values back to back, in one reservation and one write. All are encoded before any is
   * appended: where the codec throws at one of them, none was. Not atomic: a crash may keep the first of them and not
   * the rest; `batch` of `wal-db/codecs` puts several values into one record.
   *
   * @returns The LSN of each, in order.
   * @throws {WalError} as {@link Wal.appendBatch}, and WAL_ENCODING.
   */
  appendBatch(values: Iterable<T>): Lsn[] {
    return this.#writer.appendBatch(batchOf(values));
  }

  /**
   * Appends a value, and resolves with its LSN once it is on stable storage. The value is encoded at
   * once: change it afterwards as you like.
   *
   * @throws {WalError} as {@link Wal.appendAndSync}, and WAL_ENCODING.
   */
  async appendAndSync(value: T): Promise<Lsn> {
    return this.#writer.appendAndSync(value);
  }

  /** As {@link TypedWal.appendAndSync}, blocking the thread until done. */
  appendAndSyncBlocking(value: T): Lsn {
    return this.#writer.appendAndSyncBlocking(value);
  }

  /**
   * The values of {@link Wal.iter}, each with its LSN, and `next`, the LSN behind it.
   *
   * @throws {WalError} from the iterator as {@link Wal.iter}; WAL_ENCODING, `offset` the LSN, when the codec cannot
   *   decode a record: the iterator stands behind it then, and `next()` goes on.
   */
  iter(range?: IterOptions): TypedRecordIterator<T> {
    return new TypedWalk(this.#log.iter(range), this.#codec);
  }

  /**
   * The value at `lsn`.
   *
   * @throws {WalError} as {@link Wal.read}, and WAL_ENCODING.
   */
  read(lsn: Lsn): TypedRecord<T> {
    return typedRecord(this.#log.read(lsn), this.#codec);
  }

  /**
   * The values of {@link Wal.follow}, which goes on past the end.
   *
   * @throws {WalError} as {@link Wal.follow}; WAL_ENCODING, as {@link TypedWal.iter}.
   */
  follow(options?: FollowOptions): AsyncIterableIterator<TypedRecord<T>> {
    return new TypedFollower(this.#log.follow(options), this.#codec);
  }

  /** The same as `iter()`. */
  [Symbol.iterator](): TypedRecordIterator<T> {
    return this.iter();
  }

  /** The same as `iter()`, reading without blocking the thread. */
  [Symbol.asyncIterator](): AsyncIterator<TypedRecord<T>> {
    return this.iter()[Symbol.asyncIterator]();
  }
}
