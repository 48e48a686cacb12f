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
