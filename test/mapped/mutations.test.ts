/** The mapped store broken on purpose, in one place at a time: its crash points must each time find it out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { copyOfLibrary, type Mutation } from "../support/broken-copy.ts";
import { checkScenario, scenarios } from "../support/cut-checks.ts";
import { mappedLibrary } from "../support/mapped-library.ts";
import { busErrors } from "../support/simulated-map.ts";

interface MappedMutation extends Mutation {
  readonly scenario: string;
}

const mutations: readonly MappedMutation[] = [
  {
    name: "a segment is cut while it is mapped",
    file: "store/mapped-file.js",
    from: /this\.#unmap\(\);\s+this\.#file\.truncate\(length\);/,
    to: "this.#file.truncate(length);",
    scenario: "truncateAfter in a log that was never synced",
  },
  {
    name: "a segment is mapped without its room",
    file: "store/mapped-file.js",
    from: /this\.#reserve\(\);/,
    to: "",
    scenario: "a new log",
  },
  {
    name: "a blocking flush leaves out what went through the map",
    file: "store/mapped-file.js",
    from: /this\.#file\.flushBlocking\(\);/,
    to: "",
    scenario: "a new log",
  },
  {
    name: "a flush leaves out what went through the map",
    file: "store/mapped-file.js",
    from: /await this\.#file\.flush\([^;]*;/,
    to: "",
    scenario: "truncateAfter",
  },
  {
    name: "close cuts off more than was set aside",
    file: "store/mapped-store.js",
    from: /this\.#segments\.trim\(end\);/,
    to: "this.#segments.trim(end - 1);",
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
