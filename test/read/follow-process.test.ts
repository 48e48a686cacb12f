/**
 * Following a log that a real other process writes, through everything that it does to it: whoever
 * heeds what the follower says ends with the log. WAL_DB_FOLLOW_SEED repeats the writer's choices.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FileStore, Wal, type WalError } from "wal-db";
import { CutNotes } from "#internal/recovery/cut-notes.js";
import { scratchDir } from "../support/scratch.js";
import { lastText, segmentBytes } from "./followed-log.js";

const long = process.env["WAL_DB_LONG"] === "1";
const seed = Number(process.env["WAL_DB_FOLLOW_SEED"] ?? Math.floor(Math.random() * 0x1_0000_0000));
const steps = long ? 5000 : 400;

type Kind = "file" | "segments";

function start(script: string, ...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(`./${script}.js`, import.meta.url));
  return spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode;
}

function openLog(kind: Kind, log: string, readOnly: boolean): Promise<Wal> {
  return kind === "segments"
    ? Wal.openSegmented(log, { segmentSize: segmentBytes, readOnly })
    : Wal.open(log, { readOnly });
}

/** What open finds in the middle of a cut may contradict itself; its message says to open again. */
async function lookAt(kind: Kind, log: string): Promise<Wal> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await openLog(kind, log, true);
    } catch (error) {
      if ((error as WalError).code !== "WAL_CORRUPT" || attempt >= 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

interface Copy {
  readonly records: Map<number, string>;
  cuts: number;
  heads: number;
}

/** Follows until the last record has come, and does what the errors say. */
async function keepCopy(kind: Kind, log: string, until: "appended" | "durable"): Promise<Copy> {
  const copy: Copy = { records: new Map(), cuts: 0, heads: 0 };
  for (;;) {
    const wal = await lookAt(kind, log);
    const follower = wal.follow({ until });
    for (let standing = true; standing;) {
      try {
        for await (const record of follower) {
          assert.ok(!copy.records.has(record.lsn), `${record.lsn} was given twice`);
          copy.records.set(record.lsn, record.text());
          if (record.text() === lastText) {
            await wal.close();
            return copy;
          }
        }
        standing = false;
      } catch (error) {
        const { code, reason, offset } = error as WalError;
        if (code !== "WAL_CORRUPT" || reason !== "truncated" || offset === undefined) throw error;
        copy.cuts++;
        for (const lsn of copy.records.keys()) if (lsn >= offset) copy.records.delete(lsn);
      }
    }
    // It has ended: the front has passed it. On from where the log begins now.
    copy.heads++;
    copy.records.clear();
    await wal.close();
  }
}

async function follow(kind: Kind, log: string): Promise<Copy[]> {
  const before = await openLog(kind, log, false);
  await before.close();
  const writer = start("writer-process", kind, log, String(seed), String(steps));
  const kept = await Promise.all([keepCopy(kind, log, "appended"), keepCopy(kind, log, "durable")]);
  assert.equal(await exitOf(writer), 0);
  return kept;
}

/** What the copies lack, and what they have that is not in the log; from its head on. */
async function faultsOf(kind: Kind, log: string, copies: readonly Copy[]): Promise<string[]> {
  const wal = await openLog(kind, log, true);
  const faults: string[] = [];
  const lsns = new Set<number>();
  for (const record of wal) {
    lsns.add(record.lsn);
    copies.forEach((copy, which) => {
      const text = copy.records.get(record.lsn);
      if (text !== record.text()) faults.push(`${which} has ${text} at ${record.lsn} for ${record.text()}`);
    });
  }
  copies.forEach((copy, which) => {
    for (const lsn of copy.records.keys()) {
      if (lsn >= wal.head && !lsns.has(lsn)) faults.push(`${which} has a record at ${lsn}`);
    }
  });
  await wal.close();
  return faults;
}

for (const kind of ["file", "segments"] as const) {
  test(`a writer of ${kind} lives ${steps} steps; its followers, who heed what they are told, have its log`, async (t) => {
    t.diagnostic(`WAL_DB_FOLLOW_SEED=${seed}`);
    const log = join(scratchDir(t), "log");
    const copies = await follow(kind, log);
    for (const { records, cuts, heads } of copies) {
      // A file has no front to drop: nothing but that may have ended a follower.
      if (kind === "file") assert.equal(heads, 0, `WAL_DB_FOLLOW_SEED=${seed}`);
      t.diagnostic(`${records.size} records, told of ${cuts} cuts and ${heads} dropped fronts`);
    }
    assert.deepEqual(await faultsOf(kind, log, copies), [], `WAL_DB_FOLLOW_SEED=${seed}`);
  });
}

test("the same comparison sees a copy that does not heed the cuts, and one that lacks a record", async (t) => {
  const log = join(scratchDir(t), "log");
  const wal = await Wal.open(log);
  const reader = await Wal.open(log, { readOnly: true });
  const follower = reader.follow();
  const copy: Copy = { records: new Map(), cuts: 0, heads: 0 };
  const first = wal.append("one");
  wal.append("two");
  for (let i = 0; i < 2; i++) {
    const given = await follower.next();
    if (given.done !== true) copy.records.set(given.value.lsn, given.value.text());
  }
  await wal.truncateAfter(first);
  wal.append("TWO and longer");
  const lacking: Copy = { records: new Map(), cuts: 0, heads: 0 };
  assert.equal((await faultsOf("file", log, [copy])).length, 1);
  assert.equal((await faultsOf("file", log, [lacking])).length, 2);
  await follower.return?.();
  await reader.close();
  await wal.close();
});

test("a log that another file has taken the place of is not waited for", async (t) => {
  const dir = scratchDir(t);
  const log = join(dir, "log");
  const wal = await Wal.open(log);
  wal.append("one");
  const reader = await Wal.open(log, { readOnly: true });
  const follower = reader.follow();
  assert.equal((await follower.next()).done, false);
  const waiting = follower.next();
  renameSync(log, join(dir, "elsewhere"));
  await assert.rejects(waiting, /replaced by another file/);
  await reader.close();
  await wal.close();
});

test("each cut is noted twice, before it and after it; so is a batch that is taken back", async (t) => {
  // Of a batch, the kernel had written the first record when the disk was full: whoever followed the
  // log from another process had read it, and the log never had it.
  const log = join(scratchDir(t), "log");
  const store = FileStore.open(log);
  const wal = await Wal.withStore(store);
  const first = wal.append("one");
  wal.append("two");
  const cut = wal.read(first).next;
  const countNow = (): number =>
    existsSync(`${log}.cuts`) ? (CutNotes.of(readFileSync(`${log}.cuts`))?.count ?? -1) : 0;
  let countThen = -1;
  const truncate = store.truncate.bind(store);
  store.truncate = (length) => {
    countThen = countNow();
    truncate(length);
  };
  await wal.truncateAfter(first);
  assert.deepEqual([countThen, countNow()], [1, 2]);
  wal.append("TWO");
  wal.truncateAfterBlocking(first);
  assert.deepEqual([countThen, countNow()], [3, 4]);

  const writeAt = store.writeAt.bind(store);
  store.writeAt = (offset, bytes) => {
    writeAt(offset, bytes.slice(0, 11));
    throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
  };
  assert.throws(() => wal.appendBatch(["two", "three"]), { code: "WAL_IO" });
  assert.deepEqual([countThen, countNow()], [5, 6]);
  // Part of a single record is nothing that anybody could have read.
  assert.throws(() => wal.append("another"), { code: "WAL_IO" });
  assert.equal(countNow(), 6);
  assert.equal(CutNotes.of(readFileSync(`${log}.cuts`))?.lowestSince(4), cut);
  store.writeAt = writeAt;
  await wal.close();
});

async function firstLine(child: ChildProcess): Promise<string> {
  const [data] = (await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data")) as [Buffer];
  return data.toString();
}

/**
 * A worker whose only work was to follow a log ended without a word at its first idle moment (exit code
 * 13, or 0), while one that followed a log of another process stayed. Now a record that is waited for
 * keeps its thread everywhere alike, unless `persistent` is false.
 */
for (const where of ["here", "other", "joined"]) {
  test(`${where}: who waits for a record stays; with persistent: false it ends`, async (t) => {
    const log = join(scratchDir(t), "log");
    await (await Wal.open(log)).close();
    const stays = start("waiting-process", where, "true", log);
    t.after(() => stays.kill());
    assert.equal(await firstLine(stays), "waiting\n");
    const other = join(scratchDir(t), "log");
    await (await Wal.open(other)).close();
    const ends = start("waiting-process", where, "false", other);
    assert.equal(await firstLine(ends), "waiting\n");
    assert.equal(await exitOf(ends), 0);
    // Longer than a poll; the one that ended took less.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(stays.exitCode, null);
  });
}
