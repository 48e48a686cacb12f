/**
 * What a follower is given, held against the log: each record that comes, once, in order; a cut under
 * it told, at its place; and nothing else.
 *
 * One record may be under way when a cut comes: taken from the log before it, and given after it.
 */
import type { WalError, WalRecord } from "wal-db";
import type { Model } from "./model.ts";

const none = Number.POSITIVE_INFINITY;

export class Followed {
  readonly iterator: AsyncIterableIterator<WalRecord>;
  readonly until: "appended" | "durable";
  hasEnded = false;
  /** Calls of `next` that are not answered. */
  asked = 0;
  /** Where the next record must begin. */
  #at: number;
  /** The lowest cut that it was not told of. */
  #cut = none;
  /** A cut that it need not be told of, and may: what was under way was of before it or of after. */
  #doubtful = none;
  #underWay = false;

  constructor(iterator: AsyncIterableIterator<WalRecord>, from: number, until: "appended" | "durable") {
    this.iterator = iterator;
    this.#at = from;
    this.until = until;
  }

  /** The log was cut at `end`. */
  cut(end: number): void {
    this.#cut = Math.min(this.#cut, end);
    this.#underWay ||= this.asked > 0;
  }

  /** Null, or what is wrong with it. */
  given(record: WalRecord, model: Model, durable: number): string | null {
    const { lsn, next } = record;
    const [at, cut, underWay] = [this.#at, this.#cut, this.#underWay];
    if (lsn !== at) return `a follower at ${at} was given the record at ${lsn}`;
    this.#underWay = false;
    this.#at = next;
    if (cut < at)
      return underWay ? null : `a follower at ${at} was given more, and not told of the cut at ${cut}`;
    if (this.until === "durable" && next > durable && !underWay) {
      return `a follower of what is durable was given ${lsn}, past ${durable}`;
    }
    const wanted = model.records.find((each) => each.lsn === lsn);
    if (wanted?.text === textOf(record.data)) {
      this.#doubtful = cut;
      this.#cut = none;
      return null;
    }
    // Dropped meanwhile it can no longer be looked up; cut off meanwhile, it will be told.
    if (lsn < model.head || (underWay && cut < next)) return null;
    return `a follower was given another record at ${lsn} than the log has`;
  }

  /** Null: the error was one that it had to get. */
  told(error: WalError, model: Model): string | null {
    if (error.reason !== "truncated") return `a follower at ${this.#at} was told ${error.message}`;
    if (this.#at < model.head) {
      this.hasEnded = true;
      return null;
    }
    const lowest = Math.min(this.#cut, this.#doubtful);
    if (lowest >= this.#at || (error.offset !== this.#cut && error.offset !== lowest)) {
      return `a follower at ${this.#at}, with the lowest cut at ${lowest}, was told of one at ${error.offset}`;
    }
    this.#at = error.offset;
    this.#cut = none;
    this.#doubtful = none;
    this.#underWay = false;
    return null;
  }
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
