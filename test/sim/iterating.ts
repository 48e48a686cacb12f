/** Iterating, blocking and not. */
import { textOf, Followed } from "./followed.ts";
import type { SimRecord } from "./model.ts";
import type { OpOf } from "./program.ts";
import type { Wal, WalError } from "wal-db";
import type { Situation } from "./situation.ts";
import type { Answers } from "./answers.ts";

export class Iterating {
  readonly #at: Situation;
  readonly #answers: Answers;

  constructor(at: Situation, answers: Answers) {
    this.#at = at;
    this.#answers = answers;
  }

  iterate(wal: Wal, op: OpOf<"iterate">): void {
    const from = this.#at.recordAt(op.from)?.lsn ?? this.#at.model.end;
    const expected = this.#at.model.records.filter(({ lsn }) => lsn >= from);
    if (op.ahead) return this.#answers.track("iterate", this.#readAhead(wal, from, expected), () => {});
    const got: SimRecord[] = [];
    const all = this.#at.tried("iter", () => {
      for (const record of wal.iter({ from: from as never }))
        got.push({ lsn: record.lsn, text: textOf(record.data) });
    });
    if (all) this.#checkRead(got, expected, true);
  }

  async #readAhead(wal: Wal, from: number, expected: readonly SimRecord[]): Promise<void> {
    const got: SimRecord[] = [];
    let lowest = Number.POSITIVE_INFINITY;
    const drops = this.#at.drops;
    const watcher = new Followed(null as never, 0, "appended");
    watcher.cut = (end) => {
      lowest = Math.min(lowest, end);
    };
    this.#at.followers.push(watcher);
    watcher.hasEnded = true;
    try {
      for await (const record of wal.iter({ from: from as never }))
        got.push({ lsn: record.lsn, text: textOf(record.data) });
    } catch (error) {
      // Dropped also where that failed half-way and is not seen yet: the head is further.
      const dropped = drops !== this.#at.drops || wal.head > this.#at.model.head;
      const cutOrDropped = lowest < Number.POSITIVE_INFINITY || dropped;
      const truncated = error instanceof Error && (error as WalError).reason === "truncated";
      this.#checkRead(got, expected, false);
      if (truncated && cutOrDropped) return;
      throw error;
    }
    this.#checkRead(got, expected, lowest === Number.POSITIVE_INFINITY);
  }

  #checkRead(got: readonly SimRecord[], expected: readonly SimRecord[], all: boolean): void {
    if (this.#at.isDown) return;
    if (this.#at.machine.hasLied) {
      for (const { lsn, text } of got)
        if (!this.#at.model.knows(text)) this.#at.report(`invented: the record at ${lsn}`);
      return;
    }
    const wrong = got.findIndex(({ lsn, text }, i) => expected[i]?.lsn !== lsn || expected[i]?.text !== text);
    if (wrong >= 0)
      this.#at.report(`reading gave the record at ${got[wrong]?.lsn}, not ${expected[wrong]?.lsn}`);
    else if (all && got.length !== expected.length)
      this.#at.report(`reading gave ${got.length} records of ${expected.length}`);
  }
}
