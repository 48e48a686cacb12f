/** Syncs, blocking and not: what they have answered is durable from then on. */
import type { Wal } from "wal-db";
import type { Answers } from "./answers.ts";
import type { Situation } from "./situation.ts";

export class Syncing {
  readonly #at: Situation;
  readonly #answers: Answers;

  constructor(at: Situation, answers: Answers) {
    this.#at = at;
    this.#answers = answers;
  }

  sync(wal: Wal, blocking: boolean): void {
    if (!blocking) return this.track("sync", wal.sync(), () => {});
    const sync = this.#at.model.beginSync();
    try {
      wal.syncBlocking();
    } catch (error) {
      this.#at.model.syncFailed(sync);
      this.#at.checkError("syncBlocking", error);
      return;
    }
    if (this.#at.isDown) return;
    this.#at.insist(!this.#at.poisoned, "a sync succeeded on a poisoned log");
    this.#at.model.synced(sync);
  }

  /** @param target What is durable when the promise resolves. Default: all that is written. */
  track<T>(
    what: string,
    promise: Promise<T>,
    check: (value: T) => void,
    target?: number,
    failed: (error: unknown) => void = () => {},
  ): void {
    const sync = this.#at.model.beginSync(target);
    const wasPoisoned = this.#at.poisoned;
    this.#answers.track(
      what,
      promise,
      (value) => {
        if (wasPoisoned) this.#at.report(`${what} succeeded on a poisoned log`);
        this.#at.model.synced(sync);
        check(value);
      },
      (error) => {
        this.#at.model.syncFailed(sync);
        failed(error);
      },
    );
  }
}
