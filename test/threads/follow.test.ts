/** Following a log that threads share. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { MemStore, Wal } from "wal-db";
import { PlainCells, SharedCells } from "#internal/commit/cells.js";
import { cellCount, LogState } from "#internal/commit/log-state.js";
import { SharedPoisonNote } from "#internal/commit/poison-note.js";
import { LocalProgress } from "#internal/commit/progress.js";
import { Lsn } from "#internal/lsn.js";
import { unknownThreads } from "#internal/threads.js";
import { scratchDir } from "../support/scratch.ts";
import { crewOf, openLog, type StoreKind, terminateAll } from "./crew.ts";

after(terminateAll);

/**
 * A follower that stood at the end of a shared log was woken as soon as it waited: who listens to the
 * other threads woke all who wait, to be on the safe side, and ended, since nobody waited any more; the
 * follower looked, found nothing, waited again, and so another listener began. All of it in microtasks:
 * the event loop had no turn again, no flush could land, and the process hung.
 */
test("whoever waits at the end of a shared log is not woken for nothing", async () => {
  const state = new LogState(new PlainCells(cellCount), 0);
  state.start(Lsn(0), Lsn(0), Lsn(0));
  state.moveTo(new SharedCells(cellCount), new SharedPoisonNote(), unknownThreads);
  const progress = new LocalProgress(state);
  let woken = 0;
  let stop: (() => void) | undefined;
  const waitAgain = async (): Promise<void> => {
    // A follower is as slow as this to come back.
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    stop = progress.whenPast(progress.durable, "durable", progress.epoch, () => {
      // Not for ever: the test must be able to fail.
      if (++woken < 50) void waitAgain();
    });
  };
  void waitAgain();
  for (let turn = 0; turn < 1000; turn++) await Promise.resolve();
  assert.equal(woken, 0);
  state.raiseDurable(Lsn(8));
  state.wake();
  await new Promise<void>((resolve) => {
    const look = (): unknown => (woken > 0 ? resolve() : setTimeout(look, 1));
    look();
  });
  assert.equal(woken, 1, "and is woken for something");
  stop?.();
});

for (const kind of ["file", "segmented", "memory"] satisfies StoreKind[]) {
  test(`${kind}: followers in the owner see what threads append and make durable, and wait for more`, async (t) => {
    const wal = await openLog(kind, scratchDir(t));
    const share = wal.share();
    const seen = { appended: 0, durable: 0 };
    const following = (["appended", "durable"] as const).map(async (until) => {
      let next = 0;
      for await (const record of wal.follow({ until })) {
        assert.equal(record.lsn, next);
        next = record.next;
        if (until === "durable") assert.ok(wal.durable >= record.next);
        seen[until]++;
      }
    });
    for (const round of [1, 2]) {
      const crew = crewOf(share, 2, { way: "appendAndSync", count: 300 });
      await Promise.all(crew.map((writer) => writer.gone));
      while (seen.appended < 600 * round || seen.durable < 600 * round) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    await wal.close();
    await Promise.all(following);
    assert.deepEqual(seen, { appended: 1200, durable: 1200 });
  });
}

test("a follower of a log that was joined sees what its owner appends, and ends when the owner closes", async () => {
  const wal = await Wal.withStore(new MemStore());
  const joined = Wal.attach(wal.share());
  const texts: string[] = [];
  const following = (async () => {
    for await (const record of joined.follow({ until: "durable" })) texts.push(record.text());
  })();
  await new Promise((resolve) => setTimeout(resolve, 1));
  await wal.appendAndSync("one");
  await wal.appendAndSync("two");
  await wal.close();
  await following;
  assert.deepEqual(texts, ["one", "two"]);
  await joined.close();
});
