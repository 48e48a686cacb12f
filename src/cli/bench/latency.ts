/** How long operations took, as their percentiles: of a mean alone nobody learns what the slowest wait for. */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Microseconds. */
export interface Latency {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

const nanosecondsMax = 3_600_000_000_000;

export class LatencyMeter {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: nanosecondsMax,
    figures: 3,
  });

  get count(): number {
    return this.#histogram.count;
  }

  /** @param milliseconds As `performance.now()` counts them. */
  add(milliseconds: number): void {
    this.#histogram.record(Math.min(nanosecondsMax, Math.max(1, Math.round(milliseconds * 1e6))));
  }

  latency(): Latency {
    const at = (percentile: number): number => microseconds(this.#histogram.percentile(percentile));
    const { mean, max, count } = this.#histogram;
    if (count === 0) return { mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
    return {
      mean: microseconds(mean),
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: microseconds(max),
    };
  }
}

function microseconds(nanoseconds: number): number {
  return Math.round(nanoseconds / 10) / 100;
}
