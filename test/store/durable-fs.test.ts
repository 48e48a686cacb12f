import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import type { Disk } from "#internal/store/disk.js";
import {
  createDurably,
  ensureDirectoryDurably,
  removeDurably,
  replaceDurably,
  temporaryName,
} from "#internal/store/durable-fs.js";
import { writeFully } from "#internal/store/positioned-file.js";
import { type DiskFault, FaultDisk, type FaultyCall } from "../support/fault-disk.ts";
import { scratchDir } from "../support/scratch.ts";

function replaceBytes(disk: Disk, path: string, bytes: Uint8Array): void {
  replaceDurably(disk, path, (fd) => writeFully(disk, fd, bytes, 0));
}

const bytes = Uint8Array.of(1, 2, 3);

test("create: the file is flushed before its folder", (t) => {
  const disk = new FaultDisk();
  const dir = scratchDir(t);
  disk.close(createDurably(disk, join(dir, "new")));
  assert.deepEqual(disk.calls, [
    "open new create",
    "flushAll new",
    `flushDirectory ${basename(dir)}`,
    "close new",
  ]);
});

test("a directory: made if there is none, and its name flushed either way", (t) => {
  const disk = new FaultDisk();
  const dir = scratchDir(t);
  for (let times = 1; times <= 2; times++) {
    ensureDirectoryDurably(disk, join(dir, "new"));
    assert.ok(statSync(join(dir, "new")).isDirectory());
    assert.deepEqual(disk.calls, Array(times).fill(`flushDirectory ${basename(dir)}`));
  }
});

test("create: a file that is there is refused, not emptied", (t) => {
  const disk = new FaultDisk();
  const path = join(scratchDir(t), "old");
  writeFileSync(path, bytes);
  assert.throws(() => createDurably(disk, path), { code: "EEXIST" });
  assert.deepEqual(readFileSync(path), Buffer.from(bytes));
  assert.deepEqual(disk.openFiles, []);
});

test("replace: written aside, flushed, renamed, and only then is the folder flushed", (t) => {
  const disk = new FaultDisk();
  const dir = scratchDir(t);
  const path = join(dir, "head");
  writeFileSync(path, "old");
  replaceBytes(disk, path, bytes);
  assert.deepEqual(
    disk.calls.filter((call) => !call.startsWith("remove")),
    [
      "open head.tmp create",
      "write head.tmp",
      "flushAll head.tmp",
      "close head.tmp",
      "rename head.tmp head",
      `flushDirectory ${basename(dir)}`,
    ],
  );
  assert.deepEqual(readFileSync(path), Buffer.from(bytes));
});

test("replace: whichever call fails, the old bytes or the new ones stand there whole, and nothing aside", (t) => {
  const calls: readonly FaultyCall[] = ["open", "write", "flushAll", "rename", "flushDirectory"];
  for (const call of calls) {
    const dir = scratchDir(t);
    const path = join(dir, "head");
    writeFileSync(path, "old");
    const disk = new FaultDisk();
    const faults: DiskFault[] = call === "write" ? [{ most: 1 }, { errno: "ENOSPC" }] : [{ errno: "EIO" }];
    disk.faults[call] = () => faults.shift();
    assert.throws(() => replaceBytes(disk, path, bytes), {
      code: call === "write" ? "ENOSPC" : "EIO",
    });
    const expected = call === "flushDirectory" ? Buffer.from(bytes) : Buffer.from("old");
    assert.deepEqual(readFileSync(path), expected, call);
    assert.deepEqual(readdirSync(dir), ["head"], call);
    assert.deepEqual(disk.openFiles, [], call);
  }
});

test("replace: a temporary file that a crash left is no obstacle", (t) => {
  const disk = new FaultDisk();
  const path = join(scratchDir(t), "head");
  writeFileSync(temporaryName(path), "left behind, and longer than what comes");
  replaceBytes(disk, path, bytes);
  assert.deepEqual(readFileSync(path), Buffer.from(bytes));
});

test("replace: what the filler throws is thrown, and what stood there stays", (t) => {
  const disk = new FaultDisk();
  const path = join(scratchDir(t), "head");
  writeFileSync(path, "old");
  const cause = new Error("filler");
  assert.throws(
    () =>
      replaceDurably(disk, path, () => {
        throw cause;
      }),
    cause,
  );
  assert.deepEqual(readFileSync(path), Buffer.from("old"));
  assert.equal(existsSync(temporaryName(path)), false);
});

test("remove: gone, then the folder is flushed, also when the file was gone already", (t) => {
  const disk = new FaultDisk();
  const dir = scratchDir(t);
  const path = join(dir, "old");
  writeFileSync(path, bytes);
  removeDurably(disk, path);
  removeDurably(disk, path);
  const flush = `flushDirectory ${basename(dir)}`;
  assert.deepEqual(disk.calls, ["remove old", flush, "remove old", flush]);
  assert.equal(existsSync(path), false);
});

test("remove: a failure other than absence is thrown, and nothing is flushed for it", (t) => {
  const disk = new FaultDisk();
  const dir = scratchDir(t);
  disk.faults.remove = () => ({ errno: "EBUSY" });
  assert.throws(() => removeDurably(disk, join(dir, "old")), { code: "EBUSY" });
  assert.deepEqual(disk.callsOf("flushDirectory"), []);
});
