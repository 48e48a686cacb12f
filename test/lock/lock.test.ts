/** One writer: between processes, in one process, from threads; and readers beside it. */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { nodeDisk } from "#internal/store/node-disk.js";
import { FileStore, Wal, WalError } from "wal-db";
import { folderImage } from "../support/folder-image.ts";
import { library } from "../support/library.ts";
import { scratchDir } from "../support/scratch.ts";
import type { Answer, Order } from "./contender.ts";

const long = process.env["WAL_DB_LONG"] === "1";

async function contender(t: TestContext): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL("./contender.js", import.meta.url)), { stdio: "inherit" });
  t.after(() => child.kill("SIGKILL"));
  assert.equal(await answerOf(child), "ready");
  return child;
}

async function answerOf(child: ChildProcess): Promise<Answer> {
  const [answer] = (await once(child, "message")) as [Answer];
  return answer;
}

function tell(child: ChildProcess, order: Order): Promise<Answer> {
  const answer = answerOf(child);
  child.send(order);
  return answer;
}

test("two processes race to open the same log: one wins, never both", async (t) => {
  const rounds = long ? 200 : 30;
  const dir = scratchDir(t);
  const children = [await contender(t), await contender(t)] as const;
  const wins = [0, 0];
  for (let round = 0; round < rounds; round++) {
    // Now a log that is there, now one that both have to make.
    const path = join(dir, round % 2 === 0 ? "same.wal" : `new-${round}.wal`);
    const at = Date.now() + 4;
    const answers = await Promise.all(children.map((child) => tell(child, { do: "open", path, at })));
    assert.deepEqual(
      answers.map(String).toSorted().join(),
      "lost,won",
      `round ${round}: ${JSON.stringify(answers)}`,
    );
    for (const [i, answer] of answers.entries()) if (answer === "won") wins[i] = (wins[i] ?? 0) + 1;
    await Promise.all(children.map((child) => tell(child, { do: "close" })));
  }
  // The race would show two winners: without the lock there are two.
  const path = join(dir, "same.wal");
  const options = { lock: false };
  const unlocked = children.map((child) => tell(child, { do: "open", path, at: 0, options }));
  assert.deepEqual(await Promise.all(unlocked), ["won", "won"]);
  t.diagnostic(`wins: ${wins.join(" and ")}`);
});

test("the holder is killed: the next open succeeds at once", async (t) => {
  const path = join(scratchDir(t), "app.wal");
  for (let round = 0; round < (long ? 20 : 4); round++) {
    const holder = await contender(t);
    assert.equal(await tell(holder, { do: "open", path, at: 0 }), "won");
    assert.throws(() => Wal.openBlocking(path), { code: "WAL_LOCKED", path });
    const gone = once(holder, "exit");
    holder.kill("SIGKILL");
    await gone;
    Wal.openBlocking(path).closeBlocking();
  }
});

test("a second open in the same process is refused, by whatever name the log is called", async (t) => {
  const dir = scratchDir(t);
  const path = join(dir, "app.wal");
  const wal = await Wal.open(path);
  const link = join(dir, "link.wal");
  symlinkSync(path, link);
  for (const name of [path, link, new URL(`file://${path}`), join(dir, ".", "x", "..", "app.wal")]) {
    assert.throws(
      () => Wal.openBlocking(name),
      (error: unknown) => {
        assert.ok(error instanceof WalError);
        assert.equal(error.code, "WAL_LOCKED");
        assert.equal(error.path, name === link ? link : path);
        assert.ok(error.message.includes(error.path ?? "?"), "the message names it");
        return true;
      },
    );
    await assert.rejects(Wal.open(name), { code: "WAL_LOCKED" });
  }
  // A refused open has let go of what it opened, and not of the lock.
  await assert.rejects(Wal.open(path), { code: "WAL_LOCKED" });
  wal.append("still ours");
  await wal.close();
  const next = await Wal.open(path);
  assert.deepEqual(
    [...next].map((record) => record.text()),
    ["still ours"],
  );
  await next.close();
});

test("a second open from a worker thread is refused", async (t) => {
  const path = join(scratchDir(t), "app.wal");
  const wal = Wal.openBlocking(path);
  const inWorker = async (): Promise<unknown> => {
    const worker = new Worker(new URL("./second-opener.js", import.meta.url), { workerData: path });
    const [answer] = (await once(worker, "message")) as [unknown];
    await worker.terminate();
    return answer;
  };
  assert.deepEqual(await inWorker(), { code: "WAL_LOCKED", path });
  wal.closeBlocking();
  assert.deepEqual(await inWorker(), { code: "opened" });
});

test("one store, one log", (t) => {
  const store = FileStore.open(join(scratchDir(t), "app.wal"));
  const wal = Wal.withStoreBlocking(store, { lock: false });
  assert.throws(() => Wal.withStoreBlocking(store, { lock: false }), {
    code: "WAL_LOCKED",
    path: store.path,
  });
  wal.append("not closed by the refusal");
  wal.closeBlocking();
});

test("a refused open changes nothing, also where there is something to repair", (t) => {
  const dir = scratchDir(t);
  const path = join(dir, "app.wal");
  const wal = Wal.openBlocking(path);
  wal.appendAndSyncBlocking("one");
  writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from("noise behind the last record")]));
  const before = folderImage(dir);
  assert.throws(() => Wal.openBlocking(path), { code: "WAL_LOCKED" });
  assert.throws(() => Wal.openBlocking(path, { onDamage: "truncate" }), { code: "WAL_LOCKED" });
  assert.deepEqual(folderImage(dir), before);
  wal.closeBlocking();
});

test("the lock is no file: beside an open log stands its mark, and nothing else", (t) => {
  const dir = scratchDir(t);
  const wal = Wal.openBlocking(join(dir, "app.wal"));
  wal.appendAndSyncBlocking("one");
  assert.deepEqual(Object.keys(folderImage(dir)).toSorted(), ["app.wal", "app.wal.mark"]);
  wal.closeBlocking();
  const segmented = Wal.openSegmentedBlocking(join(dir, "log"));
  segmented.appendAndSyncBlocking("one");
  const {
    [`${"0".repeat(20)}.wal`]: first,
    mark,
    ["head.tmp"]: spare,
    ...others
  } = folderImage(join(dir, "log"));
  assert.ok(first !== undefined && mark !== undefined && spare !== undefined);
  assert.deepEqual(others, {});
  segmented.closeBlocking();
});

test("lock: false takes no lock and minds none", (t) => {
  const path = join(scratchDir(t), "app.wal");
  const first = Wal.openBlocking(path, { lock: false });
  const second = Wal.openBlocking(path);
  const third = Wal.openBlocking(path, { lock: false });
  for (const wal of [third, second, first]) wal.closeBlocking();
});

test("where the lock cannot be had, open says so and names lock: false", (t) => {
  const path = join(scratchDir(t), "app.wal");
  const noDescriptor = 1_000_000;
  const disk = { ...nodeDisk, lock: (_: number, name: string) => nodeDisk.lock(noDescriptor, name) };
  assert.throws(
    () => library.open(disk, path),
    (error: unknown) => {
      assert.ok(error instanceof WalError);
      assert.equal(error.code, "WAL_UNSUPPORTED");
      assert.equal(error.path, path);
      assert.match(error.message, /lock: false/);
      return true;
    },
  );
  library.open(disk, path, { lock: false }).closeBlocking();
});

test("a file put in the log's place between open and lock is noticed", (t) => {
  const dir = scratchDir(t);
  const path = join(dir, "app.wal");
  for (const replace of [
    (): void => renameSync(join(dir, "other"), path),
    (): void => rmSync(path),
    (): void => {
      rmSync(path);
      copyFileSync(join(dir, "other"), path);
    },
  ]) {
    writeFileSync(path, "");
    writeFileSync(join(dir, "other"), "");
    const disk = {
      ...nodeDisk,
      lock(fd: number, name: string): boolean {
        replace();
        return nodeDisk.lock(fd, name);
      },
    };
    assert.throws(() => library.open(disk, path), { code: "WAL_LOCKED", path });
    // And the lock that it did get is gone again.
    Wal.openBlocking(path).closeBlocking();
    rmSync(`${path}.mark`);
  }
});

test("readOnly of a log that is not there: ENOENT, and nothing is made", (t) => {
  const dir = scratchDir(t);
  const error = { code: "WAL_IO", errno: "ENOENT" };
  assert.throws(() => Wal.openBlocking(join(dir, "none.wal"), { readOnly: true }), error);
  assert.deepEqual(folderImage(dir), {});
});

test("readOnly makes no file, takes no lock, and keeps no writer out", async (t) => {
  const dir = scratchDir(t);
  const path = join(dir, "app.wal");
  const writer = await Wal.open(path);
  await writer.appendAndSync("one");
  rmSync(`${path}.mark`);
  const before = folderImage(dir);
  const reader = await Wal.open(path, { readOnly: true });
  assert.deepEqual(
    [...reader].map((record) => record.text()),
    ["one"],
  );
  for (const call of [
    () => reader.append("x"),
    () => reader.syncBlocking(),
    () => reader.appendBatch(["x"]),
  ]) {
    assert.throws(call, { code: "WAL_READ_ONLY" });
  }
  await assert.rejects(reader.sync(), { code: "WAL_READ_ONLY" });
  assert.deepEqual(folderImage(dir), before);
  await writer.close();
  const next = await Wal.open(path);
  await next.appendAndSync("two");
  assert.deepEqual(
    [...reader].map((record) => record.text()),
    ["one"],
    "what was there when it was opened",
  );
  await reader.close();
  await next.close();
});

test("readers beside a live writer, again and again: each sees a prefix, none shorter than before", async (t) => {
  const dir = scratchDir(t);
  const path = join(dir, "app.wal");
  const writer = await contender(t);
  assert.equal(await tell(writer, { do: "open", path, at: 0 }), "won");
  assert.equal(await tell(writer, { do: "write" }), "writing");
  let seen = 0;
  let grew = 0;
  const until = Date.now() + (long ? 20_000 : 1500);
  for (let round = 0; Date.now() < until; round++) {
    const reader = Wal.openBlocking(path, { readOnly: true, verify: round % 2 === 0 ? "tail" : "full" });
    let count = 0;
    for (const record of reader) {
      assert.equal(record.text(), `${count}:${"x".repeat((count * 31) % 3000)}`);
      count++;
    }
    assert.ok(reader.durable <= reader.end);
    reader.closeBlocking();
    assert.ok(count >= seen, `${count} records after ${seen}`);
    if (count > seen) grew++;
    seen = count;
  }
  assert.equal(await tell(writer, { do: "close" }), "closed");
  assert.ok(grew > 2, "the log did not grow under the readers");
  assert.ok(!Object.keys(folderImage(dir)).some((name) => name.includes("quarantine")));
  assert.ok(existsSync(`${path}.mark`));
});
