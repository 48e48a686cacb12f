/** What the documents say, held against what is there. Each check returns the breaches it finds. */
import { posix } from "node:path";
import type { Texts } from "../support/source-files.js";

/** The anchor that a heading gets where Markdown is shown (GitHub's rule). */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[`*]/g, "")
    .replace(/[^\p{L}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-");
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^```[^]*?^```$/gm, "").replace(/`[^`\n]*`/g, "code");
}

function anchorsOf(markdown: string): Set<string> {
  const prose = markdown.replace(/^```[^]*?^```$/gm, "");
  return new Set([...prose.matchAll(/^#{1,6} (.+)$/gm)].map((match) => anchorOf(match[1] as string)));
}

/** Links within the package that lead nowhere. `isThere` knows every path of it. */
export function linkBreaches(pages: Texts, isThere: (path: string) => boolean): string[] {
  const breaches: string[] = [];
  for (const [file, markdown] of pages) {
    for (const match of withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)) {
      const target = match[1] as string;
      if (/^https:\/\/\S+$/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const to = path === "" ? file : posix.join(posix.dirname(file), path);
      const page = pages.get(to);
      if (!isThere(to)) breaches.push(`${file} links to ${target}, which is not there`);
      else if (anchor !== undefined && (page === undefined || !anchorsOf(page).has(anchor))) {
        breaches.push(`${file} links to ${target}, which has no such heading`);
      }
    }
  }
  return breaches;
}

/** The codes of the union `WalErrorCode`, as its source spells them. */
export function errorCodesOf(source: string): string[] {
  const union = /export type WalErrorCode =([^;]+);/.exec(source)?.[1] ?? "";
  return [...union.matchAll(/"(WAL_\w+)"/g)].map((match) => match[1] as string);
}

/** Codes without a heading of their own, and headings for codes that are no more. */
export function errorPageBreaches(codes: readonly string[], page: string): string[] {
  const described = [...page.matchAll(/^#+ `?(WAL_\w+)`?$/gm)].map((match) => match[1] as string);
  return [
    ...codes.filter((code) => !described.includes(code)).map((code) => `${code} has no heading of its own`),
    ...described.filter((code) => !codes.includes(code)).map((code) => `${code} is no code of this library`),
  ];
}

/** Files and folders of src/ that the map leaves out, and those it names that are not there. */
export function mapBreaches(sources: Iterable<string>, map: string): string[] {
  const files = [...sources];
  const folders = new Set(
    files.filter((file) => file.split("/").length > 2).map((file) => posix.dirname(file)),
  );
  const named = new Set([...map.matchAll(/`([\w./-]+)`/g)].map((match) => match[1] as string));
  const breaches: string[] = [];
  for (const folder of folders) {
    if (!named.has(`${folder.slice("src/".length)}/`))
      breaches.push(`the folder ${folder} is not on the map`);
  }
  for (const file of files) {
    if (!named.has(posix.basename(file))) breaches.push(`the file ${file} is not on the map`);
  }
  const known = new Set(files.map((file) => posix.basename(file)));
  for (const name of named) {
    if (name.endsWith(".ts") && !name.includes("/") && !known.has(name)) {
      breaches.push(`the map names ${name}, which is not there`);
    }
  }
  return breaches;
}

export interface NamedTest {
  readonly file: string;
  readonly name: string;
}

/** A title shorter than this, but for what is put into it, says nothing. */
const titleLettersMin = 12;

/** A comment, or a string, which may look like one: strings are kept, whatever is in them. */
const commentOrString = /\/\/.*|\/\*[^]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g;

function withoutComments(source: string): string {
  return source.replace(commentOrString, (each) => (each.startsWith("/") ? "" : each));
}

/**
 * What follows a title of a test that never runs, whatever the machine: told to skip, or to be done one
 * day, by no condition; or skipped as the first thing it does. One that has a condition may run somewhere.
 */
const neverRuns =
  /^\s*,\s*(?:\{[^{}]*\b(?:skip|todo):\s*(?:true\b|["'`])|(?:\{[^{}]*\},\s*)?(?:async\s*)?\(\w*\)\s*=>\s*(?:\{\s*(?:return\s+)?)?\w+\.(?:skip|todo)\()/;

/** The titles that stand in a file of tests; what is put into one when it runs may be anything. */
function titlesIn(source: string): RegExp[] {
  const code = withoutComments(source);
  const calls = code.matchAll(
    /(?<!["'`.])\b(?:test|check|withDisk)\(\s*(?:"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g,
  );
  const titles: RegExp[] = [];
  for (const { 0: call, 1: plain, 2: template, index } of calls) {
    if (neverRuns.test(code.slice(index + call.length))) continue;
    const parts = plain === undefined ? (template ?? "").split(/\$\{(?:[^{}"`]|"[^"]*")*\}/) : [plain];
    if (parts.length > 1 && parts.join("").length < titleLettersMin) continue;
    const escaped = parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    titles.push(new RegExp(`^${escaped.join(".*")}$`));
  }
  return titles;
}

/** Those that no file of tests has, by the title that stands in `test("...")`. */
export function missingTests(named: readonly NamedTest[], tests: Texts): string[] {
  return named
    .filter(({ file, name }) => !titlesIn(tests.get(file) ?? "").some((title) => title.test(name)))
    .map(({ file, name }) => `${file} has no test "${name}"`);
}

/** The tests that a page names, as `test/<path>.test.ts: "<name>"`. */
export function namedTests(page: string): NamedTest[] {
  return [...page.matchAll(/`(test\/[\w./-]+\.test\.ts): "([^"]+)"`/g)].map((match) => ({
    file: match[1] as string,
    name: match[2] as string,
  }));
}
