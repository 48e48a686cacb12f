/** How numbers are spread, held against a plain sort of all of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Histogram, type HistogramSnapshot } from "#internal/diagnostics/histogram.js";

const scales = [
  { perUnit: 1000, lowestPower: 4, highestPower: 24 },
  { perUnit: 1, lowestPower: 0, highestPower: 16 },
];

const quantiles: readonly (readonly [number, (shot: HistogramSnapshot) => number])[] = [
  [0.5, (shot) => shot.p50],
  [0.9, (shot) => shot.p90],
  [0.99, (shot) => shot.p99],
  [0.999, (shot) => shot.p999],
];

function counted(values: readonly number[], scale = scales[0] as (typeof scales)[0]): HistogramSnapshot {
  const histogram = new Histogram(scale);
  for (const value of values) histogram.record(value);
  return histogram.snapshot();
}

/** What is wrong with a snapshot, if anything. */
function faults(values: readonly number[], shot: HistogramSnapshot, perUnit: number): string[] {
  const found: string[] = [];
  const sorted = [...values].toSorted((a, b) => a - b);
  for (const [quantile, of] of quantiles) {
    const exact = sorted[Math.ceil(quantile * sorted.length) - 1] as number;
    const told = of(shot);
    if (told < exact) found.push(`p${quantile} is ${told}, below ${exact}`);
    if (told > exact * 1.125 + 1 / perUnit) found.push(`p${quantile} is ${told}, far above ${exact}`);
  }
  for (const { le, count } of shot.buckets) {
    const exact = sorted.filter((value) => Math.ceil(value * perUnit) <= le * perUnit).length;
    if (count !== exact) found.push(`${count} are at most ${le}, and ${exact} were counted`);
  }
  if (shot.min !== sorted[0] || shot.max !== sorted.at(-1)) found.push(`from ${shot.min} to ${shot.max}`);
  return found;
}

const value = fc.oneof(
  fc.double({ min: 0, max: 4_000_000, noNaN: true }),
  fc.double({ min: 0, max: 2, noNaN: true }),
  fc.nat(70_000),
  fc.nat(31).map((power) => 2 ** power / 1000),
);

test("quantiles are never too low and at most an eighth too high; buckets, bounds and sum are exact", () => {
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 300 }),
      fc.constantFrom(...scales),
      (values, scale) => {
        const shot = counted(values, scale);
        assert.deepEqual(faults(values, shot, scale.perUnit), []);
        assert.equal(shot.count, values.length);
        const sum = values.reduce((so, each) => so + each, 0);
        assert.deepEqual([shot.sum, shot.mean], [sum, sum / values.length]);
      },
    ),
    { numRuns: 500, seed: 9 },
  );
});

test("the comparison finds quantiles and buckets that are wrong", () => {
  const values = [1, 2, 3, 100];
  const shot = counted(values);
  assert.deepEqual(faults(values, shot, 1000), []);
  assert.match(faults(values, { ...shot, p50: 1.9 }, 1000).join(), /p0.5 is 1.9, below 2/);
  assert.match(faults(values, { ...shot, p999: 120 }, 1000).join(), /far above 100/);
  const off = shot.buckets.map(({ le, count }) => ({ le, count: count + 1 }));
  assert.ok(faults(values, { ...shot, buckets: off }, 1000).length > 0);
});

test("with nothing counted all is zero, and the buckets are there", () => {
  const shot = counted([]);
  const { buckets, ...numbers } = shot;
  assert.deepEqual(new Set(Object.values(numbers)), new Set([0]));
  assert.deepEqual([buckets.length, buckets[0]?.le, buckets.at(-1)?.le], [21, 0.016, 16_777.216]);
});

test("what is out of bounds is counted at the bound: a clock set back, a flush of weeks", () => {
  const shot = counted([-5, 0, 2 ** 40, Infinity]);
  assert.deepEqual([shot.count, shot.min, shot.max, shot.buckets[0]?.count], [4, 0, Infinity, 2]);
  assert.equal(shot.buckets.at(-1)?.count, 2, "only count knows of those above the last bucket");
});

test("a snapshot stays as it was", () => {
  const histogram = new Histogram(scales[1] as (typeof scales)[0]);
  histogram.record(3);
  const before = histogram.snapshot();
  const copy = structuredClone(before);
  histogram.record(5000);
  assert.deepEqual(before, copy);
});
