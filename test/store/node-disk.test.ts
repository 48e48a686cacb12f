import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { type TestContext, test } from "node:test";
import { nodeDisk } from "#internal/store/node-disk.js";
import { scratchDir } from "../support/scratch.ts";

/** Every fsync of this process fails so, in both forms, until the test ends. */
function failFsync(t: TestContext, code: string): void {
  const error = Object.assign(new Error(`${code}: of the test`), { code });
  t.mock.method(fs, "fsyncSync", () => {
    throw error;
  });
  t.mock.method(fs, "fsync", (_: number, done: (error: Error) => void) => done(error));
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
}

test("a file system that knows no flush of a directory is taken at its word, and no other failure is", async (t) => {
  const dir = scratchDir(t);
  await t.test("EINVAL of a directory", async (t) => {
    failFsync(t, "EINVAL");
    nodeDisk.flushDirectoryBlocking(dir);
    await nodeDisk.flushDirectory(dir);
  });
  await t.test("EIO of a directory", async (t) => {
    failFsync(t, "EIO");
    assert.throws(() => nodeDisk.flushDirectoryBlocking(dir), { code: "EIO" });
    await assert.rejects(nodeDisk.flushDirectory(dir), { code: "EIO" });
  });
  await t.test("EINVAL of a file", async (t) => {
    failFsync(t, "EINVAL");
    assert.throws(() => nodeDisk.flushAllBlocking(0), { code: "EINVAL" });
    await assert.rejects(nodeDisk.flushAll(0), { code: "EINVAL" });
  });
});
