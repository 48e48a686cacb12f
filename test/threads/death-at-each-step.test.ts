/**
 * A thread that ends before any one of its operations on the shared cells, and in the middle of a long
 * write: what it left in its slot says what the others must be told.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Wal, WalError, type WalShare } from "wal-db";
import { SharedCells } from "#internal/commit/cells.js";
import { cellCount, LogState } from "#internal/commit/log-state.js";
import { sharePartsOf } from "#internal/share/wal-share.js";
import { scratchDir } from "../support/scratch.ts";
import { inTime, isLinux, openLog, recordsByWriter, type StoreKind, terminateAll, Writer } from "./crew.ts";
import type { WriterJob } from "./writer.ts";

after(terminateAll);

const long = process.env["WAL_DB_LONG"] === "1";
const skip = isLinux ? false : "only Linux tells at once whether a thread lives";

/** The first thread that joined a log, as the cells show it to another. */
function slotOfFirst(share: WalShare): LogState {
  return new LogState(new SharedCells(cellCount, sharePartsOf(share).cells), 1);
}

/** What the others got, and after how long. */
interface Told {
  readonly poisoned: boolean;
  readonly milliseconds: number;
}

/**
 * What must hold once the writer is gone, whatever it was at: the owner's sync ends, refused if and only
 * if something was left unwritten, and with the place; and a reopened log has all that was acknowledged.
 */
async function checkAfter(
  wal: Wal,
  share: WalShare,
  kind: StoreKind,
  folder: string,
  what: string,
): Promise<Told> {
  const dead = slotOfFirst(share);
  const unwritten = dead.writing ? dead.committed : null;
  const began = performance.now();
  const result: unknown = await inTime(
    wal.appendAndSync("9:1:").catch((error: unknown) => error),
    `${what}: the owner's sync`,
  );
  const milliseconds = performance.now() - began;
  if (unwritten !== null) {
    assert.ok(result instanceof WalError, `${what}: refused`);
    const { code, offset, reason } = result;
    assert.deepEqual([code, offset, reason], ["WAL_POISONED", unwritten, "dead-writer"], what);
    assert.throws(() => wal.syncBlocking(), { code: "WAL_POISONED" });
  } else if (result instanceof WalError) {
    // It had said itself what it failed with, before it ended.
    assert.deepEqual([result.code, result.errno], ["WAL_POISONED", "ENOSPC"], what);
  }
  await inTime(wal.close(), `${what}: the owner's close`);
  if (kind === "memory") return { poisoned: result instanceof WalError, milliseconds };
  const again = await openLog(kind, folder);
  const found = recordsByWriter(
    again,
    new Map([
      [0, 0],
      [9, 0],
    ]),
  );
  // What the owner appended last and was refused may be there: where all before it was written after all.
  const owners = found.get(9) ?? 0;
  assert.ok(
    owners === 2 || (owners === 1 && result instanceof WalError),
    `${what}: ${owners} of the owner's`,
  );
  await again.close();
  return { poisoned: result instanceof WalError, milliseconds };
}

async function endAt(kind: StoreKind, folder: string, job: Partial<WriterJob>): Promise<Told | "through"> {
  const wal = await openLog(kind, folder);
  await wal.appendAndSync("9:0:");
  const share = wal.share();
  const dying = new Writer({ share, id: 0, way: "append", count: 1, ...job });
  const said = await inTime(
    Promise.race([
      dying.says("stopped").then(() => "stopped"),
      dying.says("done").then(() => "through"),
      dying.says("refused").then(() => "through"),
      dying.gone.then(() => "stopped"),
    ]),
    "the thread to end",
  );
  await dying.worker.terminate();
  const through =
    said === "through" || dying.told.some((told) => told.kind === "done" || told.kind === "refused");
  const told = await checkAfter(wal, share, kind, folder, `before operation ${job.endsAt}`);
  return through ? "through" : told;
}

interface Sweep {
  readonly name: string;
  readonly job: Partial<WriterJob>;
  readonly kind: StoreKind;
  /** The operations of the short form: from, to, and each so many. The long form goes on to the last. */
  readonly short: readonly [from: number, to: number, stride: number];
}

const sweeps: readonly Sweep[] = [
  { name: "an append", job: { way: "append" }, kind: "file", short: [1, 13, 1] },
  { name: "an append", job: { way: "append" }, kind: "memory", short: [1, 13, 2] },
  {
    name: "an append whose write fails",
    job: { way: "append", fault: "no-space", nth: 1 },
    kind: "segmented",
    short: [4, 40, 3],
  },
  {
    name: "an append and a blocking sync",
    job: { way: "appendAndSyncBlocking" },
    kind: "file",
    short: [7, 50, 6],
  },
];

for (const { name, job, kind, short } of sweeps) {
  const [from, to, stride] = long ? [1, Infinity, 1] : short;
  test(
    `${kind}: a thread ends before each operation of ${name}: nobody hangs, and all are told`,
    { skip },
    async (t) => {
      const seen = { poisoned: [] as number[], whole: 0, slowest: 0 };
      for (let endsAt = from; endsAt <= to; endsAt += stride) {
        const ends = endsAt % 2 === 0 ? "exits" : "waits";
        const told = await endAt(kind, scratchDir(t), { ...job, endsAt, ends });
        if (told === "through") break;
        if (told.poisoned) seen.poisoned.push(endsAt);
        else seen.whole++;
        seen.slowest = Math.max(seen.slowest, Math.round(told.milliseconds));
      }
      t.diagnostic(JSON.stringify(seen));
      assert.ok(seen.poisoned.length > 0 && seen.whole > 0, "within the write, and outside of it");
    },
  );
}

/** So that a write takes milliseconds; segments are small, and 64 files are made for one record. */
const padding: Readonly<Record<StoreKind, number>> = {
  file: 2 ** 24,
  segmented: 2 ** 18,
  mapped: 2 ** 18,
  memory: 2 ** 24,
};

for (const kind of ["file", "segmented", "mapped", "memory"] satisfies StoreKind[]) {
  test(
    `${kind}: a thread terminated in the middle of a long write: all are told where`,
    { skip },
    async (t) => {
      const seen = { poisoned: 0, whole: 0, slowest: 0 };
      for (let round = 0; round < (long ? 20 : 3) || (seen.poisoned === 0 && round < 40); round++) {
        const folder = scratchDir(t);
        const wal = await openLog(kind, folder);
        await wal.appendAndSync("9:0:");
        const share = wal.share();
        const dying = new Writer({ share, id: 0, way: "append", count: 20, padding: padding[kind] });
        await inTime(dying.says("joined"), "the thread to join");
        const slot = slotOfFirst(share);
        const isGone = (): boolean => dying.told.some((told) => told.kind === "done");
        while (!slot.writing && !isGone()) await new Promise((resolve) => setImmediate(resolve));
        await dying.worker.terminate();
        const told = await checkAfter(wal, share, kind, folder, `round ${round}`);
        if (told.poisoned) seen.poisoned++;
        else seen.whole++;
        seen.slowest = Math.max(seen.slowest, Math.round(told.milliseconds));
      }
      t.diagnostic(JSON.stringify(seen));
      assert.ok(seen.poisoned > 0, "some did land within a write");
    },
  );
}

// An error that nobody caught ends a thread between two turns of its event loop: never within a write, but
// while a flush of it is under way.
test(
  "a thread that ends by an uncaught error while it leads: another takes the lead over",
  { skip },
  async (t) => {
    const wal = await openLog("file", scratchDir(t));
    const share = wal.share();
    const dying = new Writer({
      share,
      id: 0,
      way: "for-ever",
      count: 0,
      fault: "flush-never-lands",
      throwsThen: true,
    });
    await inTime(assert.rejects(dying.gone, /made for a test/), "the thread to end");
    await inTime(wal.appendAndSync("9:0:"), "the owner's sync");
    assert.equal(wal.durable, wal.end);
    await wal.close();
  },
);
