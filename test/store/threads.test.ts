/** Which threads live, as /proc tells it. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import type { Disk } from "#internal/store/disk.js";
import { nodeDisk } from "#internal/store/node-disk.js";
import { threadsOn } from "#internal/store/threads.js";
import { isLinux } from "../threads/crew.ts";

const notHere = isLinux ? false : "only Linux tells whether a thread lives";

function failure(code: string | undefined): Error {
  return Object.assign(new Error("made for a test"), code === undefined ? {} : { code });
}

test("this thread lives, and is itself each time it is asked", { skip: notHere }, () => {
  const threads = threadsOn(nodeDisk);
  assert.equal(threads.isAlive(threads.self()), true);
  assert.equal(threadsOn(nodeDisk).self(), threads.self());
});

test(
  "an id that no thread has, or one that began at another time, is of a thread that is gone",
  {
    skip: notHere,
  },
  () => {
    const threads = threadsOn(nodeDisk);
    const idSpace = 2 ** 22;
    const own = threads.self();
    const ids = new Set(readdirSync("/proc/self/task").map(Number));
    let free = 1;
    while (ids.has(free)) free++;
    assert.equal(threads.isAlive(own - (own % idSpace) + free), false);
    assert.equal(threads.isAlive(own - idSpace), false, "10 ms earlier");
  },
);

/**
 * A Linux without /proc (a bare chroot), or without /proc/thread-self (before 3.17, or an imitation of
 * Linux), or one that shows it to some only (Deno without --allow-all). The thread made up a number for
 * itself; then another looked for that number under /proc, found nothing, and took a living writer for
 * dead: the log was poisoned.
 */
const blind: readonly (readonly [string, Disk])[] = [
  [
    "no /proc at all",
    {
      ...nodeDisk,
      resolve: () => {
        throw failure("ENOENT");
      },
      open: () => {
        throw failure("ENOENT");
      },
    },
  ],
  ["no /proc/thread-self", { ...nodeDisk, resolve: (path) => path }],
  [
    "/proc refused",
    {
      ...nodeDisk,
      resolve: () => {
        throw failure(undefined);
      },
      open: () => {
        throw failure(undefined);
      },
    },
  ],
];

for (const [name, disk] of blind) {
  test(`${name}: a living thread never passes for dead, whoever looks`, () => {
    const threads = threadsOn(disk);
    const identity = threads.self();
    assert.ok(Number.isSafeInteger(identity) && identity > 0);
    assert.equal(threads.isAlive(identity), undefined);
    assert.equal(threadsOn(nodeDisk).isAlive(identity), undefined, "another thread, which sees /proc");
  });
}
