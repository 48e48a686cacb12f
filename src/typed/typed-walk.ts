/**
 * The records of a walk or of a follower as values: each is decoded when it is asked for, and none ahead.
 *
 * A value that cannot be decoded is told to whoever asked for it, and the iterator stands behind its record
 * then: asked again, it goes on. (A `for` loop ends at what it is told; `next` can be called again.)
 */
import type { Codec } from "../codec/codec.ts";
import type { Lsn } from "../lsn.ts";
import type { RecordIterator } from "../read/iterate.ts";
import type { WalRecord } from "../read/wal-record.ts";

/** A record of a typed log. */
export interface TypedRecord<T> {
  /** Where the record begins. */
  readonly lsn: Lsn;
  /** Where the next record begins. */
  readonly next: Lsn;
  readonly value: T;
}

export interface TypedRecordIterator<T>
  extends IterableIterator<TypedRecord<T>>, AsyncIterable<TypedRecord<T>> {
  [Symbol.iterator](): TypedRecordIterator<T>;
}

export class TypedWalk<T> implements TypedRecordIterator<T> {
  readonly #records: RecordIterator;
  readonly #codec: Codec<T>;

  constructor(records: RecordIterator, codec: Codec<T>) {
    this.#records = records;
    this.#codec = codec;
  }

  [Symbol.iterator](): TypedRecordIterator<T> {
    return this;
  }

  next(): IteratorResult<TypedRecord<T>, undefined> {
    return typed(this.#records.next(), this.#codec);
  }

  return(): IteratorResult<TypedRecord<T>, undefined> {
    this.#records.return?.();
    return { done: true, value: undefined };
  }

  /** Goes on from where the iterator stands, reading without blocking the thread. */
  [Symbol.asyncIterator](): AsyncIterableIterator<TypedRecord<T>> {
    return new TypedFollower(this.#records[Symbol.asyncIterator](), this.#codec);
  }
}

/** Over whatever gives records one by one, without blocking. */
export class TypedFollower<T> implements AsyncIterableIterator<TypedRecord<T>, undefined, void> {
  readonly #records: AsyncIterator<WalRecord>;
  readonly #codec: Codec<T>;

  constructor(records: AsyncIterator<WalRecord>, codec: Codec<T>) {
    this.#records = records;
    this.#codec = codec;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<TypedRecord<T>, undefined>> {
    return typed(await this.#records.next(), this.#codec);
  }

  async return(): Promise<IteratorResult<TypedRecord<T>, undefined>> {
    await this.#records.return?.();
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

/** @throws {WalError} WAL_ENCODING when the codec does. */
function typed<T>(
  given: IteratorResult<WalRecord>,
  codec: Codec<T>,
): IteratorResult<TypedRecord<T>, undefined> {
  if (given.done === true) return { done: true, value: undefined };
  return { done: false, value: typedRecord(given.value, codec) };
}

/** @throws {WalError} WAL_ENCODING when the codec does. */
export function typedRecord<T>(record: WalRecord, codec: Codec<T>): TypedRecord<T> {
  return { lsn: record.lsn, next: record.next, value: record.decode(codec) };
}
