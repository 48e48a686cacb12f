/** The pages that promise what becomes of data: each promise names the test that bears it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { textsOf, textsUnder } from "../support/source-files.js";
import { promiseBreaches } from "./promises.js";

const tests = textsUnder("test", ".test.ts");
const pages = textsOf("docs/durability.md", "docs/recovery.md");

for (const [file, page] of pages) {
  test(`${file}: every promise names a test that is there`, () => {
    assert.deepEqual(promiseBreaches(file, page, tests), []);
  });
}

/* ---- The detector, shown to fire ---- */

function page(file: string): string {
  const text = pages.get(file);
  assert.ok(text !== undefined, file);
  return text;
}

function broken(file: string, from: string | RegExp, to: string): string[] {
  const changed = page(file).replace(from, to);
  assert.notEqual(changed, page(file), `${file} has nothing like ${String(from)}`);
  return promiseBreaches(file, changed, tests);
}

test("a mark that is taken away leaves its sentence without a test, whichever it is", () => {
  for (const [file, text] of pages) {
    const body = text.slice(0, text.indexOf("## What bears this"));
    const places = [...body.matchAll(/(?<!^)\[\^[\w-]+\]/gm)];
    assert.ok(places.length > 20, file);
    for (const { index, 0: mark } of places) {
      const changed = text.slice(0, index) + text.slice(index + mark.length);
      const breaches = promiseBreaches(file, changed, tests);
      assert.ok(breaches.length > 0 || isSpokenFor(text, index), `${file}, ${mark} at ${index}: not missed`);
    }
  }
});

/** A later mark of the same paragraph speaks for what an earlier one did. */
function isSpokenFor(text: string, index: number): boolean {
  const paragraph = text.slice(index + 1).split(/\n\s*\n|\n(?=\||- |\d+\. )/)[0] ?? "";
  return /\[\^|<!-- no promise/.test(paragraph);
}

test("a sentence of promise that comes without a mark is found: in prose, in a list, in a table", () => {
  assert.deepEqual(
    broken("docs/durability.md", "## Group commit", "Nothing is ever lost.\n\n## Group commit"),
    ["docs/durability.md names no test for: Nothing is ever lost."],
  );
  const [listed] = broken("docs/recovery.md", "## The picture", "- it is kept\n\n## The picture");
  assert.equal(listed, "docs/recovery.md names no test for: - it is kept");
  const [row] = broken(
    "docs/durability.md",
    "| the disk is full ",
    "| it rains | kept | kept |\n| the disk is full ",
  );
  assert.equal(row, "docs/durability.md names no test for: | it rains | kept | kept |");
  const [behind] = broken("docs/durability.md", "[^nothing-new]\n", "[^nothing-new] It never fails.\n");
  assert.equal(behind, "docs/durability.md names no test for: It never fails.");
});

test("a row of the table whose item names no test is found", () => {
  const [found] = broken(
    "docs/recovery.md",
    '`test/recovery/decision-table.test.ts: "R5 a hole"`',
    "Not tested.",
  );
  assert.match(found ?? "", /names no test for: \| R5 /);
});

test("a test that was renamed, a mark that means nothing, and one that nobody uses are found", () => {
  const renamed = new Map(
    [...tests].map(([file, text]) => [file, text.replaceAll("at most one flush", "one flush")]),
  );
  assert.deepEqual(promiseBreaches("docs/durability.md", page("docs/durability.md"), renamed), [
    'docs/durability.md: [^one-flight]: test/commit/group-commit.test.ts has no test "at most one flush is in flight"',
  ]);
  const small = new Map([
    ["test/a/b.test.ts", 'test("one", () => {});\ntest(`number ${n} of them`, () => {});'],
  ]);
  const breaches = (text: string): string[] => promiseBreaches("a.md", text, small);
  assert.deepEqual(breaches('Kept.[^a]\n\n[^a]: `test/a/b.test.ts: "one"`\n'), []);
  assert.deepEqual(breaches('Kept.[^a]\n\n[^a]: `test/a/b.test.ts: "number ... of them"`\n'), []);
  assert.deepEqual(breaches('Kept.[^a]\n\n[^a]: `test/a/b.test.ts: "number 1 of us"`\n'), [
    'a.md: [^a]: test/a/b.test.ts has no test "number 1 of us"',
  ]);
  assert.deepEqual(breaches("Kept.[^a]\n"), ["a.md: [^a] is not explained"]);
  assert.deepEqual(breaches("Kept.[^a]\n\n[^a]: by someone\n"), ["a.md: [^a] names no test"]);
  assert.deepEqual(breaches('[^a]: `test/a/b.test.ts: "one"`\n'), ["a.md: [^a] is not used"]);
  assert.deepEqual(breaches("It is kept. <!-- no promise: a word -->\n"), []);
  assert.deepEqual(breaches("It is kept. <!-- no promise: -->\n"), ["a.md names no test for: It is kept."]);
  assert.deepEqual(
    breaches("```text\nNothing is kept.\n```\n\n# Never\n\n| never |\n| ----- |\n| well |\n"),
    [],
  );
});

/** What is wrong with a page whose one promise names the test "one" of a file with this source. */
function bears(source: string): string[] {
  const only = new Map([["test/a/b.test.ts", source]]);
  return promiseBreaches("a.md", 'Kept.[^a]\n\n[^a]: `test/a/b.test.ts: "one"`\n', only);
}

/**
 * A title was taken for a test wherever `test("...")` stood: in a comment, or before `{ skip: true }`. A
 * promise kept its bearer on paper after the test had been switched off.
 */
test("a promise that rests on a test that never runs is found", () => {
  const missing = ['a.md: [^a]: test/a/b.test.ts has no test "one"'];
  const idle = [
    '// test("one", () => {});',
    '/*\n test("one", () => {});\n*/',
    'test.skip("one", () => {});',
    'test.todo("one");',
    'test("one", { skip: true }, () => {});',
    'test("one", { timeout: 9, skip: "not now" }, () => {});',
    'test("one", { todo: true }, () => {});',
    'test("one", (t) => t.skip("not now"));',
    'test("one", async (t) => {\n  return t.skip();\n});',
    "const text = 'test(\"one\", () => {});';",
  ];
  for (const source of idle) assert.deepEqual(bears(source), missing, source);
  const running = [
    'test("one", () => {});',
    'test("one", { skip: isLinux ? false : "only Linux" }, () => {});',
    'test("one", { skip: notHere }, (t) => {});',
    'test("one", (t) => {\n  if (!isLinux) return t.skip("only Linux");\n});',
    'const url = "http://a"; test("one", () => {});',
  ];
  for (const source of running) assert.deepEqual(bears(source), [], source);
});
