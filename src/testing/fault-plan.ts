/** Faults made to order: which call of which kind does something else than its work, how often. */

export interface Fault<Call extends string, Effect> {
  /** The kind of call. */
  readonly call: Call;
  /** The n-th of those that match, counted from when the fault was added, from 1 on. Default 1. */
  readonly nth?: number | undefined;
  /** How many in a row, from the n-th on. Default 1; `Infinity`: all from there on. */
  readonly times?: number | undefined;
  /** What it does. */
  readonly effect: Effect;
}

interface Armed<Call extends string, Effect, F extends Fault<Call, Effect>> {
  readonly fault: F;
  met: number;
}

export class FaultPlan<Call extends string, Effect, F extends Fault<Call, Effect>> {
  #armed: Armed<Call, Effect, F>[] = [];

  add(fault: F): void {
    this.#armed.push({ fault, met: 0 });
  }

  clear(): void {
    this.#armed = [];
  }

  /** Faults that can still strike. */
  get waiting(): number {
    return this.#armed.filter(({ fault, met }) => met < lastOf(fault)).length;
  }

  /** Counts the call, and says what it does instead of its work. Of several faults the first added. */
  meet(call: Call, matches?: (fault: F) => boolean): Effect | undefined {
    if (this.#armed.length === 0) return undefined;
    let effect: Effect | undefined;
    for (const armed of this.#armed) {
      const { fault } = armed;
      if (fault.call !== call || matches?.(fault) === false) continue;
      armed.met++;
      if (armed.met >= (fault.nth ?? 1) && armed.met <= lastOf(fault)) effect ??= fault.effect;
    }
    return effect;
  }
}

function lastOf(fault: { readonly nth?: number | undefined; readonly times?: number | undefined }): number {
  return (fault.nth ?? 1) + (fault.times ?? 1) - 1;
}
