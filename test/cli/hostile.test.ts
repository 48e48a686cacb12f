/** What should not stand where a log, or a file of one, does; and what happens between a look and a deed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { scratchDir } from "../support/scratch.js";
import { cliPath, runCommand } from "./command-process.js";
import { states, wholeLog } from "./states.js";

const hasPipes = spawnSync("mkfifo", ["--version"]).status === 0;

// The open waited for somebody to write to the pipe, in a system call: neither Ctrl-C nor SIGTERM was heard.
describe("a pipe that nobody writes to", { skip: !hasPipes }, () => {
  for (const name of ["log", "log.mark", "log.reader-a", "dir/mark", "dir/head"]) {
    test(`${name}: refused, and not waited for`, (t) => {
      const dir = scratchDir(t);
      const isFile = name.startsWith("log");
      states["whole.wal"]?.(dir);
      mkdirSync(join(dir, "dir"));
      renameSync(join(dir, "whole.wal"), join(dir, isFile ? "log" : "dir/00000000000000000000.wal"));
      rmSync(join(dir, name), { force: true });
      assert.equal(spawnSync("mkfifo", [join(dir, name)]).status, 0);
      for (const command of ["dump", "stat", "verify", "append"]) {
        const { status, signal, stderr } = spawnSync(
          process.execPath,
          [cliPath, command, isFile ? "log" : "dir"],
          { cwd: dir, input: "", encoding: "utf8", timeout: 10_000, killSignal: "SIGKILL" },
        );
        assert.equal(signal, null, `${command} waits`);
        assert.equal(status, 64, stderr);
        assert.match(stderr, /is neither a file nor a directory/);
      }
    });
  }
});

// It was called no log at all: the one answer that a script takes for a slip in the path.
test("a log whose segments are all gone is a damaged log, by its head marker", async (t) => {
  const dir = scratchDir(t);
  states["dropped"]?.(dir);
  for (const name of readdirSync(join(dir, "dropped")).filter((each) => each.endsWith(".wal"))) {
    rmSync(join(dir, "dropped", name));
  }
  for (const command of ["verify", "dump", "stat", "append"]) {
    const words = [command, "--segment-size", "64", "dropped"];
    const { exit, stderr } = await runCommand(words, { cwd: dir });
    assert.equal(exit, 2, stderr);
    assert.match(stderr, /says that the log begins at/);
  }
});

// Two at once: the second looked before the first had made the log, and came to the lock when it was done.
test("import makes a log, and appends to none that was made meanwhile", async (t) => {
  const dir = scratchDir(t);
  states["whole.wal"]?.(dir);
  const blind = `import fs from "node:fs"; import { syncBuiltinESMExports } from "node:module"; fs.existsSync = () => false; syncBuiltinESMExports();`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(blind)}` };
  const words = ["import", "whole.wal"];
  const { exit, stderr } = await runCommand(words, { cwd: dir, env, input: '{"text":"one"}\n' });
  assert.equal(exit, 64, stderr);
  assert.match(stderr, /whole\.wal is there already/);
  assert.deepEqual(new Uint8Array(readFileSync(join(dir, "whole.wal"))), wholeLog);
});
