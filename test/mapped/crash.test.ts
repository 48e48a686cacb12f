/**
 * The crash points of test/truncation/crash.test.ts, with mapped segments: both truncations, the making of
 * segments, the head and the cut at close, stopped at every call on a simulated disk and at every write
 * through a map, killed or the power cut; then opened, stopped once more in that, and opened again. The
 * log is as it was before or as it was to be after, never another. No write goes through a map that is gone,
 * or of a file that was cut.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkScenario, scenarios } from "../support/cut-checks.ts";
import { library } from "../support/library.ts";
import { mappedLibrary } from "../support/mapped-library.ts";
import { busErrors } from "../support/simulated-map.ts";

const seeds = process.env["WAL_DB_LONG"] === "1" ? 60 : 2;

for (const { segmentSizes, ...rest } of scenarios) {
  const scenario = { ...rest, segmentSizes: segmentSizes.filter((size) => size !== null) };
  test(`stopped at any call: ${scenario.name}`, async () => {
    const stops = await checkScenario(mappedLibrary(library, 0), scenario, seeds);
    assert.ok(stops > 30 * scenario.segmentSizes.length, `only ${stops} stops`);
    assert.deepEqual(busErrors, []);
  });
}
