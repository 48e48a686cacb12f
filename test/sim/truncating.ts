/** Cutting the end, and dropping the front. */
import { endOf, Model } from "./model.ts";
import type { OpOf } from "./program.ts";
import type { Wal } from "wal-db";
import type { Situation } from "./situation.ts";
import type { Answers } from "./answers.ts";
import type { LiveLog } from "./live-log.ts";

export class Truncating {
  readonly #at: Situation;
  readonly #answers: Answers;
  readonly #live: LiveLog;

  constructor(at: Situation, answers: Answers, live: LiveLog) {
    this.#at = at;
    this.#answers = answers;
    this.#live = live;
  }

  truncateAfter(wal: Wal, op: OpOf<"truncateAfter" | "truncateBefore">): void {
    const record = this.#at.recordAt(op.at);
    if (record === undefined) return;
    const lsn = record.lsn as never;
    if (endOf(record) === this.#at.model.end) {
      if (op.blocking) this.#at.tried("truncateAfterBlocking", () => wal.truncateAfterBlocking(lsn));
      else this.#answers.track("truncateAfter", wal.truncateAfter(lsn), () => {});
      return;
    }
    const end = this.#at.model.beginCut(record.lsn);
    // They move down first: a crash on the way leaves them there.
    for (const [name, { position, last }] of this.#at.readers) {
      this.#at.readers.set(name, { position: Math.min(position, end), last });
    }
    let promise: Promise<void> | null = null;
    let succeeded = false;
    if (op.blocking)
      succeeded = this.#at.tried("truncateAfterBlocking", () => wal.truncateAfterBlocking(lsn));
    else promise = wal.truncateAfter(lsn);
    promise?.catch(() => {});
    if (this.#at.isDown) return;
    const made = wal.end === end || this.#at.machine.hasLied;
    const sync = made ? this.#cutMade(end) : null;
    if (!made) this.#at.model.cutRefused();
    if (succeeded && sync === null)
      this.#at.report("truncateAfterBlocking returned, and the log is as it was");
    if (succeeded && sync !== null) this.#at.model.synced(sync);
    if (promise === null) return;
    this.#answers.track("truncateAfter", promise, () => {
      if (sync === null) this.#at.report("truncateAfter resolved, and the log is as it was");
      else this.#at.model.synced(sync);
    });
  }

  #cutMade(end: number): ReturnType<Model["cutMade"]> {
    for (const followed of this.#at.followers) followed.cut(end);
    if (this.#at.layout.segmentSize !== null) this.#at.archived.cut(end, this.#at.layout.segmentSize);
    for (const [name, { position, last }] of this.#at.readers) {
      this.#at.readers.set(name, { position: Math.min(position, end), last: Math.min(last, end) });
    }
    this.#at.durableSeen = Math.min(this.#at.durableSeen, end);
    return this.#at.model.cutMade(end);
  }

  truncateBefore(wal: Wal, op: OpOf<"truncateAfter" | "truncateBefore">): void {
    const { records, end } = this.#at.model;
    const index = Math.floor(op.at * (records.length + 1));
    const lsn = records[index]?.lsn ?? end;
    this.#at.model.beginDrop(this.#at.layout.segmentSize === null ? [] : [lsn]);
    const sync = this.#at.model.beginSync(lsn);
    const done = (head: number): void => {
      this.#at.model.synced(sync);
      if (this.#at.machine.hasLied) return;
      if (wal.head > this.#at.model.head && this.#at.model.mayBegin(wal.head)) this.#live.dropped(wal.head);
      const least = this.#at.layout.segmentSize === null ? 0 : lsn;
      if (head < least || head > wal.head)
        this.#at.report(`truncateBefore(${lsn}) answered ${head}, the head is ${wal.head}`);
    };
    if (op.blocking) {
      let head = 0;
      if (
        this.#at.tried("truncateBeforeBlocking", () => (head = wal.truncateBeforeBlocking(lsn as never))) &&
        !this.#at.isDown
      )
        done(head);
      return;
    }
    // Cut off while it waited for its sync.
    this.#answers.track(
      "truncateBefore",
      wal.truncateBefore(lsn as never),
      done,
      () => this.#at.model.syncFailed(sync),
      ["WAL_CORRUPT"],
    );
  }

  retain(wal: Wal, share: number): void {
    const { records, end, head } = this.#at.model;
    if (this.#at.layout.segmentSize !== null)
      this.#at.model.beginDrop([...records.map(({ lsn }) => lsn), end]);
    const maxBytes = Math.floor(share * (end - head));
    const done = (answer: number): void => {
      if (this.#at.machine.hasLied) return;
      if (wal.head > this.#at.model.head && this.#at.model.mayBegin(wal.head)) this.#live.dropped(wal.head);
      if (answer > wal.head) this.#at.report(`retain answered ${answer}, the head is ${wal.head}`);
    };
    this.#answers.track("retain", wal.retain({ maxBytes }), done, () => {}, ["WAL_CORRUPT"]);
  }
}
