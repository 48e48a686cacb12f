/** What is made of the commands' data is as it stands in the package: docs/cli.md, the manual page, the list of commands. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { entries } from "#internal/cli/commands.js";
import { exitCodes } from "#internal/cli/exit-code.js";
import { helpOf, overview } from "#internal/cli/help.js";
import { projectDir } from "../support/project.js";
import { cliPath, runCommand } from "./command-process.js";
import { documents } from "./manual.js";

const commands = await Promise.all(entries.map((entry) => entry.load()));

test("docs/cli.md and the manual page are as the commands make them", async () => {
  for (const [file, text] of await documents()) {
    assert.equal(
      readFileSync(join(projectDir, file), "utf8"),
      text,
      `${file}: npm run docs:cli makes it anew`,
    );
  }
});

test("the list of commands says of each what the command says of itself", () => {
  for (const [index, { name, summary }] of entries.entries()) {
    assert.deepEqual([commands[index]?.name, commands[index]?.summary], [name, summary]);
  }
});

test("every command has --json, --help, examples, and options that say what they are", () => {
  for (const { name, options, examples } of commands) {
    assert.ok("json" in options, name);
    assert.ok(examples.length > 0, name);
    for (const [option, { summary, kind, choices }] of Object.entries(options)) {
      assert.match(summary, /^[^]+\.$/, `${name} --${option}`);
      assert.equal(kind === "choice", choices !== undefined, `${name} --${option}`);
    }
    for (const { line } of examples) assert.ok(line.includes("wal-db "), line);
  }
});

test("no line of a help is wider than 80 columns, but for examples", () => {
  for (const text of [overview(entries), ...commands.map(helpOf)]) {
    const wide = text.split("\n").filter((line) => line.length > 82 && !line.includes("wal-db"));
    assert.deepEqual(wide, []);
  }
});

test("--help, help NAME and --version; a word that is no command, and no word at all", async () => {
  for (const command of commands) {
    const help = await runCommand([command.name, "--help"]);
    assert.equal(help.stdout, helpOf(command));
    assert.equal(help.exit, 0);
  }
  assert.equal((await runCommand(["help", "stat"])).stdout, (await runCommand(["stat", "-h"])).stdout);
  assert.equal((await runCommand(["--help"])).stdout, overview(entries));
  const { version } = JSON.parse(readFileSync(join(projectDir, "package.json"), "utf8")) as {
    version: string;
  };
  assert.equal((await runCommand(["--version"])).stdout, `${version}\n`);
  const none = await runCommand([]);
  assert.deepEqual([none.exit, none.stdout, none.stderr], [64, "", overview(entries)]);
  const misspelt = await runCommand(["verfy"]);
  assert.equal(misspelt.exit, 64);
  assert.match(misspelt.stderr, /Did you mean wal-db verify\?/);
});

test("each exit code has one meaning", () => {
  const codes = exitCodes.map(({ code }) => code);
  assert.deepEqual(
    codes,
    [...new Set(codes)].toSorted((a, b) => a - b),
  );
});

test("a mistake on the command line is told in two lines, without a stack", async () => {
  const wrong = [
    ["dump"],
    ["dump", "a", "b"],
    ["dump", "--nope", "a"],
    ["dump", "--from", "x", "a"],
    ["dump", "--limit", "-1", "a"],
    ["dump", "--hex", "--text", "a"],
    ["dump", "--grep", "(", "a"],
    ["dump", "--decode", "yaml", "a"],
    ["append", "--sync", "never", "a"],
    ["stat", "--segment-size", "0", "a"],
    ["completion", "tcsh"],
  ];
  for (const words of wrong) {
    const { exit, stderr, stdout } = await runCommand(words);
    assert.equal(exit, 64, `${words.join(" ")}: ${stderr}`);
    assert.equal(stdout, "");
    assert.ok(stderr.trimEnd().split("\n").length <= 2, stderr);
    assert.doesNotMatch(stderr, /\n\s+at |\.js:\d+/);
  }
});

test("the manual page is one that man takes", (t) => {
  const { status, stderr, error } = spawnSync("man", ["--warnings", "-l", join(projectDir, "man/wal-db.1")], {
    encoding: "utf8",
    env: { ...process.env, MANPAGER: "cat", LC_ALL: "C.UTF-8" },
  });
  if (error !== undefined) return t.skip("no man here");
  assert.equal(status, 0);
  assert.doesNotMatch(stderr, /warning|error/);
});

function complete(...words: readonly string[]): string[] {
  const script = `
    wal-db() { "${process.execPath}" "${cliPath}" "$@"; }
    eval "$(wal-db completion bash)"
    compopt() { :; }
    COMP_WORDS=(${words.map((word) => `"${word}"`).join(" ")}); COMP_CWORD=${words.length - 1}
    _wal_db; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, error, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  if (error !== undefined) throw error;
  assert.equal(stderr, "");
  return stdout.trim().split("\n");
}

test("the completion of bash knows commands, options and what an option can be", (t) => {
  if (spawnSync("bash", ["-c", ":"]).error !== undefined) return t.skip("no bash here");
  assert.deepEqual(complete("wal-db", "ver"), ["verify"]);
  assert.deepEqual(complete("wal-db", "dump", "--rev"), ["--reverse-last"]);
  assert.deepEqual(complete("wal-db", "append", "--sync", ""), ["each", "group", "end"]);
  assert.deepEqual(complete("wal-db", "quarantine", "c"), ["cat"]);
  assert.deepEqual(complete("wal-db", "dump", "app"), [""]);
});

test("the completions of zsh and fish name every command and option", async () => {
  for (const shell of ["zsh", "fish"]) {
    const { stdout, exit } = await runCommand(["completion", shell]);
    assert.equal(exit, 0);
    for (const { name, options } of commands) {
      assert.ok(stdout.includes(name), name);
      for (const option of Object.keys(options)) assert.ok(stdout.includes(option), option);
    }
  }
});
