/**
 * What must hold when both truncations, the making of segments and the replacing of the head are
 * stopped at any call on the disk, as a function of the library under test: crash.test.ts runs it on
 * ours, mutations.test.ts on copies that were broken on purpose.
 */
import assert from "node:assert/strict";
import type { Library } from "./library.ts";
import { contentOf, LogDriver, type Step } from "./log-driver.ts";
import { type Ending, endings, openOn, runStopped } from "./simulated-log.ts";
import { logsDisk } from "./logs-disk.ts";

export interface Scenario {
  readonly name: string;
  readonly segmentSizes: readonly (number | null)[];
  readonly before: readonly Step[];
  /** Whether the log is closed, and so synced, and opened again between the two. */
  readonly reopen: boolean;
  readonly during: readonly Step[];
}

const some: readonly Step[] = [
  { do: "batch", sizes: [10, 0, 33, 5] },
  { do: "append", sizes: [21, 3, 40] },
  { do: "sync" },
];

export const scenarios: readonly Scenario[] = [
  {
    name: "truncateAfter",
    segmentSizes: [null, 7, 16, 64, 1000],
    before: some,
    reopen: true,
    during: [
      { do: "truncateAfter", at: 0.4 },
      { do: "appendAndSync", sizes: [30] },
      { do: "append", sizes: [9] },
    ],
  },
  {
    name: "truncateAfter, the other way round",
    segmentSizes: [null, 16],
    before: some,
    reopen: true,
    during: [{ do: "sync" }, { do: "truncateAfter", at: 0.4 }],
  },
  {
    name: "truncateAfter of what was not synced",
    segmentSizes: [null, 7, 64],
    before: [
      { do: "appendAndSync", sizes: [10] },
      { do: "append", sizes: [20, 30, 40] },
    ],
    reopen: false,
    during: [{ do: "truncateAfter", at: 0.5 }, { do: "append", sizes: [60] }, { do: "sync" }],
  },
  {
    name: "truncateAfter in a log that was never synced",
    segmentSizes: [7, 64],
    before: [],
    reopen: false,
    during: [
      { do: "append", sizes: [20, 30, 40] },
      { do: "truncateAfter", at: 0 },
      { do: "append", sizes: [5] },
    ],
  },
  {
    name: "truncateBefore",
    segmentSizes: [null, 7, 16, 64, 1000],
    before: some,
    reopen: true,
    during: [
      { do: "truncateBefore", at: 0.5 },
      { do: "appendAndSync", sizes: [12] },
    ],
  },
  {
    name: "truncateBefore past what was synced, up to the end",
    segmentSizes: [7, 64],
    before: [{ do: "append", sizes: [20, 30, 40] }],
    reopen: false,
    during: [{ do: "truncateBeforeEnd" }, { do: "appendAndSync", sizes: [12, 40] }],
  },
  {
    name: "the head replaced twice, then the end cut",
    segmentSizes: [7, 32],
    before: some,
    reopen: true,
    during: [
      { do: "truncateBefore", at: 0.3 },
      { do: "truncateBefore", at: 0.5 },
      { do: "truncateAfter", at: 0.2 },
      { do: "appendAndSync", sizes: [25] },
    ],
  },
  {
    name: "an append that makes several segments",
    segmentSizes: [7, 16, 50],
    before: [{ do: "appendAndSync", sizes: [10] }],
    reopen: false,
    during: [
      { do: "append", sizes: [100] },
      { do: "sync" },
      { do: "batch", sizes: [40, 40] },
      { do: "sync" },
    ],
  },
  {
    name: "a new log",
    segmentSizes: [null, 7, 50],
    before: [],
    reopen: false,
    during: [{ do: "append", sizes: [60, 20] }, { do: "sync" }, { do: "append", sizes: [30] }],
  },
];

async function runAll(driver: LogDriver, wal: Parameters<LogDriver["run"]>[0], steps: readonly Step[]) {
  for (const [i, step] of steps.entries()) await driver.run(wal, step, i % 2 === 0);
}

/** Stops the scenario at its n-th call; false when it has no more of them. */
export async function crashAt(
  lib: Library,
  scenario: Scenario,
  segmentSize: number | null,
  ending: Ending,
  stopAt: number,
  half: boolean,
): Promise<boolean> {
  const sim = logsDisk();
  const driver = new LogDriver();
  const what = `${scenario.name}, segments of ${segmentSize}, call ${stopAt}${half ? " halfway" : ""}, ${ending.name}`;
  const stopped = await runStopped(sim, stopAt, half, async (disk, arm) => {
    let wal = openOn(lib, disk, segmentSize);
    await runAll(driver, wal, scenario.before);
    if (scenario.reopen) {
      wal.closeBlocking();
      wal = openOn(lib, disk, segmentSize);
    }
    arm();
    await runAll(driver, wal, scenario.during);
    driver.check(wal, what);
  });
  ending.apply(sim, stopAt);
  // Stopped once more, in the recovery; killed or cut off as before.
  await runStopped(sim, 1 + ((stopAt * 5) % 11), half, async (disk, arm) => {
    arm();
    openOn(lib, disk, segmentSize);
  });
  ending.apply(sim, stopAt + 500);

  const wal = openOn(lib, sim, segmentSize);
  driver.model.afterCrash(contentOf(wal), ending.how, what);
  // What open has called durable stays, and the log goes on.
  sim.crash({ keep: "none" });
  const again = openOn(lib, sim, segmentSize);
  driver.check(again, `${what}, and a power cut after the open`);
  assert.equal(again.recovery.damage, null, `${what}: damage that the first open had not repaired`);
  await driver.run(again, { do: "appendAndSync", sizes: [17, 90] }, true);
  sim.crash({ keep: "none" });
  const last = openOn(lib, sim, segmentSize, { onDamage: "refuse" });
  driver.check(last, `${what}, and two more records`);
  return stopped;
}

/** The scenario, stopped at every call in every way. Returns how often it was stopped. */
export async function checkScenario(lib: Library, scenario: Scenario, seeds: number): Promise<number> {
  let stops = 0;
  for (const segmentSize of scenario.segmentSizes) {
    for (const ending of endings(seeds)) {
      for (const half of [false, true]) {
        let stopAt = 1;
        while (await crashAt(lib, scenario, segmentSize, ending, stopAt, half)) stopAt++;
        stops += stopAt - 1;
      }
    }
  }
  return stops;
}
