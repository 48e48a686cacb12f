/** What an operator does by mistake, or finds on a bad day: the wrong file, a full disk, a file that is gone. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { scratchDir } from "../support/scratch.js";
import { cliPath, plainEnvironment, runCommand } from "./command-process.js";
import { segmentBytes, states } from "./states.js";
import { treeImage } from "./tree-image.js";

describe("mistakes and bad days", { concurrency: 2 }, () => {
  // `wal-db export app.wal > backup` on a full disk wrote nothing and ended with 0, and a long one with 1 and a stack.
  test("output that cannot be written is a failure", { skip: !existsSync("/dev/full") }, (t) => {
    const dir = scratchDir(t);
    states["whole.wal"]?.(dir);
    const many = `${"x".repeat(300)}\n`.repeat(500);
    spawnSync(process.execPath, [cliPath, "append", "--create", "-q", "long.wal"], { cwd: dir, input: many });
    const full = openSync("/dev/full", "w");
    t.after(() => closeSync(full));
    const words = [
      ["export", "whole.wal"],
      ["export", "long.wal"],
      ["stat", "whole.wal"],
      ["dump", "--raw", "long.wal"],
      ["--help"],
    ];
    for (const line of words) {
      const { status, stderr } = spawnSync(process.execPath, [cliPath, ...line], {
        cwd: dir,
        stdio: ["ignore", full, "pipe"],
        env: plainEnvironment(),
        encoding: "utf8",
      });
      assert.equal(status, 74, `${line.join(" ")}: ${stderr}`);
      assert.match(stderr, /^wal-db: standard output could not be written: ENOSPC[^\n]*\n[^\n]*\n$/);
    }
  });

  // A segment by itself is a log that ends torn: an append to it cut its last bytes off, and the log had a hole.
  test("a file of a segmented log is no log by itself", async (t) => {
    const dir = scratchDir(t);
    states["segments"]?.(dir);
    writeFileSync(join(dir, "segments/mark"), "");
    const before = treeImage(dir);
    const [first = ""] = readdirSync(join(dir, "segments"));
    for (const words of [
      ["append"],
      ["repair", "--yes"],
      ["truncate", "--yes", "--after", "0"],
      ["verify"],
      ["dump"],
    ]) {
      for (const name of [first, "mark"]) {
        const { exit, stderr } = await runCommand([...words, `segments/${name}`], { cwd: dir, input: "x\n" });
        assert.equal(exit, 64, words.join(" "));
        assert.match(
          stderr,
          name === "mark" ? /mark/ : /is one file of the segmented log .*segments, and no log/,
        );
      }
    }
    assert.deepEqual(treeImage(dir), before);
    // Elsewhere it may be looked at.
    renameSync(join(dir, "segments", first), join(dir, first));
    assert.equal((await runCommand(["dump", first], { cwd: dir })).exit, 0);
  });

  // It was told of as a checksum that does not match; that a file had gone was for the reader to find out.
  test("a segment that is not there is named", async (t) => {
    const dir = scratchDir(t);
    states["segments"]?.(dir);
    rmSync(join(dir, "segments/00000000000000000001.wal"));
    rmSync(join(dir, "segments/00000000000000000002.wal"));
    const told = `The file 00000000000000000001.wal and the 1 after it are missing: the log from ${segmentBytes} to ${3 * segmentBytes}.`;
    for (const words of [["verify"], ["stat"], ["repair", "--dry-run"]]) {
      const { stdout } = await runCommand([...words, "segments"], { cwd: dir });
      assert.ok(stdout.includes(told), stdout);
    }
    const { stdout } = await runCommand(["verify", "--json", "segments"], { cwd: dir });
    const { missing } = JSON.parse(stdout) as { missing: unknown };
    const name = "00000000000000000001.wal";
    assert.deepEqual(missing, [{ name, count: 2, start: segmentBytes, end: 3 * segmentBytes }]);
    const append = await runCommand(["append", "segments"], { cwd: dir, input: "x\n" });
    assert.equal(append.exit, 2);
    assert.ok(!append.stderr.includes("wal-db verify segments/0"), append.stderr);
  });

  // verify said "whole" of a folder on which no volume was mounted, and export backed it up.
  test("an empty directory is no log", async (t) => {
    const dir = scratchDir(t);
    mkdirSync(join(dir, "mnt"));
    for (const command of ["verify", "export", "stat", "repair"]) {
      const { exit, stderr } = await runCommand([command, "mnt"], { cwd: dir });
      assert.equal(exit, 66, command);
      assert.match(stderr, /mnt is an empty directory: no log/);
    }
  });

  // The text of bytes that are no UTF-8 was imported as if it were they, with exit code 0.
  test("what dump showed as text is imported only if nothing was lost", async (t) => {
    const dir = scratchDir(t);
    states["whole.wal"]?.(dir);
    const asText = await runCommand(["dump", "--text", "whole.wal"], { cwd: dir });
    const refused = await runCommand(["import", "text.wal"], { cwd: dir, input: asText.stdout });
    assert.equal(refused.exit, 65);
    assert.match(refused.stderr, /line 4: its text does not show the bytes/);
    // Three bytes of four: the character that stands for them has three as well.
    const alike = '{"length":3,"text":"\ufffd"}\n';
    assert.equal((await runCommand(["import", "alike.wal"], { cwd: dir, input: alike })).exit, 65);
    const cut = '{"length":4,"data":"AAAA"}\n';
    assert.equal((await runCommand(["import", "cut.wal"], { cwd: dir, input: cut })).exit, 65);
    const asHex = await runCommand(["dump", "--hex", "whole.wal"], { cwd: dir });
    assert.equal((await runCommand(["import", "hex.wal"], { cwd: dir, input: asHex.stdout })).exit, 0);
    const image = treeImage(dir);
    assert.equal(image["hex.wal"], image["whole.wal"]);
  });

  test("what is to be typed next can be typed", async (t) => {
    const dir = scratchDir(t);
    states["corrupt.wal"]?.(dir);
    const name = "a b'c\n.wal";
    renameSync(join(dir, "corrupt.wal"), join(dir, name));
    const { stdout } = await runCommand(["verify", name], { cwd: dir });
    const line = /wal-db dump (.*?) shows/.exec(stdout)?.[1] ?? "";
    const { stdout: word } = spawnSync("bash", ["-c", `printf %s ${line}`], { encoding: "utf8" });
    assert.equal(word, join(dir, name));
  });

  test("an option that is misspelt", async (t) => {
    const dir = scratchDir(t);
    const long = await runCommand(["dump", "--limt", "3", "x"], { cwd: dir });
    assert.match(long.stderr, /Did you mean --limit\?/);
    const dash = await runCommand(["verify", "-app.wal"], { cwd: dir });
    assert.match(dash.stderr, /A name that begins with a dash: \.\/-name\./);
  });
});
