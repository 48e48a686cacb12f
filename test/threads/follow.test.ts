import assert from "node:assert/strict";
import { after, test, type TestContext } from "node:test";
import { type Until, Wal, type WalRecord } from "wal-db";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";
import { crewOf, FollowingThread, openLog, type StoreKind, terminateAll } from "./crew.ts";

after(terminateAll);

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

async function taken(follower: AsyncIterator<WalRecord>, count: number, wal?: Wal): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    const { done, value } = await follower.next();
    if (done === true) break;
    if (wal !== undefined) assert.ok(value.next <= wal.durable, `${value.lsn} is not durable`);
    texts.push(value.text());
  }
  return texts;
}

const textsOf = (wal: Wal): string[] => Array.from(wal, (record) => record.text());

for (const kind of ["file", "segmented", "memory"] satisfies StoreKind[]) {
  for (const until of ["appended", "durable"] satisfies Until[]) {
    test(`${kind}, ${until}: a follower in the owner and one in another thread get what all threads write`, async (t) => {
      const wal = await openLog(kind, scratchDir(t));
      const share = wal.share();
      const mine = wal.follow({ until });
      const other = new FollowingThread({ share, until });
      await other.says("joined");
      const each = 400;
      const crew = [
        ...crewOf(share, 2, { way: "append", count: each }),
        ...crewOf(share, 1, { way: "appendAndSync", count: each }),
      ];
      const got = await taken(mine, 3 * each, until === "durable" ? wal : undefined);
      await other.until(() => other.texts.length === 3 * each);
      await Promise.all(crew.map((writer) => writer.gone));
      assert.deepEqual(got, textsOf(wal));
      assert.deepEqual(other.texts, got);
      // Now both stand at the end and wait, and the log is idle.
      const next = taken(mine, 2, until === "durable" ? wal : undefined);
      await pause(20);
      await wal.appendAndSync("from the owner");
      await other.until(() => other.texts.at(-1) === "from the owner");
      const [late] = crewOf(share, 1, { way: "append", count: 1 });
      await late?.gone;
      await other.until(() => other.texts.length === 3 * each + 2);
      assert.deepEqual(await next, textsOf(wal).slice(-2));
      const ended = mine.next();
      await wal.close();
      assert.equal((await ended).done, true);
      await other.says("end");
      assert.ok(
        other.told.every((told) => told.kind !== "record" || !told.ahead),
        "nothing above durable",
      );
    });
  }
}

/** Appended and not synced: an `appended` follower is given it, and a `durable` one only after a sync. */
test("durable in another thread waits for the sync, whoever makes it", async (t) => {
  const wal = await openLog("file", scratchDir(t));
  const share = wal.share();
  const appended = new FollowingThread({ share, until: "appended" });
  const durable = new FollowingThread({ share, until: "durable" });
  await Promise.all([appended.says("joined"), durable.says("joined")]);
  wal.append("one");
  await appended.until(() => appended.texts.length === 1);
  assert.deepEqual(durable.texts, []);
  wal.syncBlocking();
  await durable.until(() => durable.texts.length === 1);
  await wal.close();
  for (const follower of [appended, durable]) await follower.says("end");
});

for (const kind of ["file", "segmented", "memory"] satisfies StoreKind[]) {
  test(`${kind}: a follower in another thread is told of the owner's cut, and goes on there`, async (t) => {
    const wal = await openLog(kind, scratchDir(t));
    const first = wal.append("first");
    wal.append("second");
    wal.append("third");
    await wal.sync();
    const follower = new FollowingThread({ share: wal.share(), until: "appended" });
    await follower.until(() => follower.texts.length === 3);
    const end = wal.read(first).next;
    await wal.truncateAfter(first);
    const told = await follower.says("error");
    assert.deepEqual(told, { kind: "error", code: "WAL_CORRUPT", reason: "truncated", offset: end });
    wal.append("instead");
    await follower.until(() => follower.texts.length === 4);
    assert.equal(follower.texts.at(-1), "instead");
    await wal.close();
    await follower.says("end");
  });
}

async function follows(t: TestContext): Promise<{ wal: Wal; follower: FollowingThread }> {
  const wal = await openLog("file", scratchDir(t));
  wal.append("one");
  const follower = new FollowingThread({ share: wal.share(), until: "appended" });
  await follower.until(() => follower.texts.length === 1);
  return { wal, follower };
}

test("a follower in another thread that waits: an abort ends it, and so does its own close; the log goes on", async (t) => {
  const { wal, follower } = await follows(t);
  follower.worker.postMessage("abort", []);
  const told = await follower.says("error");
  assert.equal(told.kind === "error" && told.code, "WAL_UNSUPPORTED", "the signal's reason");
  const second = new FollowingThread({ share: wal.share(), until: "appended" });
  await second.until(() => second.texts.length === 1);
  second.worker.postMessage("close", []);
  await second.says("end");
  await wal.appendAndSync("two");
  await wal.close();
});

test("a blocking close by the owner ends the followers of other threads; they have got everything", async (t) => {
  const { wal, follower } = await follows(t);
  for (let n = 0; n < 300; n++) wal.append(`record ${n}`);
  wal.closeBlocking();
  await follower.says("end");
  assert.equal(follower.texts.length, 301);
});

test("a follower is told when the log is poisoned in another thread", async (t) => {
  const wal = await openLog("file", scratchDir(t));
  const share = wal.share();
  const follower = new FollowingThread({ share, until: "durable" });
  await follower.says("joined");
  const next = wal.follow().next();
  const [failing] = crewOf(share, 1, { way: "appendAndSyncBlocking", count: 1, fault: "flush-fails" });
  await failing?.says("refused");
  const told = await follower.says("error");
  assert.equal(told.kind === "error" && told.code, "WAL_POISONED");
  await next;
  await wal.close();
});

/**
 * A shared log was looked at ten times a second by each thread that followed it; and a listener that
 * found all who had waited woken began anew at once, and woke them again.
 */
test("a follower that waits on an idle shared log does nothing at all", async (t) => {
  const wal = await openLog("memory", scratchDir(t));
  wal.share();
  const waited = t.mock.method(Atomics, "waitAsync");
  const next = [wal.follow().next(), wal.follow({ until: "durable" }).next()];
  await pause(20);
  const calls = waited.mock.callCount();
  assert.ok(calls >= 1 && calls <= 4, `${calls} waits for two followers`);
  await pause(350);
  assert.equal(waited.mock.callCount(), calls);
  await wal.appendAndSync("one");
  for (const each of next) assert.equal((await each).done, false);
  await wal.close();
});

test("a follower in a joined log of this thread: closing it ends the follower there, and not the owner's", async (t) => {
  const wal = await openLog("file", scratchDir(t));
  const joined = Wal.attach(wal.share());
  const there = joined.follow().next();
  const here = wal.follow().next();
  await joined.close();
  assert.equal((await there).done, true);
  assert.throws(() => joined.follow(), walFault("WAL_CLOSED"));
  wal.append("one");
  assert.equal((await here).done, false);
  await wal.close();
});
