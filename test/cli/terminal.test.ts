/** What a person sees: colour, progress, questions, and nothing that a record could make the terminal do. In a pipe none of it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { scratchDir } from "../support/scratch.js";
import { runCommand } from "./command-process.js";
import { noTerminal, runOnTerminal } from "./pseudo-terminal.js";
import { bounds, states, wholeLog } from "./states.js";
import { frameOf } from "../support/plain-format.js";

const escape = "\u001b";
// oxlint-disable-next-line no-control-regex -- this is what colours are made of
const colours = /\u001b\[[\d;]*m/g;
// oxlint-disable-next-line no-control-regex -- and this is how a line is wiped
const wiped = /\r\u001b\[2K/g;

function withLogs(t: Parameters<typeof scratchDir>[0], ...names: readonly string[]): string {
  const dir = scratchDir(t);
  for (const name of names) states[name]?.(dir);
  return dir;
}

describe("on a terminal", { concurrency: 2, skip: noTerminal }, () => {
  test("records are a table, damage is red", async (t) => {
    const dir = withLogs(t, "corrupt.wal");
    const { shown, exit } = await runOnTerminal(["dump", "corrupt.wal"], { cwd: dir });
    assert.equal(exit, 2);
    assert.match(shown, /LSN {6}LENGTH {2}DATA/);
    assert.ok(shown.includes(`${escape}[31m          24          32  checksum-mismatch`), shown);
  });

  test("the table keeps to the width of the terminal", async (t) => {
    const dir = withLogs(t, "whole.wal");
    const { shown } = await runOnTerminal(["dump", "whole.wal"], { cwd: dir, columns: 50 });
    const lines = shown.replace(colours, "").split("\r\n");
    assert.ok(lines.some((line) => line.endsWith("…")));
    for (const line of lines) assert.ok(line.length <= 50, line);
  });

  test("NO_COLOR takes colour away, also on a terminal; FORCE_COLOR brings it, also into a pipe", async (t) => {
    const dir = withLogs(t, "corrupt.wal");
    const plain = await runOnTerminal(["dump", "corrupt.wal"], { cwd: dir, env: { NO_COLOR: "1" } });
    assert.ok(!plain.shown.includes(escape), plain.shown);
    const dumb = await runOnTerminal(["dump", "corrupt.wal"], { cwd: dir, env: { TERM: "dumb" } });
    assert.ok(!dumb.shown.includes(escape), dumb.shown);
    const forced = await runCommand(["dump", "--table", "corrupt.wal"], {
      cwd: dir,
      env: { FORCE_COLOR: "1" },
    });
    assert.match(forced.stdout, colours);
    const off = await runCommand(["dump", "--table", "corrupt.wal"], { cwd: dir, env: { FORCE_COLOR: "0" } });
    assert.ok(!off.stdout.includes(escape));
  });

  for (const form of [[], ["--text"], ["--hex"], ["--json"], ["--json", "--text"], ["--decode", "json"]]) {
    test(`no record makes the terminal do anything: dump ${form.join(" ")}`, async (t) => {
      const dir = scratchDir(t);
      const hostile = [
        `${escape}]0;owned\u0007${escape}[2J`,
        "\u009b31m",
        "a\rb\bc",
        "\u202egnp.exe",
        '"\u009b2J\u202e"',
      ];
      writeFileSync(join(dir, "hostile.wal"), Buffer.concat(hostile.map(frameOf)));
      const { shown } = await runOnTerminal(["dump", ...form, "hostile.wal"], {
        cwd: dir,
        env: { NO_COLOR: "1" },
      });
      // oxlint-disable-next-line no-control-regex -- these are what is looked for
      assert.doesNotMatch(shown.replaceAll("\r\n", "\n"), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      assert.ok(shown.split("\n").length > hostile.length);
    });
  }

  test("a name of a file does neither, nor does a mistake", async (t) => {
    const dir = scratchDir(t);
    const name = `${escape}[31mlog`;
    for (const words of [
      ["stat", name],
      ["dump", "--grep", `(${escape}[31m`, "x"],
      [`${escape}[31m`],
      ["dump", `--${name}`],
    ]) {
      const { shown, exit } = await runOnTerminal(words, { cwd: dir, env: { NO_COLOR: "1" } });
      assert.ok(exit === 66 || exit === 64, shown);
      assert.ok(!shown.includes(escape), shown);
    }
  });

  test("raw bytes go to no terminal", async (t) => {
    const dir = withLogs(t, "whole.wal");
    const { shown, exit } = await runOnTerminal(["dump", "--raw", "whole.wal"], { cwd: dir });
    assert.equal(exit, 64);
    assert.match(shown, /--raw is for a pipe/);
  });

  test("progress is a bar with rate and time left, and gone at the end; in a pipe there is none", async (t) => {
    const dir = withLogs(t, "whole.wal");
    const { shown, exit } = await runOnTerminal(["verify", "whole.wal"], { cwd: dir });
    assert.equal(exit, 0);
    assert.match(shown, /Verifying \[[#.]+\] +\d+% {2}[\d.]+ .?i?B\/s {2}.* left/);
    const last = shown.split(`\r${escape}[2K`).at(-1) ?? "";
    assert.match(shown, wiped);
    assert.doesNotMatch(last, /Verifying/);
    const piped = await runCommand(["verify", "whole.wal"], { cwd: dir });
    assert.equal(piped.stderr, "");
  });

  test("a question is asked, and only yes is yes", async (t) => {
    for (const [text, code] of [
      ["n\r", 4],
      ["\r", 4],
      ["yes please\r", 4],
      ["y\r", 0],
      ["YES\r", 0],
    ] as const) {
      const dir = withLogs(t, "corrupt.wal");
      const typed = [{ after: "[y/N]", text }];
      const { shown, exit } = await runOnTerminal(["repair", "corrupt.wal"], { cwd: dir, typed });
      assert.equal(exit, code, shown);
      const left = readFileSync(join(dir, "corrupt.wal")).length;
      assert.equal(left, code === 0 ? bounds[1] : wholeLog.length, text);
    }
  });

  test("Ctrl-C and Ctrl-D at a question change nothing", async (t) => {
    for (const [text, code] of [
      ["\u0003", 130],
      ["\u0004", 4],
    ] as const) {
      const dir = withLogs(t, "whole.wal");
      const typed = [{ after: "[y/N]", text }];
      const words = ["truncate", "whole.wal", "--after", "0"];
      const { shown, exit } = await runOnTerminal(words, { cwd: dir, typed });
      assert.equal(exit, code, shown);
      assert.equal(readFileSync(join(dir, "whole.wal")).length, wholeLog.length);
      assert.doesNotMatch(shown, / at .*\.js:\d+/);
    }
  });

  test("Ctrl-C ends tail -f with 130, and says nothing more", async (t) => {
    const dir = withLogs(t, "whole.wal");
    const typed = [{ after: "the first record", text: "\u0003" }];
    const { shown, exit } = await runOnTerminal(["tail", "-f", "whole.wal"], { cwd: dir, typed });
    assert.equal(exit, 130, shown);
    assert.doesNotMatch(shown, /wal-db:/);
  });
});

test("in a pipe there are no colours, no progress and no questions", async (t) => {
  const dir = withLogs(t, "corrupt.wal");
  for (const words of [
    ["dump", "--table"],
    ["stat"],
    ["verify"],
    ["repair"],
    ["tail", "--table"],
    ["quarantine", "ls"],
  ]) {
    const { stdout, stderr } = await runCommand([...words, "corrupt.wal"], { cwd: dir });
    assert.ok(!`${stdout}${stderr}`.includes(escape), words.join(" "));
    assert.doesNotMatch(stderr, /%|y\/N/);
  }
});
