/**
 * Both truncations, the making of segments and the replacing of the head, stopped at every call on
 * the disk: killed there, or the power cut, with all or any part of what was not flushed lost, names
 * among it; then opened, stopped once more in that, and opened again. The log is as it was before or
 * as it was to be after, never another; what was acknowledged and not cut off is there.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkScenario, scenarios } from "../support/cut-checks.ts";
import { library } from "../support/library.ts";

const seeds = process.env["WAL_DB_LONG"] === "1" ? 60 : 4;

for (const scenario of scenarios) {
  test(`stopped at any call: ${scenario.name}`, async () => {
    const stops = await checkScenario(library, scenario, seeds);
    assert.ok(stops > 30 * scenario.segmentSizes.length, `only ${stops} stops`);
  });
}
