/**
 * Breaks the library on purpose, in one place at a time, and runs the tests that must find it.
 *
 *   npm run test:mutations [-- WORD ...]      only mutations whose name has one of these words in it
 *
 * First each of those tests on an unbroken copy, where it must pass; then a change that changes
 * nothing, which must survive; then the mutations. Exit code 1 when one survives.
 */
import { search } from "../model/search.js";
import { seededBugs } from "../model/seeded-bugs.js";
import type { Patch } from "../support/patch.js";
import { mutations } from "./list.js";
import type { Detector } from "./mutation.js";
import { isFound, type Outcome, Trial } from "./trial.js";

const timeoutMilliseconds = 120_000;

/** Comments are no code. */
const nothing: Patch = { file: "index.js", find: /^/, put: "// Not another log.\n" };

const words = process.argv.slice(2);
const chosen = <T extends { readonly name: string }>(all: readonly T[]): readonly T[] =>
  words.length === 0 ? all : all.filter(({ name }) => words.some((word) => name.includes(word)));

const nameOf = ({ file, title }: Detector): string => (title === undefined ? file : `${file}: ${title}`);

let failed = 0;

function row(verdict: string, name: string, by: string, wrong: boolean): void {
  if (wrong) failed++;
  console.log(`| ${wrong ? "**" : ""}${verdict}${wrong ? "**" : ""} | ${name} | ${by} |`);
}

function rowOf(name: string, detector: Detector, outcome: Outcome, wrong: boolean): void {
  const by = outcome.test === null ? nameOf(detector) : `${detector.file}: ${outcome.test}`;
  row(outcome.verdict, name, `${by}, ${(outcome.milliseconds / 1000).toFixed(1)} s`, wrong);
  if (wrong) console.error(outcome.output.split("\n").slice(-40).join("\n"));
}

const trial = new Trial(timeoutMilliseconds);
try {
  console.log("| verdict | mutation | by |\n| --- | --- | --- |");
  const detectors = new Map(chosen(mutations).flatMap(({ foundBy }) => foundBy.map((d) => [nameOf(d), d])));
  for (const detector of detectors.values()) {
    const outcome = await trial.run(detector);
    if (outcome.verdict !== "survived") rowOf("(the library as it is)", detector, outcome, true);
  }
  const control = await trial.run({ file: "record/scan" }, nothing);
  rowOf("(a change that changes nothing)", { file: "record/scan" }, control, control.verdict !== "survived");
  for (const { name, foundBy, ...patch } of chosen(mutations)) {
    for (const detector of foundBy) {
      const outcome = await trial.run(detector, patch);
      rowOf(name, detector, outcome, !isFound(outcome.verdict));
    }
  }
  for (const { name, patches, program, breach } of chosen(seededBugs)) {
    let found = "survived";
    try {
      search(program, patches);
    } catch (error) {
      found = error instanceof Error && breach.test(error.message) ? "counterexample" : "crash";
    }
    row(found, name, `the search of orders: ${program.name}`, found !== "counterexample");
  }
} finally {
  trial.close();
}
console.log(
  `${chosen(mutations).length} mutations and ${chosen(seededBugs).length} seeded bugs; ${failed} rows are not as they must be`,
);
process.exitCode = failed === 0 ? 0 : 1;
