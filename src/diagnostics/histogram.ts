/**
 * How numbers are spread, in a few kilobytes that never grow.
 *
 *   value  v = ceil(value * perUnit), a whole number of steps       0 ... 2^32 - 1
 *   slot   0            v = 0
 *          1 ... 16     v = 1 ... 16, each its own
 *          then         each doubling in 8 slots of one width: (2^k, 2^k + 2^k/8], ...
 *
 * So a quantile, told as the upper bound of its slot, is never too low and at most one eighth too
 * high; and the count of what is at most a power of two is exact, since each is the bound of a slot.
 * (After HdrHistogram, Gil Tene. Not perf_hooks.createHistogram: that is of Node, tells no buckets that
 * an exporter could use, and knows no zero.)
 *
 * `record` allocates nothing.
 */

/** How many of the values that were counted are at most `le`. */
export interface HistogramBucket {
  readonly le: number;
  /** Cumulative, as Prometheus counts: those of the buckets before are among them. */
  readonly count: number;
}

/** A snapshot: how the values counted so far are spread. All zero while there are none. */
export interface HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Quantiles: never too low, at most one eighth too high. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  /** At the same bounds always, each twice the one before. What is above the last is in `count` alone. */
  readonly buckets: readonly HistogramBucket[];
}

/** What a histogram counts in, and where its buckets are told. */
export interface HistogramScale {
  /** Steps per unit: how finely small values are told apart. */
  readonly perUnit: number;
  /** The bounds of the buckets, in steps: from 2 to this power, up to 2 to that one. */
  readonly lowestPower: number;
  readonly highestPower: number;
}

const stepsMax = 2 ** 32 - 1;
const exactSteps = 16;
const exactPower = 4;
const slotsPerDoubling = 8;
const slotCount: number = 1 + exactSteps + (32 - exactPower) * slotsPerDoubling;

/** The slot of a whole number of steps. */
function slotOf(steps: number): number {
  if (steps <= exactSteps) return steps;
  const below = steps - 1;
  const power = 31 - Math.clz32(below);
  return 1 + exactSteps + (power - exactPower) * slotsPerDoubling + ((below >>> (power - 3)) & 7);
}

/** The largest number of steps that is counted in a slot. */
function boundOf(slot: number): number {
  if (slot <= exactSteps) return slot;
  const from = slot - 1 - exactSteps;
  const power = exactPower + Math.floor(from / slotsPerDoubling);
  return (slotsPerDoubling + (from % slotsPerDoubling) + 1) * 2 ** (power - 3);
}

export class Histogram {
  readonly #scale: HistogramScale;
  readonly #slots: Float64Array = new Float64Array(slotCount);
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = 0;

  constructor(scale: HistogramScale) {
    this.#scale = scale;
  }

  /** Counts a value; one below 0, as a clock gives that was set back, as 0. */
  record(value: number): void {
    const counted = value > 0 ? value : 0;
    const slot = slotOf(Math.min(Math.ceil(counted * this.#scale.perUnit), stepsMax));
    (this.#slots[slot] as number)++;
    this.#count++;
    this.#sum += counted;
    if (counted < this.#min) this.#min = counted;
    if (counted > this.#max) this.#max = counted;
  }

  snapshot(): HistogramSnapshot {
    const count = this.#count;
    const [p50, p90, p99, p999] = this.#quantiles([0.5, 0.9, 0.99, 0.999]) as [
      number,
      number,
      number,
      number,
    ];
    return {
      count,
      sum: this.#sum,
      min: count === 0 ? 0 : this.#min,
      max: this.#max,
      mean: count === 0 ? 0 : this.#sum / count,
      p50,
      p90,
      p99,
      p999,
      buckets: this.#buckets(),
    };
  }

  /** @param asked Ascending. */
  #quantiles(asked: readonly number[]): number[] {
    let slot = -1;
    let counted = 0;
    return asked.map((quantile) => {
      if (this.#count === 0) return 0;
      const rank = Math.ceil(quantile * this.#count);
      while (counted < rank) counted += this.#slots[++slot] as number;
      return Math.min(Math.max(boundOf(slot) / this.#scale.perUnit, this.#min), this.#max);
    });
  }

  #buckets(): HistogramBucket[] {
    const { perUnit, lowestPower, highestPower } = this.#scale;
    const buckets: HistogramBucket[] = [];
    let slot = 0;
    let count = 0;
    for (let power = lowestPower; power <= highestPower; power++) {
      const last = slotOf(2 ** power);
      for (; slot <= last; slot++) count += this.#slots[slot] as number;
      buckets.push({ le: 2 ** power / perUnit, count });
    }
    return buckets;
  }
}
