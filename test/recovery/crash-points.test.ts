/**
 * Stopped at every call on the disk, in every way: killed before it, killed amid a write, the power
 * cut with all or any part of what was not flushed lost. Then opened again.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkConcurrentSession,
  checkFailedAppend,
  checkFailedFlush,
  checkLock,
  checkRefusal,
  checkRepair,
  checkRepairFlush,
  checkSession,
  repairs,
} from "../support/crash-checks.ts";
import { library } from "../support/library.ts";

const seeds = process.env["WAL_DB_LONG"] === "1" ? 200 : 12;

test("a session stopped at any call keeps every acknowledged record and invents none", () => {
  const runs = checkSession(library, seeds);
  assert.ok(runs > 20 * seeds, `only ${runs} stops`);
});

test("so does a session with many commits at once", async () => {
  const runs = await checkConcurrentSession(library, seeds);
  assert.ok(runs > 10 * seeds, `only ${runs} stops`);
});

for (const repair of repairs()) {
  test(`a repair stopped at any call comes to the same end: ${repair.name}`, () => {
    const runs = checkRepair(library, repair, seeds);
    assert.ok(runs > 5 * seeds, `only ${runs} stops`);
  });
}

test("a repair of which any flush fails says so, and comes to the same end when opened again", () => {
  for (const repair of repairs()) {
    const flushes = checkRepairFlush(library, repair);
    assert.ok(flushes >= (repair.saved === null ? 1 : 2), `${repair.name}: ${flushes} flushes`);
  }
});

test("after a failed flush and a reopen in the same boot, what is called durable is on the disk", () => {
  assert.equal(checkFailedFlush(library), 4);
});

test("an append that failed with its record whole, killed before it was taken back: recovered all the same", () => {
  checkFailedAppend(library);
});

test("loss of acknowledged data is refused and nothing changes", () => {
  checkRefusal(library);
});

test("one log, one writer", () => {
  checkLock(library);
});
