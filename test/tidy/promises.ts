/**
 * The promises of a page, held against the tests.
 *
 * A sentence that promises something has a mark behind it, as in `It is kept.[^kill]`, which speaks for
 * all that stands between it and the mark before, within its paragraph, list item or row of a table.
 * What the mark means stands at the end of the page: the tests that bear it, each as
 * `test/<path>.test.ts: "<title>"`. An item of a list may name its test itself. A row of a table that
 * begins with a number, as R7, may leave that to the item of that number.
 *
 * A sentence that has a word of promise in it and promises nothing says so, where readers do not
 * see it: `<!-- no promise: why -->`.
 */
import type { Texts } from "../support/source-files.js";
import { missingTests, namedTests } from "./documents.js";

/** Words without which little can be promised. */
const words =
  /\b(?:never|always|durable|survives?|refuse[sd]?|kept|keeps?|nothing|nobody|every|each|none|no|not|cannot|lost|loses?|safe|guarantees?|at most|at once|saved|resolves?|throws?|poisoned|only|all|whole|intact|told|released?|releases|before|exact|says|reports?|reported|covers?|claims?|raised?|lowered?|recovered|cut off|flushed|stable storage|same)\b/i;

/** What a call throws is a promise too. */
const errorCode = /\bWAL_[A-Z]/;

const mark = /\[\^[\w-]+\]/g;
const exemption = /<!-- no promise: (?!-->)\S[^]*?-->/g;
/** What ends a stretch of text and speaks for it. */
const covers: RegExp = new RegExp(`(?:${mark.source})+|${exemption.source}`, "g");

export function promiseBreaches(file: string, page: string, tests: Texts): string[] {
  const { body, borne } = parted(page);
  const used = new Set([...body.matchAll(mark)].map(([each]) => each));
  return [
    ...[...used].filter((each) => !borne.has(each)).map((each) => `${file}: ${each} is not explained`),
    ...[...borne.keys()].filter((each) => !used.has(each)).map((each) => `${file}: ${each} is not used`),
    ...[...borne].flatMap(([each, text]) => bearerBreaches(`${file}: ${each}`, text, tests)),
    ...missingTests(namedTests(body), tests).map((breach) => `${file}: ${breach}`),
    ...unborne(body).map((sentence) => `${file} names no test for: ${sentence}`),
  ];
}

function bearerBreaches(what: string, text: string, tests: Texts): string[] {
  const named = namedTests(text);
  if (named.length === 0) return [`${what} names no test`];
  return missingTests(named, tests).map((breach) => `${what}: ${breach}`);
}

interface Parted {
  readonly body: string;
  /** What is said of each mark at the end of the page. */
  readonly borne: ReadonlyMap<string, string>;
}

function parted(page: string): Parted {
  const borne = new Map<string, string>();
  const body = page
    .replace(/^```[^]*?^```$/gm, "\n")
    .replace(/^(\[\^[\w-]+\]):((?:.+\n?)(?:[ \t]+\S.*\n?)*)/gm, (_, each: string, text: string) => {
      borne.set(each, text);
      return "";
    });
  return { body, borne };
}

/** The sentences with a word of promise that no mark speaks for. */
function unborne(body: string): string[] {
  const numbered = new Set([...body.matchAll(/^- \*\*(R\d+)\.\*\*[^]*?(?=^- |^$)/gm)].flatMap(numberOf));
  const blocks = blocksOf(body).filter((block) => namedTests(block).length === 0);
  return blocks.filter((block) => !numbered.has(/^\| (R\d+) /.exec(block)?.[1] ?? "")).flatMap(openSentences);
}

function numberOf([item, number = ""]: RegExpExecArray): string[] {
  return namedTests(item).length > 0 ? [number] : [];
}

/** Paragraphs, items of lists, rows of tables; headings and the heads of tables promise nothing. */
function blocksOf(body: string): string[] {
  const text = body
    .replace(/^#.*$/gm, "\n")
    .replace(/^\|.*\|\n\|[ :|-]+\|$/gm, "\n")
    .replace(/^(?=\||- |\d+\. )/gm, "\n");
  return text.split(/\n\s*\n/).map((block) => block.trim().replace(/\s+/g, " "));
}

function openSentences(block: string): string[] {
  const stretches = block.split(covers).filter((each) => each !== undefined);
  // What comes behind the last mark; where there is none, all of it. A row has its mark anywhere.
  const open = block.startsWith("|") && stretches.length > 1 ? "" : (stretches.at(-1) ?? "");
  return open
    .split(/(?<=[.!?:;])\s+(?=[\p{Lu}`*[<])/u)
    .map((sentence) => sentence.replace(/<!--[^]*?-->/g, "").trim())
    .filter((sentence) => words.test(sentence.replace(/`[^`]*`/g, "")) || errorCode.test(sentence));
}
