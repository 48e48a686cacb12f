/**
 * Several calls in one turn, with no look at the log between them: records that `appendAndSync` holds
 * back until the turn is over and writes together, mixed with appends that must come after them.
 *
 * What came of them is read from the log at the end of the turn, or when an append has made the log
 * write what it held back. It must be what was handed over, in that order; where a write failed, any
 * of it may be missing, and whose caller is told that it was refused must be. Each that is acknowledged
 * is there, at its LSN, and on stable storage.
 */
import type { Lsn, Wal, WalError } from "wal-db";
import type { Answers } from "./answers.ts";
import type { Crashing } from "./crashing.ts";
import { bytesOf, textOf } from "./followed.ts";
import { endOf, type SimRecord } from "./model.ts";
import type { OpOf } from "./program.ts";
import type { Situation } from "./situation.ts";
import type { Syncing } from "./syncing.ts";
import type { Texts } from "./texts.ts";

/** A call of the turn, not looked at yet. */
interface Pending {
  readonly texts: readonly string[];
  /** Of `appendAndSync`. */
  readonly promise: Promise<Lsn> | null;
  /** Of an append: where it says that its records are, or why they are not there. */
  readonly got: readonly number[] | { readonly error: unknown } | null;
}

export class Staging {
  readonly #at: Situation;
  readonly #answers: Answers;
  readonly #crashing: Crashing;
  readonly #syncing: Syncing;
  readonly #texts: Texts;
  #pending: Pending[] = [];
  /** Where the first of them must begin, and the faults that were met before it. */
  #from = 0;
  #faultsBefore = 0;

  constructor(at: Situation, answers: Answers, crashing: Crashing, syncing: Syncing, texts: Texts) {
    this.#at = at;
    this.#answers = answers;
    this.#crashing = crashing;
    this.#syncing = syncing;
    this.#texts = texts;
  }

  async turn(wal: Wal, op: OpOf<"staged">): Promise<void> {
    this.#begin();
    for (const { call, sizes } of op.calls) {
      if (call === "sync") this.#sync(wal);
      else this.#call(wal, call, this.#texts.unlike(sizes));
      if (this.#at.isDown) break;
    }
    if (op.ends === "turn") await Promise.resolve();
    if (op.ends === "crash" && !this.#at.isDown) return this.#end(op);
    this.#settle(wal);
  }

  #begin(): void {
    this.#pending = [];
    this.#from = this.#at.model.end;
    this.#faultsBefore = this.#at.machine.faultsMet;
  }

  /** Amid the turn: what was held back is gone with the process. */
  async #end(op: OpOf<"staged">): Promise<void> {
    this.#letGo();
    if (op.crash !== null) this.#crashing.down(op.crash);
    await this.#answers.drain();
  }

  #call(wal: Wal, call: "appendAndSync" | "append" | "batch", texts: readonly string[]): void {
    this.#at.model.beginAppend(texts);
    const payloads = texts.map(bytesOf);
    if (call === "appendAndSync") {
      for (const [i, text] of texts.entries()) {
        const promise = wal.appendAndSync(payloads[i] as Uint8Array);
        this.#pending.push({ texts: [text], promise, got: null });
      }
      return;
    }
    this.#pending.push({ texts, promise: null, got: tried(() => appended(wal, call, payloads)) });
    this.#settle(wal);
    this.#begin();
  }

  #sync(wal: Wal): void {
    const promise = wal.sync();
    this.#settle(wal);
    this.#begin();
    if (this.#at.isDown) void promise.catch(() => {});
    else this.#syncing.track("sync", promise, () => {});
  }

  /** The process ended: nobody is told, and where calls failed before, any of it may be missing. */
  #letGo(): void {
    for (const { promise } of this.#pending) promise?.catch(() => {});
    if (this.#at.machine.faultsMet > this.#faultsBefore) this.#at.model.beganApart(this.#from, this.#handed);
  }

  get #handed(): string[] {
    return this.#pending.flatMap(({ texts }) => texts);
  }

  /** Looks what is there of all that was called, and holds each answer against it. */
  #settle(wal: Wal): void {
    const at: Situation = this.#at;
    // This look writes what is still held back, and may meet a fault, or its end, in it.
    const end = at.isDown ? 0 : lookedAt(wal);
    if (at.isDown) return this.#letGo();
    const found = at.machine.hasLied ? [] : this.#found(wal, end);
    if (at.machine.hasLied) {
      for (const { promise } of this.#pending)
        if (promise !== null) this.#answers.track("appendAndSync", promise, () => {});
      return;
    }
    const placed = this.#placed(found);
    if (found.length < this.#handed.length) at.model.beganApart(this.#from, this.#handed);
    at.model.settled(this.#from, found);
    for (const [i, pending] of this.#pending.entries()) this.#hold(pending, placed[i] ?? null);
  }

  #found(wal: Wal, end: number): SimRecord[] {
    const from = this.#from as Lsn;
    this.#at.insist(end >= from, `appended to, the log ends at ${end}, and ended at ${from}`);
    return this.#at.machine.undisturbed(() =>
      Array.from(wal.iter({ from }), ({ lsn, data }) => ({ lsn, text: textOf(data) })),
    );
  }

  /** Of each call its records in the log, or null: it has none. All that is there must be somebody's. */
  #placed(found: readonly SimRecord[]): (readonly SimRecord[] | null)[] {
    let next = 0;
    const placed = this.#pending.map(({ texts }) => {
      const isThere = texts.every((text, i) => found[next + i]?.text === text);
      if (!isThere) return null;
      next += texts.length;
      return found.slice(next - texts.length, next);
    });
    const at: Situation = this.#at;
    at.insist(
      next === found.length,
      `at ${found[next]?.lsn} stands what was not handed over there in this turn`,
    );
    at.insist(found.length === 0 || !at.poisoned, "an append succeeded on a poisoned log");
    const isAll = placed.every((records) => records !== null);
    at.insist(
      isAll || at.faulty || at.poisoned,
      `of ${this.#handed.length} records of a turn ${found.length} are there`,
    );
    return placed;
  }

  #hold({ promise, got }: Pending, records: readonly SimRecord[] | null): void {
    if (promise !== null) return records === null ? this.#refused(promise) : this.#written(promise, records);
    if (got !== null && "error" in got) {
      this.#at.insist(records === null, "an append threw, and its records are there");
      return this.#at.checkError("append", got.error);
    }
    const lsns = records?.map(({ lsn }) => lsn).join();
    this.#at.insist(
      got?.join() === lsns,
      `appended at ${got?.join()}, and it stands at ${lsns ?? "no place"}`,
    );
  }

  #refused(promise: Promise<Lsn>): void {
    this.#answers.track("appendAndSync", promise, (lsn) =>
      this.#at.report(`acknowledged at ${lsn}, and not there`),
    );
  }

  #written(promise: Promise<Lsn>, records: readonly SimRecord[]): void {
    const [record] = records;
    if (record === undefined) return;
    const check = (lsn: Lsn): void => {
      if (lsn !== record.lsn && !this.#at.machine.hasLied)
        this.#at.report(`appendAndSync answered ${lsn}, and the record stands at ${record.lsn}`);
    };
    const failed = (error: unknown): void => {
      if ((error as WalError).code === "WAL_IO" && !this.#at.machine.hasLied)
        this.#at.report(`the record at ${record.lsn} was refused and is there`);
    };
    this.#syncing.track("appendAndSync", promise, check, endOf(record), failed);
  }
}

function appended(wal: Wal, call: "append" | "batch", payloads: readonly Uint8Array[]): number[] {
  return call === "batch" ? wal.appendBatch(payloads) : payloads.map((payload) => wal.append(payload));
}

function tried(call: () => number[]): readonly number[] | { readonly error: unknown } {
  try {
    return call();
  } catch (error) {
    return { error };
  }
}

function lookedAt(wal: Wal): number {
  return wal.end;
}
