/**
 * Every way in which a power cut can end, one after the other: of what was not flushed each write, cut
 * and change of a name kept or lost, in every combination; and of each combination the forms in which
 * one of its writes is torn (its front, its end, or a piece left out, at one place, with and without
 * the room for the rest), or left its room and no bytes.
 */
import type { Chooser, SimulatedDisk } from "wal-db/testing";
import type { Ending } from "./simulated-log.ts";

/** What SimulatedFile asks of a change: of ten, below 4 kept, below 7 lost, below 9 torn, else only room. */
const fates = { of: 10, kept: 0, lost: 4, torn: 7, room: 9 } as const;

interface Choice {
  readonly options: readonly number[];
  at: number;
}

export class EveryChoice implements Chooser {
  readonly #choices: Choice[] = [];
  #asked = 0;
  #hasTorn = false;

  next(below: number): number {
    const known = this.#choices[this.#asked];
    const choice = known ?? { options: this.#optionsOf(below), at: 0 };
    if (known === undefined) this.#choices.push(choice);
    this.#asked++;
    const chosen = choice.options[choice.at] as number;
    if (below === fates.of && chosen >= fates.torn) this.#hasTorn = true;
    return chosen;
  }

  /** To the next combination; false when there was none that has not been. */
  advance(): boolean {
    this.#asked = 0;
    this.#hasTorn = false;
    for (;;) {
      const last = this.#choices.at(-1);
      if (last === undefined) return false;
      if (++last.at < last.options.length) return true;
      this.#choices.pop();
    }
  }

  /** Each in full where there are few; of the places where a write can be torn, one. */
  #optionsOf(below: number): readonly number[] {
    if (below === fates.of) {
      const whole = [fates.kept, fates.lost];
      return this.#hasTorn ? whole : [...whole, fates.torn, fates.room];
    }
    return below <= 3 ? Array.from({ length: below }, (_, i) => i) : [below >> 1];
  }
}

export interface Tried {
  /** Calls that were stopped at. */
  stops: number;
  /** Power cuts, each another. */
  crashes: number;
  /** Stops of which not every power cut was tried. */
  bounded: number;
}

/**
 * Stops at each call, and there tries every power cut, `crashesMax` at most.
 *
 * @param runAt Runs from the beginning, stops at that call, ends so, and checks; false: there is no such call.
 */
export async function tryEvery(
  crashesMax: number,
  runAt: (stopAt: number, ending: Ending) => boolean | Promise<boolean>,
): Promise<Tried> {
  const tried: Tried = { stops: 0, crashes: 0, bounded: 0 };
  for (let stopAt = 1; ; stopAt++) {
    const every = new EveryChoice();
    let crashes = 0;
    for (let more = true; more; more = every.advance()) {
      if (crashes === crashesMax) {
        tried.bounded++;
        break;
      }
      if (!(await runAt(stopAt, endingBy(every, crashes)))) return tried;
      crashes++;
    }
    tried.stops++;
    tried.crashes += crashes;
  }
}

/** The first end is the one that is chosen; a second, during recovery, is a kill. */
function endingBy(every: EveryChoice, number: number): Ending {
  let ended = false;
  const apply = (sim: SimulatedDisk): void => {
    if (ended) sim.kill();
    else sim.crash({ chooser: every, names: "any", tear: "byte" });
    ended = true;
  };
  return { name: `power cut ${number}`, how: "power", apply };
}
