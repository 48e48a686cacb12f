/**
 * The short form of the simulator: a fixed range of programs, alike in every run, and one that nobody
 * has seen before. The long form: npm run sim -- --seeds 1..100000
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "./sim-process.ts";

const fixedSeeds = 150;
const freshSeeds = 50;

test("random programs, crashed and opened again: a fixed range", (t) => {
  const { code, output } = simulate("--seeds", `1..${fixedSeeds}`);
  t.diagnostic(output.trimEnd().split("\n").at(-1) ?? "");
  assert.equal(code, 0, output);
  assert.match(output, new RegExp(`^${fixedSeeds} seeds`, "m"));
});

test("random programs, crashed and opened again: a fresh range", (t) => {
  const given = Number(process.env["WAL_DB_SEED"]);
  const first = Number.isSafeInteger(given) && given > 0 ? given : 1 + Math.floor(Math.random() * 1e9);
  t.diagnostic(`WAL_DB_SEED=${first}`);
  const { code, output } = simulate("--seeds", `${first}..${first + freshSeeds - 1}`);
  t.diagnostic(output.trimEnd().split("\n").at(-1) ?? "");
  assert.equal(code, 0, output);
});

test("a seed is a run: twice the same, call for call", () => {
  for (const seed of ["11", "46", "910"]) {
    const { code, output } = simulate("--replay", seed);
    assert.equal(code, 0, output);
    assert.match(output, /^trace [0-9a-f]+$/m);
    assert.equal(simulate("--replay", seed).output, output);
  }
});

test("numbers that are none are refused", () => {
  assert.notEqual(simulate("--seeds", "one..two").code, 0);
});
