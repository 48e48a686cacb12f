/** Promises of the library: each is answered in time, or its process ends. */
import { Stopped } from "./machine.ts";
import type { Situation } from "./situation.ts";

/** So long may anything take that nothing holds up. */
const turnsMax = 2000;

export class Answers {
  readonly #at: Situation;

  constructor(at: Situation) {
    this.#at = at;
  }

  /** Looks after a promise until it settles or the process ends. */
  track<T>(
    what: string,
    promise: Promise<T>,
    done: (value: T) => void,
    failed: (error: unknown) => void = () => {},
    allowed: readonly string[] = [],
  ): void {
    const outstanding = { what, startedPoisoned: this.#at.poisoned };
    const { wal } = { wal: this.#at.wal };
    this.#at.outstanding.add(outstanding);
    const isOurs = (): boolean => this.#at.outstanding.delete(outstanding) && !this.#at.isDown;
    promise.then(
      (value) => {
        if (!isOurs() || wal !== this.#at.wal) return;
        done(value);
      },
      (error: unknown) => {
        if (!isOurs()) return;
        failed(error);
        this.#at.checkError(what, error, allowed);
      },
    );
  }

  async settle(): Promise<void> {
    for (const end of this.#at.endless.splice(0)) end();
    for (let turns = 0; this.#at.outstanding.size > 0; turns++) {
      if (this.#at.isDown || this.#at.finding !== null) return;
      const names = [...this.#at.outstanding].map(({ what }) => what).join(", ");
      this.#at.insist(turns < turnsMax, `never answered: ${names}`);
      await this.#at.clock.turn();
    }
  }

  /** What the process that is gone still had to say, it says to nobody. */
  async drain(): Promise<void> {
    for (let i = 0; i < 3; i++) await this.#at.clock.turn();
    this.#at.clock.forgetAll();
  }

  /** Settles, or the process ended before. */
  async awaited<T>(
    what: string,
    promise: Promise<T>,
  ): Promise<{ readonly value: T } | { readonly error: unknown }> {
    const answers: ({ readonly value: T } | { readonly error: unknown })[] = [];
    promise.then(
      (value) => answers.push({ value }),
      (error: unknown) => answers.push({ error }),
    );
    for (let turns = 0; ; turns++) {
      const [answer] = answers;
      if (answer !== undefined) return answer;
      this.#at.insist(turns < turnsMax, `never answered: ${what}`);
      if (this.#at.isDown && turns > 20) return { error: new Stopped() };
      await this.#at.clock.turn();
    }
  }
}
