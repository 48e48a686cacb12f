/**
 * Arbitrary bytes into everything that reads from the disk, in the short form: every input of the
 * corpus, then fresh ones for each target. WAL_DB_FUZZ_SEED repeats a run. What is found is printed
 * shrunk, and written to test/fuzz/corpus. The long form, guided by coverage: npm run fuzz.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { folderOfCopy } from "../support/broken-copy.ts";
import type { Patch } from "../support/patch.ts";
import { recipes } from "./arbitrary.ts";
import { type Target, targets } from "./case.ts";
import { check, type Fuzzed } from "./check.ts";
import { corpus, keep } from "./corpus.ts";
import { fuzzedIn } from "./fuzzed.ts";
import { cook, type Recipe } from "./recipe.ts";

const seed = Number(process.env["WAL_DB_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const runs = 200;

/** The first input that shows a fault, shrunk where it is to be read. */
async function firstFault(
  fuzzed: Fuzzed,
  target: Target,
  endOnFailure: boolean,
  from: number = seed,
): Promise<fc.RunDetails<[Recipe]>> {
  const property = fc.asyncProperty(recipes(target), (recipe) => check(fuzzed, cook(recipe)));
  return fc.check(property, { seed: from, numRuns: runs, endOnFailure });
}

/** The same from known seeds, one after the other: a detector fires today as it did yesterday. */
async function firstFaultOfMany(fuzzed: Fuzzed, target: Target): Promise<fc.RunDetails<[Recipe]>> {
  for (let from = 1; ; from++) {
    const found = await firstFault(fuzzed, target, true, from);
    if (found.failed || from === 20) return found;
  }
}

test("every input of the corpus", async () => {
  const fuzzed = await fuzzedIn();
  const inputs = corpus();
  assert.ok(inputs.length >= targets.length);
  for (const [name, given] of inputs) {
    await check(fuzzed, given).catch((error: unknown) => {
      throw new Error(`${name}: ${String(error)}`, { cause: error });
    });
  }
});

for (const target of targets) {
  test(`${runs} fresh inputs into: ${target}`, async (t) => {
    t.diagnostic(`WAL_DB_FUZZ_SEED=${seed}`);
    const found = await firstFault(await fuzzedIn(), target, false);
    if (!found.failed) return;
    const [recipe] = found.counterexample ?? [];
    const path = recipe === undefined ? "nowhere" : keep(cook(recipe));
    const why = String(found.errorInstance);
    assert.fail(`WAL_DB_FUZZ_SEED=${seed}, kept as ${path}\n${JSON.stringify(recipe)}\n${why}`);
  });
}

interface Breakage extends Patch {
  readonly name: string;
  readonly target: Target;
}

const breakages: readonly Breakage[] = [
  {
    name: "the checksum is not compared",
    target: "open",
    file: "record/scan.js",
    find: /return crc32cRange\(window, at \+ lengthOffset, at \+ size\) === readU32\(window, at\);/,
    put: "return true;",
  },
  {
    name: "a length is trusted that is above the limit",
    target: "open",
    file: "record/scan.js",
    find: /if \(length > this\.maxRecordBytes\)/,
    put: "if (false)",
  },
  {
    name: "memory is taken for what a header says",
    target: "open",
    file: "record/scan.js",
    find: /if \(length > this\.maxRecordBytes\)/,
    put: "if (length > this.maxRecordBytes && new Uint8Array(length).length > 0)",
  },
  {
    name: "the notes of cuts are read without their checksum",
    target: "beside",
    file: "recovery/cut-notes.js",
    find: /length > bytes\.length \|\| crc32cRange\(bytes, 4, length\) !== readU32\(bytes, 0\)/,
    put: "length > bytes.length",
  },
  {
    name: "a mark is read without its checksum",
    target: "beside",
    file: "recovery/mark.js",
    find: /if \(crc32cRange\(bytes, at, at \+ crcOffset\) !== readU32\(bytes, at \+ crcOffset\)\)\s+return null;/,
    put: "",
  },
  {
    name: "nothing is saved to quarantine",
    target: "segments",
    file: "recovery/recover.js",
    find: /const quarantine = mustSave \? saveTail\(store, found\) : null;/,
    put: "const quarantine = null;",
  },
  {
    name: "conversion does not verify what it reads",
    target: "convert",
    file: "convert.js",
    find: /if \(step === "end" && scan\.offset === end\)/,
    put: 'if (step !== "need")',
  },
];

for (const breakage of breakages) {
  test(`found out: ${breakage.name}`, async (t) => {
    const fuzzed = await fuzzedIn(folderOfCopy(t, breakage));
    const found = await firstFaultOfMany(fuzzed, breakage.target);
    assert.ok(found.failed, "not found out by 20 seeds");
    t.diagnostic(`input ${found.numRuns}: ${String(found.errorInstance).split("\n")[0]}`);
  });
}

/** A copy in which every record that is read takes for ever. */
const hang: Patch = {
  file: "record/scan.js",
  find: /return "record";/,
  put: "for (;;) continue;",
};

test("found out by the long form: an input that hangs", (t) => {
  const args = ["--target", "read", "--seconds", "60", "--seed", "1", "--hang-seconds", "2"];
  const run = fileURLToPath(new URL("./run.js", import.meta.url));
  const { signal, stderr } = spawnSync(process.execPath, [run, ...args, "--library", folderOfCopy(t, hang)], {
    encoding: "utf8",
  });
  assert.equal(signal, "SIGKILL", stderr);
  assert.match(stderr, /hangs: \{"target":"read"/);
});
