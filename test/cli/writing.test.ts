/** The commands that change a log, on logs in every state: what they print, and what stands there then. */
import assert from "node:assert/strict";
import { existsSync, linkSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Scope, scratchDir } from "../support/scratch.js";
import { frameOf, joined, logOf, scanPlain } from "../support/plain-format.js";
import { type CommandRun, runCommand } from "./command-process.js";
import { holdGolden, transcript } from "./golden.js";
import { bounds, payloads, states, wholeLog } from "./states.js";
import { treeImage } from "./tree-image.js";

/** Several commands on one folder, one after another, as one golden file. */
class Session {
  readonly dir: string;
  text: string = "";

  constructor(t: Scope, ...logs: readonly string[]) {
    this.dir = scratchDir(t);
    for (const log of logs) states[log]?.(this.dir);
  }

  async run(words: readonly string[], input?: string | Uint8Array): Promise<CommandRun> {
    const run = await runCommand(words, { cwd: this.dir, ...(input === undefined ? {} : { input }) });
    this.text += transcript(words, run, this.dir);
    return run;
  }

  bytes(name: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.dir, name)));
  }
}

function lastRecords(image: Uint8Array, count: number): string[] {
  return scanPlain(image)
    .records.slice(-count)
    .map(({ payload }) => new TextDecoder().decode(payload));
}

describe("changing", { concurrency: 2 }, () => {
  test("append: each state of a log", async (t) => {
    const logs = ["whole.wal", "torn.wal", "zeros.wal", "corrupt.wal", "loss.wal", "segments", "dropped"];
    const session = new Session(t, ...logs, "empty.wal", "notes.txt");
    const before = treeImage(session.dir);
    for (const log of [...logs, "empty.wal", "notes.txt", "missing.wal"]) {
      await session.run(["append", log], "one\ntwo\n");
    }
    holdGolden("append", session.text);
    const after = treeImage(session.dir);
    for (const log of ["corrupt.wal", "notes.txt"]) assert.equal(after[log], before[log], log);
    for (const log of ["whole.wal", "torn.wal", "zeros.wal", "empty.wal"]) {
      assert.deepEqual(lastRecords(session.bytes(log), 2), ["one", "two"], log);
    }
    assert.ok(!existsSync(join(session.dir, "missing.wal")));
  });

  test("append: forms of input, and when it is synced", async (t) => {
    const session = new Session(t);
    const prefixed = joined(...["abc", "", "hello"].map((text) => frameOf(text).subarray(4)));
    await session.run(["append", "--create", "a.wal"], "one\n\ntwo, with no end");
    await session.run(["append", "--json", "--sync", "each", "a.wal"], "three\nfour\n");
    await session.run(["append", "--sync", "end", "--input", "ndjson", "a.wal"], '{"a":1}\n\n[2]\n');
    await session.run(["append", "--input", "length-prefixed", "a.wal"], prefixed);
    await session.run(["append", "--quiet", "a.wal"], "not told");
    await session.run(["append", "--input", "ndjson", "a.wal"], '"kept"\nnot JSON\n');
    await session.run(["append", "--input", "length-prefixed", "a.wal"], prefixed.subarray(0, -2));
    await session.run(["append", "--max-record-size", "4", "a.wal"], "1234\n12345\n");
    await session.run(["append", "--create", "--segment-size", "32", "segs"], "one\ntwo\nthree\nfour\n");
    await session.run(["append", "a.wal"], "");
    await session.run(["dump", "--text", "a.wal"]);
    holdGolden("append-input", session.text);
    const texts = [
      "one",
      "",
      "two, with no end",
      "three",
      "four",
      '{"a":1}',
      "[2]",
      "abc",
      "",
      "hello",
      "not told",
    ];
    assert.deepEqual(session.bytes("a.wal").subarray(0, logOf(texts).length), logOf(texts));
    assert.ok(existsSync(join(session.dir, "segs", "00000000000000000001.wal")));
  });

  test("truncate", async (t) => {
    const session = new Session(t, "whole.wal", "torn.wal", "corrupt.wal", "segments");
    const after = String(bounds[3]);
    await session.run(["truncate", "whole.wal"]);
    await session.run(["truncate", "whole.wal", "--after", "1", "--before", "2"]);
    await session.run(["truncate", "whole.wal", "--after", after]);
    assert.deepEqual(session.bytes("whole.wal"), wholeLog);
    await session.run(["truncate", "whole.wal", "--after", "33", "--yes"]);
    await session.run(["truncate", "whole.wal", "--after", after, "--yes"]);
    assert.deepEqual(session.bytes("whole.wal"), wholeLog.subarray(0, bounds[4]));
    await session.run(["truncate", "whole.wal", "--after", after, "--yes"]);
    await session.run(["truncate", "whole.wal", "--before", after, "--yes"]);
    await session.run(["truncate", "torn.wal", "--after", after, "--yes", "--json"]);
    await session.run(["truncate", "corrupt.wal", "--after", "0", "--yes"]);
    await session.run(["truncate", "segments", "--before", String(bounds[5]), "--yes"]);
    await session.run(["truncate", "segments", "--before", "0", "--yes"]);
    holdGolden("truncate", session.text);
    assert.ok(!existsSync(join(session.dir, "segments", "00000000000000000000.wal")));
  });

  test("repair: each state of a log, and what it has saved", async (t) => {
    const logs = ["whole.wal", "torn.wal", "bad-last.wal", "corrupt.wal", "hole.wal", "zeros.wal"];
    const session = new Session(t, ...logs, "loss.wal", "short.wal", "dropped", "notes.txt");
    for (const log of ["corrupt.wal", "loss.wal"]) await session.run(["repair", log]);
    assert.equal(session.bytes("corrupt.wal").length, wholeLog.length, "nobody said yes");
    for (const log of [...logs, "short.wal", "dropped", "notes.txt"])
      await session.run(["repair", "--yes", log]);
    await session.run(["repair", "--yes", "--json", "loss.wal"]);
    await session.run(["repair", "--yes", "--accept-loss", "loss.wal"]);
    await session.run(["repair", "--yes", "--accept-loss", "--json", "short.wal"]);
    for (const log of [...logs, "loss.wal", "short.wal", "notes.txt"])
      await session.run(["verify", "--json", log]);
    holdGolden("repair", session.text);
    const [, second = 0] = bounds;
    assert.deepEqual(session.bytes("corrupt.wal"), wholeLog.subarray(0, second));
    const saved = session.bytes(`corrupt.wal.quarantine-${second}`);
    assert.deepEqual(saved.subarray(32), wholeLog.subarray(second + 32));
    // A file that holds no record at all is cut down only by somebody who was asked.
    assert.equal(new TextDecoder().decode(session.bytes("notes.txt")).slice(0, 9), "This is n");
    assert.ok(!existsSync(join(session.dir, "notes.txt.quarantine-0")));
  });

  test("quarantine: ls, cat, restore", async (t) => {
    const session = new Session(t, "corrupt.wal", "bad-last.wal", "whole.wal");
    const at = String(bounds[1]);
    await session.run(["repair", "--yes", "corrupt.wal"]);
    await session.run(["repair", "--yes", "bad-last.wal"]);
    await session.run(["quarantine", "ls", "corrupt.wal"]);
    await session.run(["quarantine", "ls", "--json", "corrupt.wal"]);
    await session.run(["quarantine", "cat", "--json", "corrupt.wal"]);
    await session.run(["quarantine", "cat", "corrupt.wal", "77"]);
    await session.run(["quarantine", "show", "corrupt.wal"]);
    const cat = await runCommand(["quarantine", "cat", "corrupt.wal", at], { cwd: session.dir });
    assert.deepEqual(new Uint8Array(cat.bytes), session.bytes(`corrupt.wal.quarantine-${at}`));
    await session.run(["quarantine", "restore", "corrupt.wal", at]);
    await session.run(["quarantine", "restore", "--yes", "corrupt.wal", at]);
    await session.run([
      "quarantine",
      "restore",
      "--yes",
      "--json",
      "corrupt.wal",
      at,
      "--to",
      "salvaged.wal",
    ]);
    await session.run(["quarantine", "restore", "--yes", "bad-last.wal"]);
    writeFileSync(join(session.dir, `corrupt.wal.quarantine-${at}.1`), "another");
    await session.run(["quarantine", "cat", "corrupt.wal", at]);
    await session.run(["quarantine", "cat", "whole.wal"]);
    holdGolden("quarantine", session.text);
    const [first = "", , ...rest] = payloads;
    assert.deepEqual(session.bytes("corrupt.wal"), logOf([first, ...rest]));
    assert.deepEqual(session.bytes("salvaged.wal"), logOf(rest));
  });

  // Opened as the log to restore into, the quarantine was cut where it was torn and appended to itself: what had
  // been saved was saved no more.
  test("quarantine restore: not into the quarantine itself, by whatever name", async (t) => {
    const { dir } = new Session(t, "whole.wal");
    const saved = join(dir, "whole.wal.quarantine-24");
    writeFileSync(saved, joined(logOf(["saved"]), new Uint8Array([1, 2, 3])));
    symlinkSync(saved, join(dir, "linked"));
    linkSync(saved, join(dir, "again"));
    const before = treeImage(dir);
    for (const to of ["whole.wal.quarantine-24", "linked", "again"]) {
      const words = ["quarantine", "restore", "--yes", "whole.wal", "24", "--to", to];
      const { stderr, exit } = await runCommand(words, { cwd: dir });
      assert.equal(exit, 64, stderr);
      assert.match(stderr, /is the quarantine itself/);
    }
    assert.deepEqual(treeImage(dir), before);
  });

  test("convert", async (t) => {
    const session = new Session(
      t,
      "whole.wal",
      "torn.wal",
      "corrupt.wal",
      "loss.wal",
      "dropped",
      "notes.txt",
    );
    await session.run(["convert", "whole.wal", "new", "--segment-size", "100"]);
    await session.run(["convert", "new", "again.wal", "--json"]);
    await session.run(["convert", "whole.wal", "again.wal"]);
    await session.run(["convert", "torn.wal", "torn2.wal"]);
    for (const log of ["corrupt.wal", "loss.wal", "notes.txt", "missing.wal"]) {
      await session.run(["convert", log, "no.wal"]);
    }
    await session.run(["convert", "dropped", "no.wal"]);
    await session.run(["convert", "dropped", "rebased.wal", "--rebase"]);
    await session.run(["convert", "whole.wal"]);
    holdGolden("convert", session.text);
    assert.deepEqual(session.bytes("again.wal"), wholeLog);
    assert.deepEqual(session.bytes("rebased.wal"), wholeLog.subarray(bounds[5]));
    assert.ok(!existsSync(join(session.dir, "no.wal")));
  });

  test("export and import", async (t) => {
    const session = new Session(t, "whole.wal", "corrupt.wal");
    const whole = await session.run(["export", "whole.wal"]);
    await session.run(["import", "copy.wal"], whole.stdout);
    assert.deepEqual(session.bytes("copy.wal"), wholeLog);
    await session.run(["import", "copy.wal"], whole.stdout);
    const salvaged = await session.run(["export", "corrupt.wal"]);
    await session.run(["import", "--json", "salvaged.wal"], salvaged.stdout);
    await session.run(["import", "--append", "salvaged.wal"], '{"text":"more"}\n\n{"damage":{"lsn":1}}\n');
    await session.run(["import", "--segment-size", "64", "segments"], whole.stdout);
    await session.run(["verify", "--json", "segments"]);
    for (const wrong of ["[]", "{}", '{"data":"***="}', "no"]) {
      await session.run(["import", "--append", "copy.wal"], `${wrong}\n`);
    }
    await session.run(["import", "--append", "missing.wal"], whole.stdout);
    holdGolden("import", session.text);
    const [first = "", , ...rest] = payloads;
    assert.deepEqual(session.bytes("salvaged.wal"), logOf([first, ...rest, "more"]));
  });
});
