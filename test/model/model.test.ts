/**
 * The protocol of many threads, in every order of its steps: see docs/model-checking.md.
 *
 * WAL_DB_LONG=1 searches further.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { programs } from "./programs.js";
import { Counterexample, type Program, search } from "./search.js";
import { seededBugs } from "./seeded-bugs.js";

const isLong = process.env["WAL_DB_LONG"] === "1";

function longer({ preemptions, ...rest }: Program, long: Partial<Program> = {}): Program {
  return preemptions === undefined ? rest : { ...rest, preemptions: preemptions + 1, ...long };
}

for (const { ends, long, ...program } of programs) {
  test(`holds in every order: ${program.name}`, (t) => {
    const found = search(isLong ? longer(program, long) : program);
    const bound = isLong ? longer(program, long).preemptions : program.preemptions;
    const within = bound === undefined || bound === Infinity ? "all" : `at most ${bound} preemptions`;
    t.diagnostic(`${found.schedules} schedules (${within}), ${found.states} states`);
    assert.ok(found.schedules > 20, "there is more than one order in which threads can go");
    assert.deepEqual([...found.outcomes].toSorted(), [...ends].toSorted());
  });
}

for (const { name, patches, program, breach } of seededBugs) {
  test(`the search finds the bug: ${name}`, () => {
    assert.throws(
      () => search(program, patches),
      (error) => error instanceof Counterexample && breach.test(error.breach.message),
    );
  });
}

/** Equal for programs that are the same search, whatever their name. */
function searchOf({ threads, joined, preemptions, mortal, failingFlush, earlyLooks }: Program): string {
  return JSON.stringify([threads, joined, preemptions, mortal, failingFlush, earlyLooks]);
}

test("without the bugs the same searches find nothing", () => {
  const clean = new Map(seededBugs.map(({ program }) => [searchOf(program), program]));
  // Searched above.
  if (!isLong) for (const program of programs) clean.delete(searchOf(program));
  for (const program of clean.values()) assert.ok(search(program).schedules > 20, program.name);
  assert.ok(clean.size > 0);
});

test("a seeded bug whose place is not there any more is an error", () => {
  const patch = { file: "commit/log-state.js", find: "no such line", put: "" };
  assert.throws(() => search({ name: "any", threads: ["append"] }, [patch]), /is there 0 times, not once/);
  const elsewhere = { file: "wal.js", find: "Wal", put: "" };
  assert.throws(() => search({ name: "any", threads: ["append"] }, [elsewhere]), /was not loaded/);
});
