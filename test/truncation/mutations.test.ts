/**
 * The library broken on purpose, in one place at a time: the crash points of truncation must each
 * time find it out.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mutationNamed } from "../mutations/list.ts";
import { copyOfLibrary } from "../support/broken-copy.ts";
import { checkScenario, scenarios } from "../support/cut-checks.ts";

const seeds = 8;

/** By name in the list, test/mutations/list.ts, with the scenario that finds it. */
const cutMutations: readonly (readonly [name: string, scenario: string])[] = [
  ["the mark is not lowered before the cut", "truncateAfter"],
  ["a cut resolves without its flush", "truncateAfter, the other way round"],
  ["the segment that is cut is not flushed before those above it go", "truncateAfter"],
  ["segments above the cut go low to high, before the cut of the first", "truncateAfter"],
  ["the head is written after the segments are gone", "truncateBefore"],
  ["the head is written in place", "the head replaced twice, then the end cut"],
  ["a spare is renamed over the head before it is flushed", "the head replaced twice, then the end cut"],
  ["a segment goes before the name of the spare, now the head, is flushed", "truncateBefore"],
  ["a prefix is dropped before what stays is synced", "truncateBefore past what was synced, up to the end"],
  ["a flush leaves out the names of new segments", "an append that makes several segments"],
  ["an asynchronous flush leaves out the names of new segments", "an append that makes several segments"],
  ["a flush leaves out all segments but the last", "a new log"],
  ["the first mark is not flushed", "truncateAfter in a log that was never synced"],
];

for (const [name, which] of cutMutations) {
  test(`found out: ${name}`, async (t) => {
    const lib = await copyOfLibrary(t, mutationNamed(name));
    const scenario = scenarios.find((each) => each.name === which);
    assert.ok(scenario !== undefined, which);
    await assert.rejects(
      checkScenario(lib, scenario, seeds),
      // A check that found something, or an open that had to succeed and was refused; no accident.
      (error: Error) => {
        if (process.env["WAL_DB_SHOW"] === "1") t.diagnostic(error.message);
        return error.name === "AssertionError" || error.name === "WalError";
      },
      "the checks did not find it out",
    );
  });
}
