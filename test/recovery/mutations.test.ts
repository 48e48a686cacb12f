/**
 * A detector that was never seen to fire is none. Here the library is broken on purpose, in one
 * place at a time, and the checks of crash-points.test.ts must each time find it out.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { copyOfLibrary, type Mutation } from "../support/broken-copy.ts";
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

interface CheckedMutation extends Mutation {
  readonly check: (lib: Library) => unknown;
}

const session = (lib: Library): unknown => checkSession(lib, 6);
const concurrent = (lib: Library): unknown => checkConcurrentSession(lib, 6);
const repair =
  (name: string) =>
  (lib: Library): unknown => {
    const [found] = repairs().filter((each) => each.name === name);
    assert.ok(found !== undefined, name);
    return checkRepair(lib, found, 6);
  };

const mutations: readonly CheckedMutation[] = [
  {
    name: "open does not flush what it recovered",
    file: "recovery/recover.js",
    from: /yield \{ kind: "flush" \};/,
    to: "",
    check: session,
  },
  {
    name: "open raises the mark before the flush",
    file: "recovery/recover.js",
    from: /yield \{ kind: "flush" \};\s+mark\?\.raise\(found\.end\);/,
    to: 'mark?.raise(found.end); yield { kind: "flush" };',
    check: session,
  },
  {
    name: "sync raises durable and mark before the flush",
    file: "commit/group-commit.js",
    from: /checkDone\(this\.#store, "flushBlocking", this\.#store\.flushBlocking\(\)\);/,
    to: "this.#succeed(begin); this.#store.flushBlocking();",
    check: session,
  },
  {
    name: "sync does not flush",
    file: "commit/group-commit.js",
    from: /checkDone\(this\.#store, "flushBlocking", this\.#store\.flushBlocking\(\)\);/,
    to: "",
    check: session,
  },
  {
    name: "a flush is taken to cover what was appended while it was under way",
    file: "commit/group-commit.js",
    from: /this\.#succeed\(group\.target\)/,
    to: "this.#succeed(this.#state.committed)",
    check: concurrent,
  },
  {
    name: "who comes while a flush is under way waits for that one",
    file: "commit/group-commit.js",
    from: /this\.#flight\.target >= target/,
    to: "true",
    check: concurrent,
  },
  {
    name: "a failed flush does not poison",
    file: "commit/group-commit.js",
    from: /this\.#state\.setPoison\(asIoError\(error, "The flush failed"[^;]*;\s*return poisoned\([^;]*;/,
    to: "return poisoned(asIoError(error, ''), path);",
    check: checkFailedFlush,
  },
  {
    name: "the bytes past the mark are not written again",
    file: "recovery/recover.js",
    from: /if \(claim !== null\)\s+yield\* rewrite\(/,
    to: "if (false) yield* rewrite(",
    check: checkFailedFlush,
  },
  {
    name: "loss is not refused",
    file: "recovery/recover.js",
    from: /found\.end < claim && !overridden\(options\)/,
    to: "false",
    check: checkRefusal,
  },
  {
    name: "the mark is not lowered",
    file: "recovery/recover.js",
    from: /mark\?\.lower\(found\.end\);/,
    to: "",
    check: repair("loss, accepted"),
  },
  {
    name: "the mark is lowered after the cut",
    file: "recovery/recover.js",
    from: /mark\?\.lower\(found\.end\);\s+if \(found\.size > found\.end\)\s+store\.truncate\(found\.end\);/,
    to: "if (found.size > found.end) store.truncate(found.end); store.flushBlocking(); mark?.lower(found.end);",
    check: repair("loss, accepted and not saved"),
  },
  {
    name: "the lowered mark is not flushed",
    file: "recovery/mark.js",
    from: /this\.#file\.flush\(\);\s+this\.#write\(this\.#lsn\);\s+this\.#keep\(\);/,
    to: "this.#write(this.#lsn);",
    check: repair("loss, accepted"),
  },
  {
    name: "the lowered mark is taken for durable when it is only seen",
    file: "recovery/mark.js",
    from: /\(lsn >= this\.#lsn && lsn >= \(this\.#older \?\? 0\)\)/,
    to: "lsn >= this.#lsn",
    check: repair("loss, accepted"),
  },
  {
    name: "nothing is saved to quarantine",
    file: "recovery/recover.js",
    from: /mustSave \? saveTail\(store, found\) : null/,
    to: "null",
    check: repair("noise"),
  },
  {
    name: "an incomplete record below the mark is not saved",
    file: "recovery/recover.js",
    from: /\(!tail\.incomplete \|\| lost\)/,
    to: "!tail.incomplete",
    check: repair("shorter than its mark, accepted"),
  },
  {
    name: "the quarantine file is not flushed",
    file: "store/durable-fs.js",
    from: /disk\.open\(path, "create"\);\s+try \{\s+try \{\s+fill\(fd\);\s+disk\.flushAllBlocking\(fd\);/,
    to: 'disk.open(path, "create"); try { try { fill(fd);',
    check: repair("noise"),
  },
  {
    name: "the quarantine's name is not flushed",
    file: "store/durable-fs.js",
    from: /throw error;\s+\}\s+disk\.flushDirectoryBlocking\(dirname\(path\)\);\s+\}/,
    to: "throw error; } }",
    check: repair("noise"),
  },
  {
    name: "the quarantine is written in place",
    file: "store/file-side.js",
    from: /replaceDurably\(disk, path, \(fd\) => copy\(disk, fd, from, to, readAt\)\);/,
    to: "{ const fd = createDurably(disk, path); copy(disk, fd, from, to, readAt); disk.flushAllBlocking(fd); disk.close(fd); }",
    check: repair("noise"),
  },
  {
    name: "a new log's name is not flushed",
    file: "store/durable-fs.js",
    from: /disk\.flushDirectoryBlocking\(dirname\(path\)\);\s+return fd;/,
    to: "return fd;",
    check: session,
  },
  {
    name: "the cut is not flushed with the size",
    file: "store/positioned-file.js",
    from: /#cuts = 1;/,
    to: "#cuts = 0;",
    check: repair("zeros"),
  },
  {
    name: "a failed flush of the repair is ignored",
    file: "store/store-io.js",
    from: /flushBlockingChecked\(store\);\s+\}/,
    to: "try { flushBlockingChecked(store); } catch {} }",
    check: (lib) => {
      for (const each of repairs()) checkRepairFlush(lib, each);
    },
  },
  {
    name: "the lock is not taken",
    file: "open-store.js",
    from: /store\.side\?\.lock\?\.\(\);/,
    to: "",
    check: checkLock,
  },
];

for (const mutation of mutations) {
  test(`found out: ${mutation.name}`, async (t) => {
    const lib = await copyOfLibrary(t, mutation);
    await assert.rejects(
      async () => {
        await mutation.check(lib);
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
