/** Beside a live writer, and when somebody goes away: locks, following, Ctrl-C, pipes that close, rights. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, existsSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { inspect, type Lsn, Wal } from "wal-db";
import { type Scope, scratchDir } from "../support/scratch.js";
import { cliPath, ended, runCommand, startCommand } from "./command-process.js";
import { holdGolden, transcript } from "./golden.js";
import { states } from "./states.js";

describe("beside a live writer", { concurrency: 2 }, () => {
  test("whatever only looks works, and whatever writes is refused", async (t) => {
    const dir = scratchDir(t);
    const wal = await Wal.open(join(dir, "live.wal"));
    t.after(() => wal.close());
    wal.appendBatch(["one", "two"]);
    await wal.sync();
    wal.append("three");
    let text = "";
    const reading = [
      ["dump"],
      ["tail"],
      ["stat"],
      ["stat", "--json"],
      ["verify"],
      ["export"],
      ["repair"],
      ["quarantine", "ls"],
    ];
    const writing = [["append"], ["truncate", "--after", "0", "--yes"], ["convert"], ["import", "--append"]];
    for (const words of [...reading, ...writing]) {
      const line = words[0] === "convert" ? ["convert", "live.wal", "new.wal"] : [...words, "live.wal"];
      text += transcript(line, await runCommand(line, { cwd: dir, input: '{"text":"four"}\n' }), dir);
    }
    holdGolden("live-writer", text);
    assert.equal(wal.append("four"), 35);
  });

  test("a record that is just being written is no damage", async (t) => {
    const dir = scratchDir(t);
    const wal = await Wal.open(join(dir, "live.wal"));
    t.after(() => wal.close());
    await wal.appendAndSync("one");
    // The first bytes of the next one, as another process may see them.
    writeFileSync(join(dir, "live.wal"), new Uint8Array([1, 2, 3, 4, 200, 0, 0, 0, 7]), { flag: "a" });
    for (const words of [["verify", "--json"], ["export"], ["dump"]]) {
      assert.equal((await runCommand([...words, "live.wal"], { cwd: dir })).exit, 0, words.join(" "));
    }
  });

  for (const kind of ["file", "segments"] as const) {
    test(`tail -f goes on with what comes: ${kind}`, async (t) => {
      const dir = scratchDir(t);
      const wal =
        kind === "file"
          ? await Wal.open(join(dir, "log"))
          : await Wal.openSegmented(join(dir, "log"), { segmentSize: 64 });
      t.after(() => wal.close());
      const texts = Array.from({ length: 30 }, (_, number) => `record ${number}`);
      wal.appendBatch(texts.slice(0, 12));
      const words = ["tail", "-f", "-n", "2", "--text", "log"];
      const tail = follow(t, kind === "file" ? words : [...words, "--segment-size", "64"], dir);
      await tail.until((all) => all.length === 2);
      for (const text of texts.slice(12)) wal.append(text);
      const all = await tail.until((each) => each.length === 20);
      assert.deepEqual(all, texts.slice(10));
      await wal.truncateAfter(0 as Lsn);
      wal.append("after the cut");
      await tail.until((each) => each.at(-1) === "after the cut");
      const run = await tail.interrupt();
      assert.equal(run.exit, 130);
      assert.match(run.stderr, /the log was cut at 16/);
    });
  }

  // One segment does not show how long it may grow. It was read as endless: when the second one came, the record across the
  // bound was called damaged (exit code 2); and where the bound lay between two records, nothing more was ever shown.
  for (const [name, length] of [
    ["within a record", 9],
    ["between two records", 8],
  ] as const) {
    test(`tail -f of a log with one segment so far, whose bound lies ${name}`, async (t) => {
      const dir = scratchDir(t);
      const wal = await Wal.openSegmented(join(dir, "log"), { segmentSize: 64 });
      t.after(() => wal.close());
      const texts = Array.from({ length: 30 }, (_, number) => String(number).padEnd(length, "."));
      wal.appendBatch(texts.slice(0, 2));
      const tail = follow(t, ["tail", "-f", "--text", "log"], dir);
      await tail.until((all) => all.length === 2);
      wal.appendBatch(texts.slice(2, 5));
      await tail.until((all) => all.length >= 3);
      for (const text of texts.slice(5)) await wal.appendAndSync(text);
      assert.deepEqual(await tail.until((all) => all.length === 30), texts);
      const run = await tail.interrupt();
      assert.equal(run.exit, 130);
      assert.equal(run.stderr, "");
    });
  }

  test("tail -f goes on with the log that takes the place of one that was moved away", async (t) => {
    const dir = scratchDir(t);
    const path = join(dir, "log.wal");
    const first = await Wal.open(path);
    first.append("of the first");
    const tail = follow(t, ["tail", "-f", "--text", "log.wal"], dir);
    await tail.until((all) => all.length === 1);
    await first.close();
    renameSync(path, `${path}.old`);
    for (const beside of ["mark", "cuts"]) rmSync(`${path}.${beside}`, { force: true });
    const second = await Wal.open(path);
    t.after(() => second.close());
    second.append("of the second");
    await tail.until((all) => all.at(-1) === "of the second");
    const run = await tail.interrupt();
    assert.equal(run.exit, 130);
    assert.match(run.stderr, /removed or replaced/);
  });

  test("an append that is interrupted keeps what it has told of", async (t) => {
    const dir = scratchDir(t);
    const child = startCommand(["append", "--create", "log.wal"], { cwd: dir });
    const run = ended(child);
    child.stdin.write("one\ntwo\n");
    let told = "";
    while (!told.includes("11\n")) told += String((await once(child.stdout, "data"))[0]);
    child.kill("SIGINT");
    assert.equal((await run).exit, 130);
    const wal = await Wal.open(join(dir, "log.wal"), { readOnly: true });
    assert.deepEqual(
      Array.from(wal, (record) => record.text()),
      ["one", "two"],
    );
    await wal.close();
  });
});

// With the flush of `group` taken out, no test failed: closing flushes as well.
for (const sync of ["each", "group", "end"]) {
  test(`append --sync ${sync}: what a printed LSN says of its record`, async (t) => {
    const dir = scratchDir(t);
    const child = startCommand(["append", "--create", "--sync", sync, "log.wal"], { cwd: dir });
    t.after(() => child.kill("SIGKILL"));
    child.stdin.write("one\n");
    await once(child.stdout, "data");
    assert.equal(inspect(join(dir, "log.wal")).mark === 11, sync !== "end");
  });
}

describe("when nobody reads any more", { concurrency: 2 }, () => {
  for (const words of [
    ["dump"],
    ["dump", "--raw"],
    ["dump", "--hex", "--table"],
    ["export"],
    ["dump", "--reverse-last", "100000"],
  ]) {
    test(words.join(" "), async (t) => {
      const dir = scratchDir(t);
      const wal = await Wal.open(join(dir, "log.wal"));
      wal.appendBatch(Array.from({ length: 50_000 }, (_, number) => `record ${number}`));
      await wal.close();
      const child = startCommand([...words, "log.wal"], { cwd: dir });
      let errors = "";
      child.stderr.on("data", (part: Buffer) => (errors += part.toString()));
      child.stdin.end();
      await once(child.stdout, "data");
      child.stdout.destroy();
      const [code] = (await once(child, "exit")) as [number];
      assert.equal(code, 141);
      assert.equal(errors, "");
    });
  }
});

// An error of the stream was thrown where nobody caught it: a stack, and the exit code 1 of a torn log; and of what
// fits into one buffer nothing was said at all, so that an export to a full disk ended with 0, and with no export.
describe("when the disk is full that the output goes to", { skip: !existsSync("/dev/full") }, () => {
  for (const count of [3, 50_000]) {
    test(`${count} records`, async (t) => {
      const dir = scratchDir(t);
      const wal = await Wal.open(join(dir, "log.wal"));
      wal.appendBatch(Array.from({ length: count }, (_, number) => `record ${number}`));
      await wal.close();
      for (const words of [["export"], ["dump"], ["stat"], ["verify"], ["report", "-o", "-"]]) {
        const full = openSync("/dev/full", "w");
        const { status, stderr } = spawnSync(process.execPath, [cliPath, ...words, "log.wal"], {
          cwd: dir,
          stdio: ["ignore", full, "pipe"],
          encoding: "utf8",
        });
        closeSync(full);
        assert.equal(status, 74, words.join(" "));
        assert.match(stderr, /^wal-db: standard output could not be written: ENOSPC/);
      }
    });
  }
});

test("what this user may not read is told as such", async (t) => {
  const dir = scratchDir(t);
  const log = "whole.wal";
  states[log]?.(dir);
  chmodSync(join(dir, log), 0);
  chmodSync(dir, 0o755);
  const uid = process.getuid?.() === 0 ? 65_534 : undefined;
  const options = { cwd: dir, ...(uid === undefined ? {} : { uid }) };
  const { exit } = await runCommand(["--version"], options).catch(() => ({ exit: "none" }));
  if (exit !== 0) return t.skip("no other user can run this here, and root may read everything");
  let text = "";
  for (const words of [
    ["dump"],
    ["stat"],
    ["verify"],
    ["tail"],
    ["export"],
    ["append"],
    ["repair", "--yes"],
  ]) {
    const line = [...words, log];
    text += transcript(line, await runCommand(line, options), dir);
  }
  holdGolden("no-permission", text);
});

/** `tail -f`, whose texts can be waited for. */
function follow(t: Scope, words: readonly string[], cwd: string) {
  const child = startCommand(words, { cwd });
  // One for each part that `until` waits for.
  child.setMaxListeners(0);
  t.after(() => child.kill("SIGKILL"));
  const run = ended(child);
  let pending = "";
  const texts: string[] = [];
  let changed: (() => void) | undefined;
  child.stdout.on("data", (part: Buffer) => {
    pending += part.toString();
    for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
      texts.push((JSON.parse(pending.slice(0, end)) as { text: string }).text);
      pending = pending.slice(end + 1);
    }
    changed?.();
  });
  return {
    async until(holds: (texts: readonly string[]) => boolean): Promise<readonly string[]> {
      while (!holds(texts)) {
        if (child.exitCode !== null) throw new Error(`it ended: ${JSON.stringify(await run)}`);
        await new Promise<void>((resolve) => {
          changed = resolve;
          child.once("exit", () => resolve());
        });
      }
      return texts;
    },
    interrupt() {
      child.kill("SIGINT");
      return run;
    },
  };
}
