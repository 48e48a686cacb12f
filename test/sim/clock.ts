/**
 * Time as the simulator tells it: timers fire when it says so, in the order of their times. Whatever
 * waits for a second waits for none, and a run is the same on a busy machine.
 */
interface Timer {
  readonly at: number;
  readonly number: number;
  readonly call: () => void;
}

export class Clock {
  #now = 0;
  #made = 0;
  #timers = new Map<number, Timer>();

  /** Takes the place of the process's timers, for good. */
  install(): void {
    const set = (call: () => void, milliseconds = 0): number => {
      const number = ++this.#made;
      this.#timers.set(number, { at: this.#now + milliseconds, number, call });
      return number;
    };
    const clear = (number: number | undefined): void => {
      if (number !== undefined) this.#timers.delete(number);
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  }

  /** Lets what runs off the thread go on for a turn of the event loop, which takes so long. */
  async turn(milliseconds = 20): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    this.#now += milliseconds;
    for (const timer of [...this.#timers.values()].toSorted((a, b) => a.at - b.at || a.number - b.number)) {
      if (timer.at > this.#now || !this.#timers.delete(timer.number)) continue;
      timer.call();
    }
  }

  forgetAll(): void {
    this.#timers.clear();
  }
}
