/**
 * What a follower is given, held against the log: each record that comes, once, in order; a cut under
 * it told, at its place; and nothing else.
 */
import type { WalError, WalRecord } from "wal-db";
import type { Model } from "./model.ts";

export class Followed {
  readonly iterator: AsyncIterableIterator<WalRecord>;
  readonly until: "appended" | "durable";
  /** Where the next record must begin. */
  #at: number;
  /** The lowest cut that it was not told of. */
  #cut = Number.POSITIVE_INFINITY;
  hasEnded = false;

  constructor(iterator: AsyncIterableIterator<WalRecord>, from: number, until: "appended" | "durable") {
    this.iterator = iterator;
    this.#at = from;
    this.until = until;
  }

  /** The log was cut at `end`. */
  cut(end: number): void {
    this.#cut = Math.min(this.#cut, end);
  }

  /** Null, or what is wrong with it. */
  given(record: WalRecord, model: Model, durable: number): string | null {
    const { lsn, next } = record;
    if (this.#cut < this.#at)
      return `a follower at ${this.#at} was given ${lsn}, and not told of the cut at ${this.#cut}`;
    this.#cut = Number.POSITIVE_INFINITY;
    if (lsn !== this.#at) return `a follower at ${this.#at} was given the record at ${lsn}`;
    this.#at = next;
    if (this.until === "durable" && next > durable)
      return `a follower of what is durable was given ${lsn}, past ${durable}`;
    // Dropped meanwhile, it can no longer be looked up.
    if (lsn < model.head) return null;
    const wanted = model.records.find((each) => each.lsn === lsn);
    const text = textOf(record.data);
    if (wanted === undefined || wanted.text !== text)
      return `a follower was given another record at ${lsn} than the log has`;
    return null;
  }

  /** Null: the error was one that it had to get. */
  told(error: WalError, model: Model): string | null {
    if (error.reason !== "truncated") return `a follower at ${this.#at} was told ${error.message}`;
    if (this.#at < model.head) {
      this.hasEnded = true;
      return null;
    }
    if (this.#cut >= this.#at || error.offset !== this.#cut) {
      return `a follower at ${this.#at}, with the lowest cut at ${this.#cut}, was told of one at ${error.offset}`;
    }
    this.#at = this.#cut;
    this.#cut = Number.POSITIVE_INFINITY;
    return null;
  }
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
