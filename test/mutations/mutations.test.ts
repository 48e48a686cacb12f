/**
 * The list of mutations is in order, and the machine that tries them tells found from not found. All
 * of it: npm run test:mutations.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type Patch, patched } from "../support/patch.js";
import { textsOf, textsUnder } from "../support/source-files.js";
import { mutations, mutationNamed } from "./list.js";
import { judge, Trial } from "./trial.js";

/** Generous where a test ends by itself, short where it is to be seen that one does not. */
const patient = new Trial(60_000);
after(() => patient.close());

test("every mutation finds its place in the built library exactly once, and changes it", () => {
  for (const mutation of mutations) {
    const [text = ""] = textsOf(`dist/${mutation.file}`).values();
    assert.notEqual(patched(text, mutation), text, mutation.name);
  }
});

test("names are used once, and every test that must find something is there", () => {
  const names = mutations.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.length >= 25);
  const tests = textsUnder("test", ".test.ts");
  for (const { name, foundBy } of mutations) {
    assert.ok(foundBy.length > 0, name);
    for (const { file } of foundBy) assert.ok(tests.has(`test/${file}.test.ts`), `${name}: ${file}`);
  }
});

function without(find: string | RegExp): Patch {
  return { file: "a.js", find, put: "" };
}

test("a pattern that is not there, or there twice, is an error", () => {
  assert.throws(() => patched("a b", without("c")), /is there 0 times, not once/);
  assert.throws(() => patched("a b a", without("a")), /is there 2 times, not once/);
  assert.throws(() => patched("a b a", without(/[ab]/)), /is there 3 times, not once/);
  assert.equal(patched("a b", { ...without("b"), put: "$&" }), "a $&");
});

const scan = { file: "record/scan" };

test("a mutation that a test must find is found, by an assertion", async () => {
  for (const name of ["the checksum is not compared", "a tail of zeros is taken for records"]) {
    const { verdict, output } = await patient.run(scan, mutationNamed(name));
    assert.equal(verdict, "assertion", output);
  }
  const { verdict, output } = await patient.run(scan);
  assert.equal(verdict, "survived", `whole again: ${output}`);
});

test("a change that changes nothing survives", async () => {
  const nothing: Patch = { file: "record/scan.js", find: /^/, put: "// Nothing.\n" };
  assert.equal((await patient.run(scan, nothing)).verdict, "survived");
});

test("a copy that does not load, or throws what is no finding, is not called found", async () => {
  const noCode: Patch = { file: "record/scan.js", find: /^/, put: "not code\n" };
  assert.equal((await patient.run(scan, noCode)).verdict, "crash");
  const throwing: Patch = { file: "record/scan.js", find: "step() {", put: "step() { null.x;" };
  const plain = { ...scan, title: "zeros are no records" };
  assert.equal((await patient.run(plain, throwing)).verdict, "crash");
});

test("a copy that hangs is not called found", async () => {
  const hasty = new Trial(3000);
  try {
    const endless: Patch = { file: "record/scan.js", find: /^/, put: "for (;;) {}\n" };
    assert.equal((await hasty.run(scan, endless)).verdict, "time-out");
  } finally {
    hasty.close();
  }
});

test("a title that no test has is not called found, nor survived", async () => {
  assert.equal((await patient.run({ ...scan, title: "no such title" })).verdict, "no test");
  await assert.rejects(patient.run({ file: "record/none" }), /there is no test/);
});

/** A failed test within another, as TAP has it. */
function failure(type: string, code: string): string {
  return `    not ok 1 - within\n      ---\n      failureType: '${type}'\n      code: '${code}'\n      ...\n`;
}

function said(tap: string, status = 1): string {
  return judge(tap, status).verdict;
}

test("what the runner says is read right", () => {
  const outer = `not ok 1 - outer\n  ---\n  failureType: 'subtestsFailed'\n  code: 'ERR_TEST_FAILURE'\n  ...\n`;
  assert.deepEqual(judge(failure("testCodeFailure", "ERR_ASSERTION") + outer, 1), {
    verdict: "assertion",
    test: "within",
  });
  assert.equal(said(failure("testCodeFailure", "WAL_CORRUPT") + outer), "refused");
  assert.equal(said(failure("cancelledByParent", "ERR_TEST_FAILURE") + outer), "crash");
  assert.equal(said(failure("unhandledRejection", "ERR_ASSERTION")), "assertion");
  assert.equal(said(failure("uncaughtException", "WAL_IO")), "crash");
  assert.equal(
    said(failure("testCodeFailure", "EIO") + failure("testCodeFailure", "ERR_ASSERTION")),
    "assertion",
  );
  const shown = failure("testCodeFailure", "ERR_ASSERTION").replace(
    "      failureType",
    "        ...\n      failureType",
  );
  assert.equal(said(shown), "assertion", "a message may have dots of its own");
  assert.equal(said("ok 1 - one\n", 0), "survived");
  assert.equal(said("ok 1 - one\n", 1), "crash");
  assert.equal(said("ok 1 - one # SKIP no strace\n", 0), "no test");
});
