/** The mapped store broken on purpose, in one place at a time: its crash points must each time find it out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { copyOfLibrary } from "../support/broken-copy.ts";
import { checkScenario, scenarios } from "../support/cut-checks.ts";
import { mappedLibrary } from "../support/mapped-library.ts";
import type { Patch } from "../support/patch.ts";
import { busErrors } from "../support/simulated-map.ts";

interface MappedMutation extends Patch {
  readonly name: string;
  readonly scenario: string;
}

const mutations: readonly MappedMutation[] = [
  {
    name: "a segment is cut while it is mapped",
    file: "store/mapped-file.js",
    find: /this\.#unmap\(\);\s+this\.#file\.truncate\(length\);/,
    put: "this.#file.truncate(length);",
    scenario: "truncateAfter in a log that was never synced",
  },
  {
    name: "a segment is mapped without its room",
    file: "store/mapped-file.js",
    find: /this\.#reserve\(\);/,
    put: "",
    scenario: "a new log",
  },
  {
    name: "a blocking flush leaves out what went through the map",
    file: "store/mapped-file.js",
    find: /this\.#file\.flushBlocking\(\);/,
    put: "",
    scenario: "a new log",
  },
  {
    name: "a flush leaves out what went through the map",
    file: "store/mapped-file.js",
    find: /await this\.#file\.flush\([^;]*;/,
    put: "",
    scenario: "truncateAfter",
  },
  {
    name: "close cuts off more than was set aside",
    file: "store/mapped-store.js",
    find: /this\.#segments\.trim\(end\);/,
    put: "this.#segments.trim(end - 1);",
    scenario: "truncateAfter",
  },
];

for (const mutation of mutations) {
  test(`found out: ${mutation.name}`, async (t) => {
    const lib = mappedLibrary(await copyOfLibrary(t, mutation), 0);
    const scenario = scenarios.find(({ name }) => name === mutation.scenario);
    assert.ok(scenario !== undefined, mutation.scenario);
    const segmentSizes = scenario.segmentSizes.filter((size) => size !== null);
    await assert.rejects(checkScenario(lib, { ...scenario, segmentSizes }, 4), (error: unknown) => {
      t.diagnostic(String(error).slice(0, 100));
      return true;
    });
    busErrors.length = 0;
  });
}

test("the copy, not broken, passes", async (t) => {
  const lib = mappedLibrary(await copyOfLibrary(t), 0);
  const [scenario] = scenarios.filter(({ name }) => name === "a new log");
  assert.ok(scenario !== undefined);
  await checkScenario(lib, { ...scenario, segmentSizes: [50] }, 1);
});
