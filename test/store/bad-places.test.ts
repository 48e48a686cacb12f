import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Wal, type WalErrorFacts, type WalOptions } from "wal-db";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

async function refused(
  path: string,
  facts: Partial<WalErrorFacts>,
  message: RegExp,
  options?: WalOptions,
): Promise<void> {
  const code = facts.errno === undefined ? "WAL_INVALID_ARGUMENT" : "WAL_IO";
  await assert.rejects(Wal.open(path, options), walFault(code, { path, ...facts }, message));
  assert.throws(() => Wal.openBlocking(path, options), walFault(code, { path, ...facts }, message));
}

test("a folder that is missing", async (t) => {
  const dir = scratchDir(t);
  await refused(join(dir, "missing", "log.wal"), { errno: "ENOENT" }, /folder must exist/);
  assert.deepEqual(readdirSync(dir), [], "and it was not made");
});

test("a folder where the file should be, to write and to read only", async (t) => {
  const dir = scratchDir(t);
  await refused(dir, { errno: "EISDIR" }, /openSegmented/);
  await refused(dir, { errno: "EISDIR" }, /openSegmented/, { readOnly: true });
  await refused(dir, { errno: "EISDIR" }, /openSegmented/, { lock: false });
});

test("a file where a folder should be", async (t) => {
  const file = join(scratchDir(t), "file");
  writeFileSync(file, "");
  await refused(join(file, "log.wal"), { errno: "ENOTDIR" }, /not a folder/);
  await refused(join(file, "log.wal"), { errno: "ENOTDIR" }, /not a folder/, { readOnly: true });
});

test("links that lead in a circle, and a name that is too long", async (t) => {
  const dir = scratchDir(t);
  symlinkSync("log.wal", join(dir, "log.wal"));
  await refused(join(dir, "log.wal"), { errno: "ELOOP" }, /Opening the log/);
  await refused(join(dir, "x".repeat(300)), { errno: "ENAMETOOLONG" }, /Opening the log/);
});

test("read-only where there is no log", async (t) => {
  const path = join(scratchDir(t), "log.wal");
  await refused(path, { errno: "ENOENT" }, /so must the log/, { readOnly: true });
  assert.equal(existsSync(path), false);
});

test("a pipe is refused, and does not make the caller wait for its other end", async (t) => {
  const path = join(scratchDir(t), "pipe");
  try {
    execFileSync("mkfifo", [path]);
  } catch {
    t.skip("no mkfifo here");
    return;
  }
  await refused(path, {}, /regular file/);
  await refused(path, {}, /regular file/, { readOnly: true });
});

test("a device is refused", async (t) => {
  if (!existsSync("/dev/null")) {
    t.skip("no /dev/null here");
    return;
  }
  await refused("/dev/null", {}, /regular file/);
});

test("a link to a log is that log, and what belongs beside it stands beside the log itself", async (t) => {
  const dir = scratchDir(t);
  mkdirSync(join(dir, "real"));
  symlinkSync(join("real", "log.wal"), join(dir, "link.wal"));
  const made = await Wal.open(join(dir, "real", "log.wal"));
  await made.appendAndSync("through the name");
  await made.close();
  const wal = await Wal.open(pathToFileURL(join(dir, "link.wal")));
  assert.deepEqual(
    [...wal].map((r) => r.text()),
    ["through the name"],
  );
  await wal.appendAndSync("through the link");
  await wal.close();
  assert.deepEqual(readdirSync(dir).toSorted(), ["link.wal", "real"]);
});

/** Runs as somebody who is not root, for whom permissions hold. */
const openAndTell = `
  const { Wal } = await import(process.argv[1]);
  process.setgroups([]);
  process.setgid(65534);
  process.setuid(65534);
  const told = [];
  for (const path of process.argv.slice(2)) {
    try {
      (await Wal.open(path)).closeBlocking();
      told.push("opened");
    } catch (error) {
      told.push([error.constructor.name, error.code, error.errno, error.path, error.message]);
    }
  }
  console.log(JSON.stringify(told));
`;

test("no permission: on the file, on its folder, and to make it", (t) => {
  const dir = scratchDir(t);
  const paths = ["readable", "closed", "sealed"].map((name) => join(dir, name, "log.wal")) as [
    string,
    string,
    string,
  ];
  for (const path of paths) mkdirSync(join(path, ".."));
  writeFileSync(paths[0], "");
  chmodSync(paths[0], 0o444);
  writeFileSync(paths[1], "");
  chmodSync(join(dir, "closed"), 0o000);
  chmodSync(join(dir, "sealed"), 0o555);
  chmodSync(dir, 0o755);
  try {
    checkPermissions(paths);
  } finally {
    chmodSync(join(dir, "closed"), 0o755);
  }
});

function checkPermissions(paths: readonly string[]): void {
  if (process.getuid?.() !== 0) {
    for (const path of paths) {
      assert.throws(
        () => Wal.openBlocking(path),
        walFault("WAL_IO", { path, errno: "EACCES" }, /the right to/),
      );
    }
    return;
  }
  const child = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", openAndTell, import.meta.resolve("wal-db"), ...paths],
    { encoding: "utf8" },
  );
  assert.equal(child.status, 0, child.stderr);
  const told = JSON.parse(child.stdout) as [string, string, string, string, string][];
  for (const [i, path] of paths.entries()) {
    const [name, code, errno, where, message] = told[i] ?? [];
    assert.deepEqual(
      [name, code, errno, where],
      ["WalError", "WAL_IO", "EACCES", path],
      JSON.stringify(told[i]),
    );
    assert.match(message ?? "", /the right to/);
  }
}

// Its size was taken for that of a segment, and reading the log failed with EISDIR.
test("a folder with the name of a segment is refused by name, and stays", async (t) => {
  const dir = join(scratchDir(t), "log");
  mkdirSync(join(dir, "00000000000000000001.wal"), { recursive: true });
  const path = join(dir, "00000000000000000001.wal");
  await assert.rejects(Wal.openSegmented(dir), walFault("WAL_CORRUPT", { path, reason: "not-a-file" }));
});
