/** The documents stay true: links lead somewhere, every error code is described, the map is whole. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectDir } from "../support/project.js";
import { textsOf, textsUnder } from "../support/source-files.js";
import {
  anchorOf,
  errorCodesOf,
  errorPageBreaches,
  linkBreaches,
  mapBreaches,
  missingTests,
  namedTests,
} from "./documents.js";

const pages = new Map([
  ...textsOf("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"),
  ...textsUnder("docs", ".md"),
]);
const sources = textsUnder("src", ".ts");

function page(file: string): string {
  const text = pages.get(file);
  assert.ok(text !== undefined, file);
  return text;
}

test("every link within the package leads somewhere", () => {
  assert.deepEqual(
    linkBreaches(pages, (path) => existsSync(join(projectDir, path))),
    [],
  );
});

test("every error code has its heading in docs/errors.md", () => {
  const codes = errorCodesOf(sources.get("src/errors.ts") ?? "");
  assert.ok(codes.length >= 10, "the codes were not found");
  assert.deepEqual(errorPageBreaches(codes, page("docs/errors.md")), []);
});

test("ARCHITECTURE.md names every folder and file of src/, and no other", () => {
  assert.deepEqual(mapBreaches(sources.keys(), page("ARCHITECTURE.md")), []);
});

test("every dependency has its line of reason in CONTRIBUTING.md", () => {
  const [manifest = "{}"] = textsOf("package.json").values();
  const { dependencies, devDependencies } = JSON.parse(manifest) as Record<string, Record<string, string>>;
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
    assert.match(page("CONTRIBUTING.md"), new RegExp(`^\\| \`${name}\` +\\| \\S`, "m"), name);
  }
});

test("docs/recovery.md names a test for every row of its table", () => {
  const table = page("docs/recovery.md");
  const rows = [...table.matchAll(/^\| (R\d+) /gm)].map((match) => match[1] as string);
  assert.deepEqual(
    rows,
    rows.map((_, index) => `R${index + 1}`),
    "the rows are numbered in order",
  );
  assert.ok(rows.length > 10);
  const named = namedTests(table).map(({ name }) => name.split(" ")[0]);
  assert.deepEqual(
    rows.filter((row) => !named.includes(row)),
    [],
  );
});

test("every test stands where npm test looks: one folder below test/", () => {
  const elsewhere = [...textsUnder("test", ".test.ts").keys()].filter((file) => file.split("/").length !== 3);
  assert.deepEqual(elsewhere, []);
});

test("every test that a page names is there", () => {
  const named = [...pages.values()].flatMap(namedTests);
  assert.ok(named.length > 10);
  assert.deepEqual(missingTests(named, textsUnder("test", ".test.ts")), []);
});

/* ---- The detectors, shown to fire ---- */

test("a test that is named and not there is found", () => {
  const tests = new Map([
    ["test/a/b.test.ts", 'test("one", () => {});\ntest("two words", async (t) => {});'],
  ]);
  const page = '`test/a/b.test.ts: "one"` `test/a/b.test.ts: "two"` `test/a/c.test.ts: "two words"`';
  assert.deepEqual(missingTests(namedTests(page), tests), [
    'test/a/b.test.ts has no test "two"',
    'test/a/c.test.ts has no test "two words"',
  ]);
});

test("a link to nowhere is found", () => {
  const broken = new Map([
    [
      "docs/a.md",
      "# One `two`\n[b](b.md) [c](c.md) [x](b.md#the-end) [y](#one-two) [z](#three) [w](http://a)",
    ],
    ["docs/b.md", "# The end\n```text\n[not a link](nowhere.md)\n```\n[up](../docs/a.md#one-two)"],
  ]);
  assert.deepEqual(
    linkBreaches(broken, (path) => broken.has(path)),
    [
      "docs/a.md links to c.md, which is not there",
      "docs/a.md links to #three, which has no such heading",
      "docs/a.md links to http://a, which is not there",
    ],
  );
  assert.equal(anchorOf("What `append` promises, and what not"), "what-append-promises-and-what-not");
});

test("a code that is not described is found, and one that is no more", () => {
  const codes = errorCodesOf(`export type WalErrorCode =\n  | "WAL_ONE"\n  | "WAL_TWO";`);
  assert.deepEqual(codes, ["WAL_ONE", "WAL_TWO"]);
  assert.deepEqual(errorPageBreaches(codes, "## `WAL_ONE`\n## WAL_THREE\nWAL_TWO is named only"), [
    "WAL_TWO has no heading of its own",
    "WAL_THREE is no code of this library",
  ]);
});

test("a file that is not on the map is found, and one that is no more", () => {
  const files = ["src/wal.ts", "src/store/disk.ts", "src/read/walk.ts"];
  assert.deepEqual(mapBreaches(files, "`store/` `disk.ts` `wal.ts` `gone.ts`"), [
    "the folder src/read is not on the map",
    "the file src/read/walk.ts is not on the map",
    "the map names gone.ts, which is not there",
  ]);
});
