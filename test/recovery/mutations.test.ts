/**
 * A detector that was never seen to fire is none. Here the library is broken on purpose, in one
 * place at a time, and the checks of crash-points.test.ts must each time find it out.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mutationNamed } from "../mutations/list.ts";
import { copyOfLibrary } from "../support/broken-copy.ts";
import {
  checkConcurrentSession,
  checkFailedFlush,
  checkLock,
  checkRefusal,
  checkRepair,
  checkRepairFlush,
  checkSession,
  repairs,
} from "../support/crash-checks.ts";
import type { Library } from "../support/library.ts";

type Check = (lib: Library) => unknown;

const session: Check = (lib) => checkSession(lib, 6);
const concurrent: Check = (lib) => checkConcurrentSession(lib, 6);
const repair =
  (name: string): Check =>
  (lib) => {
    const [found] = repairs().filter((each) => each.name === name);
    assert.ok(found !== undefined, name);
    return checkRepair(lib, found, 6);
  };

/** By name in the list: test/mutations/list.ts. */
const checks: readonly (readonly [name: string, check: Check])[] = [
  ["open does not flush what it recovered", session],
  ["open raises the mark before the flush", session],
  ["sync raises durable and mark before the flush", session],
  ["sync does not flush", session],
  ["a flush is taken to cover what was appended while it was under way", concurrent],
  ["who comes while a flush is under way waits for that one", concurrent],
  ["a failed flush does not poison", checkFailedFlush],
  ["the bytes past the mark are not written again", checkFailedFlush],
  ["loss is not refused", checkRefusal],
  ["the mark is not lowered", repair("loss, accepted")],
  ["the mark is lowered after the cut", repair("loss, accepted and not saved")],
  ["the lowered mark is not flushed", repair("loss, accepted")],
  ["the lowered mark is taken for durable when it is only seen", repair("loss, accepted")],
  ["nothing is saved to quarantine", repair("noise")],
  ["an incomplete record below the mark is not saved", repair("shorter than its mark, accepted")],
  ["the quarantine file is not flushed", repair("noise")],
  ["the quarantine's name is not flushed", repair("noise")],
  ["the quarantine is written in place", repair("noise")],
  ["a new log's name is not flushed", session],
  ["the cut is not flushed with the size", repair("zeros")],
  [
    "a failed flush of the repair is ignored",
    (lib) => {
      for (const each of repairs()) checkRepairFlush(lib, each);
    },
  ],
  ["the lock is not taken", checkLock],
];

for (const [name, check] of checks) {
  test(`found out: ${name}`, async (t) => {
    const lib = await copyOfLibrary(t, mutationNamed(name));
    await assert.rejects(
      async () => {
        await check(lib);
      },
      // A check that found something, or an open that had to succeed and was refused; no accident.
      (error: Error) => error.name === "AssertionError" || error.name === "WalError",
      "the checks did not find it out",
    );
  });
}

test("the copy as it is passes all of them", async (t) => {
  const lib = await copyOfLibrary(t);
  checkSession(lib, 2);
  await checkConcurrentSession(lib, 2);
  for (const each of repairs()) {
    checkRepair(lib, each, 2);
    checkRepairFlush(lib, each);
  }
  checkFailedFlush(lib);
  checkRefusal(lib);
  checkLock(lib);
});
