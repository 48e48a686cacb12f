/** `dump --decode`: with packages of the user's project, with a codec of their own, and without. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encode as toCbor } from "cbor-x";
import { pack } from "msgpackr";
import { struct, string, u64 } from "wal-db/pack-io";
import { projectDir } from "../support/project.js";
import { logOf } from "../support/plain-format.js";
import { scratchDir, type Scope } from "../support/scratch.js";
import { runCommand } from "./command-process.js";

const value = { id: 7, name: "tea" };

/** A project of its own, in which these packages are installed. */
function projectWith(t: Scope, ...packages: readonly string[]): string {
  const dir = scratchDir(t);
  mkdirSync(join(dir, "node_modules"));
  for (const name of packages) {
    symlinkSync(join(projectDir, "node_modules", name), join(dir, "node_modules", name));
  }
  return dir;
}

// What is no value of it: a text of five bytes that is not there.
for (const [codec, name, encode, wrong] of [
  ["msgpack", "msgpackr", pack, [0xd9, 5]],
  ["cbor", "cbor-x", toCbor, [0x65]],
] as const) {
  test(`${codec}: with the package ${name} of the folder, and a way out where there is none`, async (t) => {
    const bytes = encode(value) as Uint8Array;
    const dir = projectWith(t, name);
    writeFileSync(join(dir, "log.wal"), logOf([bytes, new Uint8Array(wrong)]));
    const { stdout, exit } = await runCommand(["dump", "--decode", codec, "log.wal"], { cwd: dir });
    assert.equal(exit, 0);
    const [first = "", second = ""] = stdout.split("\n");
    assert.deepEqual(JSON.parse(first), { lsn: 0, length: bytes.length, value });
    assert.match(second, /"undecoded":".+","data":"\S+"/);
    const without = projectWith(t);
    writeFileSync(join(without, "log.wal"), logOf([bytes]));
    const missing = await runCommand(["dump", "--decode", codec, "log.wal"], { cwd: without });
    assert.equal(missing.exit, 74);
    assert.match(missing.stderr, new RegExp(`npm install ${name}`));
  });
}

function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

// JSON.parse reads what JSON.stringify cannot write: one such record ended the dump as a fault of wal-db itself,
// and hid all that came after it.
test("a record nested too deep is shown undecoded, and those after it are shown", async (t) => {
  const dir = scratchDir(t);
  const depths = [900, 4000, 5000, 6000, 8000, 100_000];
  writeFileSync(join(dir, "log.wal"), logOf([...depths.map(nested), '"last"']));
  const { stdout, stderr, exit } = await runCommand(["dump", "--decode", "json", "log.wal"], { cwd: dir });
  assert.equal(stderr, "");
  assert.equal(exit, 0);
  const lines = stdout.trimEnd().split("\n");
  const shown = lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  assert.deepEqual(
    shown.map((record) => "value" in record),
    [true, false, false, false, false, false, true],
  );
  assert.equal(shown[1]?.["undecoded"], "nested more than 1000 deep");
  const table = await runCommand(["dump", "--table", "--decode", "json", "log.wal"], { cwd: dir });
  assert.equal(table.exit, 0);
  assert.match(table.stdout, /"last"/);
});

test("a codec that there is not, whatever every object has by that name", async (t) => {
  const dir = scratchDir(t);
  writeFileSync(join(dir, "log.wal"), logOf(["one"]));
  for (const name of ["constructor", "toString", "xml"]) {
    const { stderr, exit } = await runCommand(["dump", "--decode", name, "log.wal"], { cwd: dir });
    assert.equal(exit, 64, stderr);
    assert.match(stderr, /--decode is json, msgpack, cbor or pack-io:FILE/);
  }
});

test("pack-io: a module whose default export is a codec", async (t) => {
  const dir = projectWith(t);
  symlinkSync(projectDir, join(dir, "node_modules", "wal-db"));
  const schema = `import { struct, string, u64 } from "wal-db/pack-io"; export default struct({ id: u64, name: string });`;
  writeFileSync(join(dir, "schema.mjs"), schema);
  writeFileSync(join(dir, "none.mjs"), "export const codec = 1;");
  writeFileSync(
    join(dir, "log.wal"),
    logOf([struct({ id: u64, name: string }).encode({ id: 7n, name: "tea" })]),
  );
  const { stdout } = await runCommand(["dump", "--decode", "pack-io:schema.mjs", "log.wal"], { cwd: dir });
  assert.deepEqual((JSON.parse(stdout) as { value: unknown }).value, { id: "7", name: "tea" });
  const grep = ["dump", "--decode", "pack-io:schema.mjs", "--grep", '"name":"milk"', "log.wal"];
  assert.equal((await runCommand(grep, { cwd: dir })).stdout, "");
  const none = await runCommand(["dump", "--decode", "pack-io:none.mjs", "log.wal"], { cwd: dir });
  assert.equal(none.exit, 64);
  assert.match(none.stderr, /does not export a codec by default/);
  const gone = await runCommand(["dump", "--decode", "pack-io:gone.mjs", "log.wal"], { cwd: dir });
  assert.equal(gone.exit, 74);
  assert.doesNotMatch(gone.stderr, /\n\s+at /);
});
