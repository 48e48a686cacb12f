/** Following a log that another process writes: what is waited for, what is told, and by whom it is woken. */
import assert from "node:assert/strict";
import { mock, test, type TestContext } from "node:test";
import { type FollowOptions, type Lsn, MemStore, Wal, type WalRecord } from "wal-db";
import { CutNotebook } from "#internal/recovery/cut-notes.js";
import { followPollMilliseconds, followRetriesMax, followRetryMilliseconds } from "#internal/limits.js";
import { stateOf, turn } from "../support/hand-store.js";
import { OpenDisk } from "../support/open-disk.js";
import { logOf } from "../support/plain-format.js";
import { systemError, walFault } from "../support/wal-fault.js";

function frame(...texts: string[]): Uint8Array {
  return logOf(texts);
}

function textOf(given: IteratorResult<WalRecord, unknown>): string {
  return given.done === true ? "(done)" : given.value.text();
}

/** Time that moves only when the test says so: nothing here is found by a poll but where one is asked for. */
function stopTime(t: TestContext): void {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
}

/** Lets all the time pass that something may look wrong for. */
async function outlast(): Promise<void> {
  for (let i = 0; i <= followRetriesMax; i++) {
    await settle();
    mock.timers.tick(followRetryMilliseconds);
  }
}

interface Followed {
  readonly disk: OpenDisk;
  readonly wal: Wal;
  readonly follower: AsyncIterableIterator<WalRecord>;
}

async function followed(
  t: TestContext,
  disk: OpenDisk = new OpenDisk(),
  options?: FollowOptions,
): Promise<Followed> {
  stopTime(t);
  const wal = await Wal.withStore(disk, { readOnly: true });
  return { disk, wal, follower: wal.follow(options) };
}

test("a record comes: found as soon as the file system tells, no sooner than it is whole", async (t) => {
  const { disk, wal, follower } = await followed(t);
  const asked = follower.next().then(textOf);
  await settle();
  const bytes = frame("one", "two");
  for (let length = 1; length < 11; length++) {
    disk.put(length - 1, bytes.subarray(length - 1, length));
    await settle();
    assert.equal(await stateOf(asked), "pending", `after ${length} bytes`);
  }
  disk.put(10, bytes.subarray(10));
  assert.equal(await asked, "one");
  assert.equal(textOf(await follower.next()), "two");
  await wal.close();
});

test("zeros, a hole and noise are waited for, and what is behind them is not given before them", async (t) => {
  const { disk, wal, follower } = await followed(t);
  const asked = follower.next().then(textOf);
  disk.put(11, frame("two"));
  await settle();
  disk.put(0, new Uint8Array(11).fill(0xee));
  await settle();
  assert.equal(await stateOf(asked), "pending");
  disk.put(0, frame("one"));
  assert.equal(await asked, "one");
  assert.equal(textOf(await follower.next()), "two");
  await wal.close();
});

test("bytes seen before their record was whole are read again, not remembered", async (t) => {
  const { disk, wal, follower } = await followed(t);
  disk.put(0, frame("one"));
  disk.put(11, frame("two").subarray(0, 9)); // part of a write that fails, and is taken back
  assert.equal(textOf(await follower.next()), "one");
  const asked = follower.next().then(textOf);
  await settle();
  disk.truncate(11);
  disk.put(11, frame("TWO"));
  assert.equal(await asked, "TWO");
  await wal.close();
});

test("without a watch it looks once a second, and no more often", async (t) => {
  const disk = new OpenDisk();
  disk.canWatch = false;
  const { wal, follower } = await followed(t, disk);
  let looks = 0;
  disk.onRefresh = () => void looks++;
  const asked = follower.next().then(textOf);
  await settle();
  const first = looks;
  disk.put(0, frame("one"));
  mock.timers.tick(followPollMilliseconds - 1);
  await settle();
  assert.equal(looks, first);
  assert.equal(await stateOf(asked), "pending");
  mock.timers.tick(1);
  assert.equal(await asked, "one");
  await wal.close();
});

test("what comes between a look and the beginning of the watch is not missed", async (t) => {
  const disk = new OpenDisk();
  const { wal, follower } = await followed(t, disk);
  disk.side.watch = (changed) => {
    disk.writeAt(0, frame("one"));
    void changed;
    return () => {};
  };
  assert.equal(textOf(await follower.next()), "one");
  await wal.close();
});

test("the watch is given back: at return, at an abort, at close", async (t) => {
  const disk = new OpenDisk();
  const controller = new AbortController();
  const { wal, follower } = await followed(t, disk, { signal: controller.signal });
  const reason = new Error("enough");
  const asked = follower.next();
  await settle();
  assert.equal(disk.watchers.size, 1);
  controller.abort(reason);
  await assert.rejects(asked, reason);
  assert.equal(disk.watchers.size, 0);

  const returned = wal.follow();
  const waiting = returned.next();
  await settle();
  await returned.return?.();
  assert.equal(textOf(await waiting), "(done)");
  assert.equal(disk.watchers.size, 0);

  const open = wal.follow();
  const last = open.next();
  await settle();
  assert.equal(disk.watchers.size, 1);
  await wal.close();
  assert.equal(textOf(await last), "(done)");
  assert.equal(disk.watchers.size, 0);
});

test("durable follows the mark", async (t) => {
  const { disk, wal, follower } = await followed(t, new OpenDisk(), { until: "durable" });
  disk.put(0, frame("one", "two"));
  const asked = follower.next().then(textOf);
  await settle();
  assert.equal(await stateOf(asked), "pending");
  disk.raiseMark(11);
  assert.equal(await asked, "one");
  const next = follower.next().then(textOf);
  await settle();
  assert.equal(await stateOf(next), "pending");
  disk.raiseMark(22);
  assert.equal(await next, "two");
  await wal.close();
});

test("durable needs a store that keeps the mark", async () => {
  const wal = await Wal.withStore(new MemStore(), { readOnly: true });
  assert.throws(() => wal.follow({ until: "durable" }), walFault("WAL_UNSUPPORTED"));
  await wal.close();
});

/* ---- damage and cuts ---- */

test("no intact record below the mark is damage; above it, it may still come", async (t) => {
  const { disk, wal, follower } = await followed(t);
  disk.put(0, frame("one", "two"));
  disk.writeAt(19, new Uint8Array([0]));
  assert.equal(textOf(await follower.next()), "one");
  const asked = follower.next();
  await settle();
  assert.equal(await stateOf(asked), "pending");
  asked.catch(() => {});
  disk.raiseMark(22);
  await outlast();
  await assert.rejects(asked, walFault("WAL_CORRUPT", { offset: 11 as Lsn, reason: "checksum-mismatch" }));
  await wal.close();
});

test("a log that ends below its mark has lost something", async (t) => {
  const { disk, wal, follower } = await followed(t);
  disk.put(0, frame("one"));
  assert.equal(textOf(await follower.next()), "one");
  const asked = follower.next();
  await settle();
  asked.catch(() => {});
  disk.raiseMark(22);
  await outlast();
  await assert.rejects(asked, walFault("WAL_CORRUPT", { offset: 11 as Lsn, reason: "shorter-than-mark" }));
  await wal.close();
});

test("a log that ends below the follower was cut", async (t) => {
  const { disk, wal, follower } = await followed(t);
  disk.put(0, frame("one", "two"));
  await follower.next();
  await follower.next();
  const asked = follower.next();
  await settle();
  asked.catch(() => {});
  disk.cut(11);
  await settle();
  // The note of it may be about to be written.
  assert.equal(await stateOf(asked), "pending");
  await outlast();
  await assert.rejects(asked, walFault("WAL_CORRUPT", { offset: 11 as Lsn, reason: "truncated" }));
  await wal.close();
});

test("what was cut and replaced by records of the same lengths is told by the notes", async (t) => {
  // Without them nothing shows: the log is as long as it was, and its last record is the same.
  for (const noted of [true, false]) {
    const { disk, wal, follower } = await followed(t);
    const notes = new CutNotebook(disk.cutsFile);
    notes.note(0 as Lsn); // an old one: of no concern
    await wal.close();
    const again = await Wal.withStore(disk, { readOnly: true });
    const other = again.follow();
    disk.put(0, frame("one", "two", "end"));
    for (let i = 0; i < 3; i++) await other.next();
    if (noted) notes.note(11 as Lsn);
    disk.truncate(11);
    disk.put(11, frame("TWO", "end", "and on"));
    const next = other.next().then(textOf);
    if (noted)
      await assert.rejects(next, walFault("WAL_CORRUPT", { offset: 11 as Lsn, reason: "truncated" }));
    else assert.equal(await next, "and on");
    await follower.return?.();
    await again.close();
    mock.timers.reset();
  }
});

test("without notes, a last record that is another one now is seen", async (t) => {
  // As the Rust crate cuts, or a batch that was taken back when nothing could be noted.
  const { disk, wal, follower } = await followed(t);
  disk.put(0, frame("one", "two"));
  await follower.next();
  await follower.next();
  disk.truncate(11);
  disk.put(11, frame("TWO", "three"));
  const asked = follower.next();
  asked.catch(() => {});
  await outlast();
  await assert.rejects(
    asked,
    walFault("WAL_CORRUPT", { offset: 22 as Lsn, reason: "truncated" }, /nothing beside it tells/),
  );
  await wal.close();
});

test("a cut past the follower drops what it has read ahead", async (t) => {
  const { disk, wal, follower } = await followed(t);
  const notes = new CutNotebook(disk.cutsFile);
  disk.put(0, frame("one", "two"));
  // Between the read of both and the giving of the first.
  const readAt = disk.readAt.bind(disk);
  let once = true;
  disk.readAt = (offset, into) => {
    const got = readAt(offset, into);
    if (once && got > 11) {
      once = false;
      notes.note(11 as Lsn);
      disk.truncate(11);
      disk.writeAt(11, frame("TWO"));
    }
    return got;
  };
  assert.deepEqual([textOf(await follower.next()), textOf(await follower.next())], ["one", "TWO"]);
  assert.equal(once, false);
  await wal.close();
});

test("a mark that is older than a cut makes nothing durable", async (t) => {
  // The mark was read, then the log cut and written anew: what stands below that mark now is not flushed.
  const disk = new OpenDisk();
  const { wal, follower } = await followed(t, disk, { until: "durable" });
  const notes = new CutNotebook(disk.cutsFile);
  disk.put(0, frame("one", "two"));
  disk.raiseMark(11);
  assert.equal(textOf(await follower.next()), "one");
  disk.raiseMark(22);
  disk.onRefresh = () => {
    disk.onRefresh = null;
    notes.note(11 as Lsn);
    disk.markFile.bytes = new Uint8Array(0);
    disk.raiseMark(11);
    disk.truncate(11);
    disk.writeAt(11, frame("TWO"));
  };
  const asked = follower.next().then(textOf);
  await settle();
  assert.equal(disk.onRefresh, null);
  assert.equal(await stateOf(asked), "pending");
  disk.raiseMark(22);
  assert.equal(await asked, "TWO");
  await wal.close();
});

test("the front dropped: told when it passes the follower", async (t) => {
  const { disk, wal, follower } = await followed(t);
  disk.put(0, frame("one", "two", "three"));
  assert.equal(textOf(await follower.next()), "one");
  disk.truncateBefore(11);
  assert.equal(textOf(await follower.next()), "two");
  assert.equal(textOf(await follower.next()), "three");
  const asked = follower.next();
  await settle();
  disk.writeAt(35, frame("four"));
  disk.truncateBefore(47);
  disk.tell();
  await assert.rejects(asked, walFault("WAL_CORRUPT", { reason: "truncated" }));
  await wal.close();
});

/* ---- a disk in the middle of a change ---- */

test("what looks wrong for a moment is looked at again; what stays wrong for a second is told", async (t) => {
  const { disk, wal, follower } = await followed(t);
  let failures = followRetriesMax;
  disk.onRefresh = () => {
    if (failures-- > 0) throw systemError("ENOENT");
  };
  disk.put(0, frame("one"));
  const asked = follower.next().then(textOf);
  for (let i = 0; i < followRetriesMax; i++) {
    await settle();
    assert.equal(await stateOf(asked), "pending");
    mock.timers.tick(followRetryMilliseconds);
  }
  assert.equal(await asked, "one");

  failures = followRetriesMax + 1;
  const next = follower.next();
  next.catch(() => {});
  for (let i = 0; i < followRetriesMax; i++) {
    await settle();
    assert.equal(await stateOf(next), "pending");
    mock.timers.tick(followRetryMilliseconds);
  }
  await assert.rejects(next, walFault("WAL_IO", { errno: "ENOENT" }));
  await wal.close();
});

test("torn notes are read again", async (t) => {
  const { disk, wal, follower } = await followed(t);
  disk.put(0, frame("one"));
  disk.cutsFile.bytes = Uint8Array.from([1, 2, 3]);
  const asked = follower.next().then(textOf);
  await settle();
  assert.equal(await stateOf(asked), "pending");
  disk.cutsFile.bytes = new Uint8Array(0);
  mock.timers.tick(followRetryMilliseconds);
  assert.equal(await asked, "one");
  await wal.close();
});

test("from may be past what open saw, not past the log", async (t) => {
  const { disk, wal } = await followed(t);
  disk.put(0, frame("one", "two"));
  assert.equal(wal.end, 0);
  assert.equal(textOf(await wal.follow({ from: 11 as Lsn }).next()), "two");
  await assert.rejects(
    wal.follow({ from: 23 as Lsn }).next(),
    walFault("WAL_INVALID_ARGUMENT", { offset: 23 as Lsn }),
  );
  await wal.close();
});

test("a cut under way: what is read of the old end is told of as well, when it is gone", async (t) => {
  // The writer had noted the cut and not made it. The follower went on at the place of the cut, found
  // the old records still there, and gave them; that they were cut then nobody told.
  const { disk, wal, follower } = await followed(t);
  const notes = new CutNotebook(disk.cutsFile);
  disk.put(0, frame("one", "two"));
  await follower.next();
  await follower.next();
  const truncated = walFault("WAL_CORRUPT", { offset: 11 as Lsn, reason: "truncated" });
  notes.note(11 as Lsn);
  await assert.rejects(follower.next(), truncated);
  assert.equal(textOf(await follower.next()), "two");
  disk.cut(11);
  const asked = follower.next();
  asked.catch(() => {});
  await settle();
  assert.equal(await stateOf(asked), "pending");
  notes.note(11 as Lsn);
  disk.put(11, frame("TWO"));
  mock.timers.tick(followRetryMilliseconds);
  await assert.rejects(asked, truncated);
  assert.equal(textOf(await follower.next()), "TWO");
  await wal.close();
});

test("a cut made between the look at the mark and the look at the bytes is no damage", async (t) => {
  // Its first note had been seen. The mark was still the old one when it was read, and the bytes below
  // it were gone when they were: acknowledged data lost, it seemed, until the second note came.
  const { disk, wal, follower } = await followed(t);
  const notes = new CutNotebook(disk.cutsFile);
  disk.put(0, frame("one"));
  await follower.next();
  notes.note(11 as Lsn);
  const asked = follower.next().then(textOf);
  await settle();
  disk.onRefresh = () => {
    disk.onRefresh = null;
    disk.truncate(11);
  };
  disk.writeAt(11, frame("two"));
  disk.raiseMark(22);
  await settle();
  assert.equal(disk.onRefresh, null);
  assert.equal(await stateOf(asked), "pending");
  disk.markFile.bytes = new Uint8Array(0);
  disk.raiseMark(11);
  notes.note(11 as Lsn);
  disk.put(11, frame("TWO"));
  mock.timers.tick(followRetryMilliseconds);
  assert.equal(await asked, "TWO");
  await wal.close();
});

/* The system's error came through as it was, without a code of ours. Found by the simulator, seeds 217 and 467. */
test("notes of cuts that cannot be read are told by a WalError, before it begins and while it reads", async () => {
  for (const readsFirst of [false, true]) {
    const disk = new OpenDisk();
    disk.put(0, logOf(["one", "two"]));
    const reader = await Wal.withStore(disk, { readOnly: true });
    const fails = (): void => {
      disk.cutsFile.fails = Object.assign(new Error("EIO: as the test asked"), { code: "EIO" });
    };
    const fault = walFault("WAL_IO", { errno: "EIO" });
    if (!readsFirst) {
      fails();
      assert.throws(() => reader.follow(), fault);
    } else {
      const follower = reader.follow();
      fails();
      await assert.rejects(follower.next(), fault);
    }
    await reader.close();
  }
});
