/**
 * What a thread is told that has joined a log. It was told to open the log again, which is not its to do;
 * and an error that it did not catch was no WalError to the thread that had started it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { Wal, WalError } from "wal-db";
import { scratchDir } from "../support/scratch.ts";

async function joined(t: TestContext): Promise<{ owner: Wal; other: Wal }> {
  const owner = await Wal.open(join(scratchDir(t), "log"));
  return { owner, other: Wal.attach(owner.share()) };
}

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof WalError) return `${error.code}: ${error.message}`;
  }
  throw new Error("it threw no WalError");
}

test("closed by its owner: it is told so, and what to do", async (t) => {
  const { owner, other } = await joined(t);
  await owner.close();
  for (const call of [() => other.append("x"), () => other.iter(), () => other.follow()]) {
    assert.match(messageOf(call), /^WAL_CLOSED: .* was closed by the thread that had opened it\. .*attach/);
  }
  await other.close();
  const alone = await joined(t);
  await alone.other.close();
  assert.match(
    messageOf(() => alone.other.append("x")),
    /^WAL_CLOSED: .* is closed\. /,
  );
  await alone.owner.close();
});

test("poisoned: the thread that opened the log is to open it again, and to share it anew", async (t) => {
  const error = new WalError("WAL_IO", "made for a test", { reason: "dead-owner" });
  const { poisoned } = await import("#internal/commit/group-commit.js");
  assert.match(
    poisoned(error, undefined).message,
    /open it again in one of them to recover, and share it anew/,
  );
  const { owner } = await joined(t);
  assert.match(poisoned(new WalError("WAL_IO", "made"), "log").message, /in the one that had opened it/);
  await owner.close();
});

test("what only the owner may do: which thread to ask", async (t) => {
  const { owner, other } = await joined(t);
  const message = messageOf(() => other.share());
  assert.match(message, /^WAL_UNSUPPORTED: share is for the thread that opened the log .*Ask that thread/);
  await other.close();
  await owner.close();
});

test("open already in this process: share and attach are named", async (t) => {
  const path = join(scratchDir(t), "log");
  const wal = await Wal.open(path);
  assert.match(
    messageOf(() => Wal.openBlocking(path)),
    /^WAL_LOCKED: .*share\(\).*Wal\.attach/,
  );
  await wal.close();
});

/** What the parent of a worker gets when that throws this. */
async function thrown(what: string): Promise<unknown> {
  const library = JSON.stringify(import.meta.resolve("wal-db"));
  const source = `import(${library}).then(({ WalError }) => { throw ${what}; });`;
  const [error] = (await once(new Worker(source, { eval: true }), "error")) as [unknown];
  return error;
}

test("an error that a worker did not catch is a WalError to its parent; another error is none", async () => {
  const error = await thrown(`new WalError("WAL_LOCKED", "made", { path: "log" })`);
  assert.ok(error instanceof WalError);
  assert.deepEqual([error.code, error.path], ["WAL_LOCKED", "log"]);
  assert.equal(
    (await thrown(`Object.assign(new Error("no"), { code: "WAL_LOCKED" })`)) instanceof WalError,
    false,
  );
  assert.equal(
    (await thrown(`Object.assign(new Error("no"), { name: "WalError", code: "E" })`)) instanceof WalError,
    false,
  );
});
