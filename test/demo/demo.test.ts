import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Wal } from "wal-db";
import { prove } from "../../examples/demo/proof.ts";
import { defaultSource, linesOf } from "../../examples/demo/source.ts";
import { scratchDir } from "../support/scratch.ts";

const main = fileURLToPath(new URL("../../examples/demo/main.js", import.meta.url));

function runDemo(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8", timeout: 60_000 });
}

const files = new Map<string, Uint8Array>([
  ["an empty file", Buffer.from("")],
  ["one empty line", Buffer.from("\n")],
  ["no newline at the end", Buffer.from("first\nsecond\nthird")],
  ["CRLF and empty lines", Buffer.from("\r\n\r\nfirst\r\n\n\nlast\r\n")],
  ["bytes that are not UTF-8", Buffer.from([0xff, 0xfe, 0x0a, 0x00, 0x0a, 0xc3])],
  ["a line longer than a record of the demo", Buffer.alloc(2_500_000, "x")],
]);

for (const [name, bytes] of files) {
  test(`the demo logs ${name}`, (t) => {
    const file = join(scratchDir(t), "file");
    writeFileSync(file, bytes);
    assert.deepEqual(Buffer.concat([...linesOf(file)]), Buffer.from(bytes));
    const { status, stdout, stderr } = runDemo(file);
    assert.equal(stderr, "");
    assert.equal(status, 0);
    assert.match(stdout, /The log is the file/);
  });
}

test("the demo has a file of its own, and kills while it logs it", () => {
  assert.ok(defaultSource() !== null);
  const { status, stdout, stderr } = runDemo();
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.match(stdout, /killed with [\d,]+ lines acknowledged; reopened/);
});

test("the demo says 64 to a file that is not there, to a folder, and to two files", (t) => {
  const dir = scratchDir(t);
  for (const args of [[join(dir, "missing")], [dir], [main, main]]) {
    const { status, stderr } = runDemo(...args);
    assert.equal(status, 64);
    assert.match(stderr, /npm run demo/);
  }
});

test("the demo's proof fails on a line that is missing, changed or invented", async (t) => {
  const dir = scratchDir(t);
  const file = join(dir, "file");
  writeFileSync(file, "a\nb\nc\n");
  const faultOf = async (name: string, lines: string[], atLeast: number): Promise<string | null> => {
    const log = join(dir, name);
    const wal = await Wal.open(log);
    wal.appendBatch(lines);
    await wal.close();
    return (await prove(log, file, atLeast)).fault;
  };
  assert.equal(await faultOf("whole", ["a\n", "b\n", "c\n"], 3), null);
  assert.equal(await faultOf("begun", ["a\n"], 1), null);
  assert.match((await faultOf("missing", ["a\n"], 2)) ?? "", /acknowledged: 2; lines in the log: 1/);
  assert.match((await faultOf("changed", ["a\n", "B\n"], 2)) ?? "", /record 2 of the log, at 10,/);
  assert.match((await faultOf("skipped", ["a\n", "c\n"], 2)) ?? "", /record 2/);
  assert.match((await faultOf("invented", ["a\n", "b\n", "c\n", "d\n"], 3)) ?? "", /record 4/);
});
