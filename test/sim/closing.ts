/** The end of a process that closes its log. */
import { type Wal, WalError } from "wal-db";
import type { Situation } from "./situation.ts";
import type { Answers } from "./answers.ts";
import type { LiveLog } from "./live-log.ts";

export class Closing {
  readonly #at: Situation;
  readonly #answers: Answers;
  readonly #live: LiveLog;

  constructor(at: Situation, answers: Answers, live: LiveLog) {
    this.#at = at;
    this.#answers = answers;
    this.#live = live;
  }

  async close(wal: Wal, blocking: boolean): Promise<void> {
    this.#at.closing = true;
    let closed: { readonly error: unknown } | { readonly value: unknown };
    if (blocking) {
      try {
        closed = { value: wal.closeBlocking() };
      } catch (error) {
        closed = { error };
      }
    } else closed = await this.#answers.awaited("close", wal.close());
    await this.#answers.settle();
    if (this.#at.isDown) return;
    if ("error" in closed) this.#at.checkError("close", closed.error);
    const whole =
      !("error" in closed) && wal.durable === wal.end && !this.#at.poisoned && !this.#at.model.isBeingCut;
    if (!whole && !this.#at.faulty) this.#at.report(`closed, with ${wal.durable} of ${wal.end} durable`);
    if (!this.#at.machine.hasLied && this.#at.model.mayBegin(wal.head) && wal.head > this.#at.model.head)
      this.#live.dropped(wal.head);
    if (whole) this.#at.model.closed();
    else {
      this.#at.model.crashed("kill");
      this.#at.crashedSince = true;
    }
    this.#at.leave();
  }

  /** Where the hook fails, it says how; or the log is closed first. */
  awaitArchive(wal: Wal): void {
    const failed = (error: unknown): void => {
      if (error instanceof WalError && error.code === "WAL_CLOSED") return;
      if (wal.stats().archive?.failures === 0)
        this.#at.report("archived() failed, and no failure is counted");
    };
    this.#answers.track("archived", wal.archived(), () => {}, failed, ["WAL_IO", "WAL_CLOSED"]);
  }
}
