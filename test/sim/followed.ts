/**
 * What a follower is given, held against the log: each record that comes, once, in order; a cut under
 * it told, at its place; and nothing else.
 *
 * Answers come a moment after they were taken from the log: of those that were asked for when a cut
 * came, each may still be of before it.
 */
import type { WalError, WalRecord } from "wal-db";
import type { Model } from "./model.ts";

export class Followed {
  readonly iterator: AsyncIterableIterator<WalRecord>;
  readonly until: "appended" | "durable";
  hasEnded = false;
  /** Calls of `next` that are not answered. */
  asked = 0;
  /** Where the next record must begin. */
  #at: number;
  /** The cuts that it may have to be told of, in order. */
  #cuts: number[] = [];
  /** Whether it must be told of one: it has given what was cut off. */
  #mustBeTold = false;
  /** Answers that may be of before the last cut. */
  #underWay = 0;

  constructor(iterator: AsyncIterableIterator<WalRecord>, from: number, until: "appended" | "durable") {
    this.iterator = iterator;
    this.#at = from;
    this.until = until;
  }

  /** The log was cut at `end`. */
  cut(end: number): void {
    this.#cuts.push(end);
    this.#mustBeTold ||= end < this.#at;
    this.#underWay = this.asked;
  }

  /** Null, or what is wrong with it. */
  given(record: WalRecord, model: Model, durable: number): string | null {
    const { lsn, next } = record;
    const at = this.#at;
    const isOld = this.#underWay > 0;
    this.#at = next;
    this.#underWay = Math.max(0, this.#underWay - 1);
    if (lsn !== at) return `a follower at ${at} was given the record at ${lsn}`;
    // Dropped meanwhile, it can no longer be looked up.
    const wanted = model.records.find((each) => each.lsn === lsn);
    const isThere = lsn < model.head || wanted?.text === textOf(record.data);
    if (isOld) {
      this.#mustBeTold ||= !isThere;
      return null;
    }
    if (this.#mustBeTold)
      return `a follower at ${at} was given more, and not told of the cut at ${this.#cuts.join()}`;
    this.#cuts = [];
    if (!isThere) return `a follower was given another record at ${lsn} than the log has`;
    return this.until === "durable" && next > durable
      ? `a follower of what is durable was given ${lsn}, past ${durable}`
      : null;
  }

  /** Null: the error was one that it had to get. */
  told(error: WalError, model: Model): string | null {
    const at = this.#at;
    if (error.reason !== "truncated") return `a follower at ${at} was told ${error.message}`;
    if (at < model.head) {
      this.hasEnded = true;
      return null;
    }
    const cut = this.#cuts.indexOf(error.offset ?? -1);
    if (cut < 0 || (error.offset ?? at) >= at) {
      return `a follower at ${at}, with cuts at ${this.#cuts.join()}, was told of one at ${error.offset}`;
    }
    this.#at = error.offset ?? at;
    this.#cuts = this.#cuts.slice(cut + 1);
    this.#mustBeTold = this.#cuts.some((end) => end < this.#at);
    this.#underWay = Math.max(0, this.#underWay - 1);
    return null;
  }
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
