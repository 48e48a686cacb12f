/** Every example that users read runs: README.md, docs/*.md, and the doc comments of src/. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { projectDir } from "../support/project.js";
import { preludes } from "./preludes.js";
import { type Snippet, snippetsOfMarkdown, snippetsOfSource } from "./snippet.js";
import { SnippetFolder } from "./snippet-run.js";

const pages = ["README.md", ...filesIn("docs").filter((name) => name.endsWith(".md"))];
const sources = filesIn("src").filter((name) => name.endsWith(".ts"));

function filesIn(folder: string): string[] {
  return readdirSync(join(projectDir, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(projectDir.length))
    .toSorted();
}

function read(file: string): string {
  return readFileSync(join(projectDir, file), "utf8");
}

const snippets: readonly Snippet[] = [
  ...pages.flatMap((file) => snippetsOfMarkdown(file, read(file))),
  ...sources.flatMap((file) => snippetsOfSource(file, read(file))),
];

describe("the examples run", { concurrency: 2 }, () => {
  let folder: SnippetFolder;
  let complaints: ReadonlyMap<Snippet, readonly string[]>;
  before(async () => {
    folder = new SnippetFolder(snippets);
    complaints = await folder.compile();
  });
  after(() => folder.remove());

  for (const snippet of snippets) {
    test(`${snippet.file}:${snippet.line}`, async () => {
      assert.deepEqual(complaints.get(snippet) ?? [], []);
      assert.equal(await folder.fault(snippet), null);
    });
  }
});

test("there are examples where they are looked for", () => {
  const files = new Set(snippets.map((snippet) => snippet.file));
  for (const file of ["README.md", "docs/errors.md", "docs/recovery.md", "src/wal.ts"]) {
    assert.ok(files.has(file), `no example was found in ${file}`);
  }
});

test("no prelude is left over", () => {
  const asked = new Set(snippets.map((snippet) => snippet.prelude));
  assert.deepEqual(
    Object.keys(preludes).filter((name) => !asked.has(name)),
    [],
  );
});

/* ---- The detector, shown to fire ---- */

function snippet(code: string, prelude: string | null = null): Snippet {
  return { file: "broken.md", line: 10, code, prelude };
}

test("an example that throws, hangs its promise or prints something else is found out", async () => {
  const throwing = snippet(`throw new Error("on purpose");`);
  const rejecting = snippet(`void Promise.reject(new Error("on purpose"));`);
  const waiting = snippet(`await new Promise(() => {});`);
  const lying = snippet(`console.log(1 + 1); // 3`);
  const silent = snippet(`console.log(1 + 1);`);
  const failing = snippet(
    `import { test } from "node:test";\ntest("on purpose", () => { throw new Error(); });`,
  );
  const passing = snippet(`import { test } from "node:test";\ntest("fine", () => {});`);
  const looping = snippet(`for (const n of [1, 2]) console.log(n); // 1 / 2`);
  const folder = new SnippetFolder([throwing, rejecting, waiting, lying, silent, failing, passing, looping]);
  try {
    assert.equal((await folder.compile()).size, 0);
    assert.match((await folder.fault(throwing)) ?? "", /^broken\.md:10: ended with 1\n[^]*on purpose/);
    assert.match((await folder.fault(rejecting)) ?? "", /ended with 1\n[^]*on purpose/);
    assert.match((await folder.fault(waiting)) ?? "", /ended with 13/);
    assert.match((await folder.fault(lying)) ?? "", /prints\n2\nand says that it prints\n3/);
    assert.match((await folder.fault(silent)) ?? "", /has no comment/);
    assert.match((await folder.fault(failing)) ?? "", /ended with 1/);
    assert.equal(await folder.fault(passing), null);
    assert.equal(await folder.fault(looping), null);
  } finally {
    folder.remove();
  }
});

test("an example with a type error is found out, at its line in the document", async () => {
  const wrong = snippet(`const fine: number = wal.end;\nconst text: string = wal.end;`, "open-log");
  const right = snippet(`wal.append("fine");`, "open-log");
  const lost = snippet("1;", "nowhere");
  const folder = new SnippetFolder([right, wrong, lost]);
  try {
    const complaints = await folder.compile();
    assert.equal(complaints.get(right), undefined);
    assert.deepEqual(complaints.get(lost), ["broken.md:10: preludes.ts has no prelude for nowhere"]);
    assert.deepEqual(complaints.get(wrong), [
      "broken.md:11: TS2322: Type 'Lsn' is not assignable to type 'string'.",
    ]);
  } finally {
    folder.remove();
  }
});

test("a fence that would not be run is refused", () => {
  assert.throws(() => snippetsOfMarkdown("a.md", "```js\n1;\n```"), /a\.md:1: a fence is one of/);
  assert.throws(() => snippetsOfMarkdown("a.md", "```ts no-run\n1;\n```"), /a\.md:1: a fence is one of/);
  assert.throws(() => snippetsOfMarkdown("a.md", "```\n1;\n```"), /a\.md:1: a fence is one of/);
  assert.throws(() => snippetsOfMarkdown("a.md", "```ts\n1;\n"), /a\.md:1: this fence is never closed/);
});

test("a doc comment's example is found with its symbol", () => {
  const source = [
    "/**",
    " * One.",
    " * @example",
    " * one();",
    " */",
    "export function one(): void {}",
    "export class Two {",
    "  /**",
    "   * @example",
    "   * two.call(); // 2",
    "   * @throws never",
    "   */",
    "  static async call(): Promise<void> {}",
    "}",
  ].join("\n");
  assert.deepEqual(snippetsOfSource("a.ts", source), [
    { file: "a.ts", line: 4, code: "one();", prelude: "one" },
    { file: "a.ts", line: 10, code: "two.call(); // 2", prelude: "Two.call" },
  ]);
});
