/**
 * Short programs, stopped at every call, and at each call every power cut that there can be: after
 * ALICE (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014). What is tried, and what
 * is left out, stands in support/every-choice.ts and docs/testing.md; each test says its counts.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { convertAt } from "../support/convert-checks.ts";
import { repairAt, repairs } from "../support/crash-checks.ts";
import { crashAt, type Scenario } from "../support/cut-checks.ts";
import { type Tried, tryEvery } from "../support/every-choice.ts";
import { library } from "../support/library.ts";

const isLong = process.env["WAL_DB_LONG"] === "1";
const crashesMax = isLong ? 20_000 : 60;

const short: readonly Scenario[] = [
  {
    name: "append, sync",
    segmentSizes: [null, 32],
    before: [],
    reopen: false,
    during: [
      { do: "append", sizes: [9] },
      { do: "appendAndSync", sizes: [5] },
      { do: "append", sizes: [3] },
    ],
  },
  {
    name: "a segment turns",
    segmentSizes: [16, 24],
    before: [{ do: "appendAndSync", sizes: [4] }],
    reopen: false,
    during: [{ do: "append", sizes: [12, 20] }, { do: "sync" }],
  },
  {
    name: "the end is cut",
    segmentSizes: [null, 24],
    before: [{ do: "appendAndSync", sizes: [4, 12] }],
    reopen: false,
    during: [
      { do: "append", sizes: [9] },
      { do: "truncateAfter", at: 0.4 },
      { do: "append", sizes: [9] },
    ],
  },
  {
    name: "the front is dropped",
    segmentSizes: [24],
    before: [{ do: "append", sizes: [20, 20] }],
    reopen: true,
    during: [
      { do: "append", sizes: [7] },
      { do: "truncateBefore", at: 0.6 },
      { do: "appendAndSync", sizes: [7] },
    ],
  },
  {
    name: "the head is replaced twice",
    segmentSizes: [16],
    before: [{ do: "append", sizes: [9, 9, 9] }],
    reopen: true,
    during: [{ do: "truncateBefore", at: 0.4 }, { do: "truncateBeforeEnd" }, { do: "append", sizes: [9] }],
  },
];

function tell(t: TestContext, { stops, crashes, bounded }: Tried): void {
  t.diagnostic(`${stops} calls, ${crashes} power cuts; at ${bounded} calls not all there are`);
  assert.ok(stops >= 5 && crashes > stops, `only ${stops} calls and ${crashes} power cuts`);
}

for (const scenario of short) {
  for (const segmentSize of scenario.segmentSizes) {
    const layout = segmentSize === null ? "one file" : `segments of ${segmentSize}`;
    test(`every power cut at every call: ${scenario.name}, ${layout}`, async (t) => {
      tell(
        t,
        await tryEvery(crashesMax, (stopAt, ending) =>
          crashAt(library, scenario, segmentSize, ending, stopAt, false),
        ),
      );
    });
  }
}

for (const repair of repairs()) {
  test(`every power cut at every call of a repair: ${repair.name}`, async (t) => {
    const tried = await tryEvery(crashesMax, (stopAt, ending) =>
      repairAt(library, repair, (sim) => ending.apply(sim, 0), stopAt, false, 1),
    );
    t.diagnostic(`${tried.stops} calls, ${tried.crashes} power cuts, ${tried.bounded} bounded`);
    assert.ok(tried.stops >= 3 && tried.crashes >= tried.stops);
  });
}

for (const [from, to] of [
  [null, 16],
  [16, null],
] as const) {
  test(`every power cut at every call of a conversion: from ${from ?? "one file"} to ${to ?? "one file"}`, async (t) => {
    tell(t, await tryEvery(crashesMax, (stopAt, ending) => convertAt(from, to, ending, stopAt)));
  });
}
