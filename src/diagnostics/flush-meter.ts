/** How long flushes take, and how many callers share one: of those that one thread makes. */
import { Histogram } from "./histogram.ts";

/** Milliseconds, from anywhere. */
export type Clock = () => number;

/** Looked up at each call, so that a test can put a clock of its own in its place. */
const systemClock: Clock =
  typeof performance === "object" ? (): number => performance.now() : (): number => Date.now();

export class FlushMeter {
  /** Milliseconds, in steps of a microsecond; buckets from 16 microseconds to 16.8 seconds. */
  readonly latency: Histogram = new Histogram({ perUnit: 1000, lowestPower: 4, highestPower: 24 });
  readonly groupSize: Histogram = new Histogram({ perUnit: 1, lowestPower: 0, highestPower: 16 });
  readonly #clock: Clock;
  /** Two at most: a blocking one beside another. */
  #underWay = 0;
  #since = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock();
  }

  /** The time, to be given to `end`. */
  begin(): number {
    const now = this.#clock();
    if (this.#underWay++ === 0) this.#since = now;
    return now;
  }

  /** How long it took, in milliseconds. */
  end(begun: number, callers: number): number {
    this.#underWay--;
    const duration = this.#clock() - begun;
    this.latency.record(duration);
    this.groupSize.record(callers);
    return duration;
  }

  /** For how long the oldest one that has not ended has been under way; null when there is none. */
  get underWayMs(): number | null {
    return this.#underWay === 0 ? null : this.#clock() - this.#since;
  }
}
