/** Followers, in this process and beside the writer. */
import { textOf, Followed } from "./followed.ts";
import type { OpOf } from "./program.ts";
import type { Wal, WalError } from "wal-db";
import { type Situation, maxRecordSize } from "./situation.ts";
import type { Answers } from "./answers.ts";

export class Following {
  readonly #at: Situation;
  readonly #answers: Answers;

  constructor(at: Situation, answers: Answers) {
    this.#at = at;
    this.#answers = answers;
  }

  follow(wal: Wal, until: "appended" | "durable"): void {
    if (this.#at.followers.length > 4 || this.#at.machine.hasLied) return;
    this.#at.followers.push(new Followed(wal.follow({ until }), wal.head, until));
  }

  next(wal: Wal, times: number): void {
    for (const followed of this.#at.followers) {
      for (let i = 0; i < times && !followed.hasEnded; i++) this.#askNext(wal, followed);
    }
  }

  /** May wait for ever: it is ended when all is to settle. */
  #askNext(wal: Wal, followed: Followed): void {
    const end = (): void => {
      followed.hasEnded = true;
      void followed.iterator.return?.();
    };
    this.#at.endless.push(end);
    const given = async (): Promise<void> => {
      followed.asked++;
      try {
        const { done, value } = await followed.iterator.next();
        if (this.#at.isDown || this.#at.machine.hasLied || this.#at.wal !== wal) return;
        if (done === true) followed.hasEnded = true;
        else this.#at.report(followed.given(value, this.#at.model, wal.durable));
      } catch (error) {
        const isTold =
          error instanceof Error && (error as WalError).code === "WAL_CORRUPT" && !this.#at.machine.hasLied;
        if (!isTold || this.#at.isDown || this.#at.wal !== wal) {
          followed.hasEnded = true;
          throw error;
        }
        this.#at.report(followed.told(error as WalError, this.#at.model));
      } finally {
        followed.asked--;
      }
    };
    this.#answers.track("next of a follower", given(), () => {});
  }

  /** As another process does: what it is given is contiguous, and was appended there. */
  followBeside(op: OpOf<"followBeside">): void {
    if (this.#at.machine.hasLied) return;
    const view = this.#at.machine.undisturbed(() => {
      try {
        return this.#at.lib.open(this.#at.disk, this.#at.layout, { readOnly: true, maxRecordSize }, true);
      } catch (error) {
        this.#at.checkError("open to follow", error);
        return null;
      }
    });
    if (view === null) return;
    let iterator: ReturnType<Wal["follow"]>;
    try {
      iterator = view.follow({ until: op.until });
    } catch (error) {
      return this.#at.checkError("follow beside the writer", error);
    }
    const reading = async (): Promise<void> => {
      // It begins at the head that there is when it looks first.
      let at: number | null = null;
      for (let left = op.records; left > 0; left--) {
        try {
          const { done, value } = await iterator.next();
          if (done === true) break;
          if (this.#at.isDown || this.#at.machine.hasLied) return;
          if (at !== null && value.lsn !== at)
            this.#at.report(`a follower beside the writer stood at ${at} and was given ${value.lsn}`);
          if (!this.#at.model.knows(textOf(value.data)))
            this.#at.report(`invented for a follower: the record at ${value.lsn}`);
          at = value.next;
        } catch (error) {
          const { reason, offset = 0, code } = error as WalError;
          if (code !== "WAL_CORRUPT" || reason !== "truncated") throw error;
          at = offset;
        }
      }
      await view.close();
    };
    this.#at.endless.push(() => void iterator.return?.());
    this.#answers.track("follow beside the writer", reading(), () => {});
  }
}
