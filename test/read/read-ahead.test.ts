/**
 * `for await` reads the next chunk while this one is gone through. What it reads so is only ever a matter of
 * time: it is not seen when it fails, falls short, or is no longer part of the log.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Lsn, MemStore, Wal } from "wal-db";
import { Random } from "#internal/testing/random.js";

const chunkBytes = 256 * 1024;

/** A store in memory that reads apart, and tells when. */
class Reading extends MemStore {
  /** Where each read began. */
  readonly reads: number[] = [];
  underWay = 0;
  /** What is done in the place of a read, if anything. */
  instead: ((offset: number, into: Uint8Array) => number | null) | undefined;

  async readAhead(offset: number, into: Uint8Array): Promise<number> {
    this.reads.push(offset);
    this.underWay++;
    await new Promise(setImmediate);
    this.underWay--;
    return this.instead?.(offset, into) ?? this.readAt(offset, into);
  }
}

/** A log of a megabyte and a half or so, and what is in it. */
async function logOn(
  store: MemStore,
  sizes: (random: Random) => number,
): Promise<{ wal: Wal; lsns: number[] }> {
  const wal = await Wal.withStore(store, { maxRecordSize: 4 << 20 });
  const random = new Random(17);
  const lsns: number[] = [];
  while (wal.end < 6 * chunkBytes) lsns.push(wal.append(random.bytes(sizes(random))));
  return { wal, lsns };
}

const small = (random: Random): number => random.next(600);

async function lsnsOf(wal: Wal, each?: (lsn: number) => void): Promise<number[]> {
  const lsns: number[] = [];
  for await (const { lsn, data } of wal) {
    // A view that was spoilt by what was read later would not be what the log holds.
    assert.deepEqual(data, wal.read(Lsn(lsn)).data);
    lsns.push(lsn);
    each?.(lsn);
  }
  return lsns;
}

test("while a chunk is gone through the next one is being read, and no other", async () => {
  const store = new Reading();
  const { wal, lsns } = await logOn(store, small);
  const most: number[] = [];
  let ahead = 0;
  const seen = await lsnsOf(wal, (lsn) => {
    const furthest = store.reads.at(-1) ?? 0;
    if (furthest > lsn + 1000) ahead++;
    most.push(store.underWay);
  });
  assert.deepEqual(seen, lsns);
  assert.ok(
    ahead > lsns.length / 2,
    `${ahead} of ${lsns.length} records were seen with a read ahead of them`,
  );
  assert.equal(Math.max(...most), 1);
  assert.equal(new Set(store.reads).size, store.reads.length, "nothing is read twice");
  await wal.close();
});

test("records longer than a chunk, and longer than the room before one, come as they are", async () => {
  for (const sizes of [
    (random: Random): number => (random.next(3) === 0 ? random.next(3 * chunkBytes) : random.next(900)),
    (random: Random): number => 16_000 + random.next(1000),
    (random: Random): number => random.next(120_000),
  ]) {
    const { wal, lsns } = await logOn(new Reading(), sizes);
    assert.deepEqual(await lsnsOf(wal), lsns);
    await wal.close();
  }
});

test("one record, or the first of many, is read without what follows", async () => {
  const store = new Reading();
  const { wal } = await logOn(store, small);
  for await (const { lsn } of wal) {
    assert.equal(lsn, 0);
    break;
  }
  assert.deepEqual(store.reads, [0]);
  await wal.close();
});

test("what fails or falls short ahead is asked for again, and only then told", async () => {
  const failing = new Map<number, number>();
  const store = new Reading();
  const { wal, lsns } = await logOn(store, small);
  // Each place fails once: the read ahead, but for the first ones, which are not ahead.
  store.instead = (offset, into) => {
    const before = failing.get(offset) ?? 0;
    failing.set(offset, before + 1);
    if (before > 0 || offset < 2 * chunkBytes) return null;
    if (failing.size % 2 === 0) throw new Error("not now");
    into.fill(255);
    return into.length - 1;
  };
  assert.deepEqual(await lsnsOf(wal), lsns);
  assert.ok([...failing.values()].filter((count) => count === 2).length >= 2, "some were asked for again");

  store.instead = (offset) => {
    if (offset >= 3 * chunkBytes) throw new Error("the disk is gone");
    return null;
  };
  let count = 0;
  await assert.rejects(
    lsnsOf(wal, () => count++),
    { code: "WAL_IO" },
  );
  assert.ok(count > 1000, `all before it came: ${count}`);
  await wal.close();
});

test("a cut while a chunk is being read ahead is heeded, whatever is written in its place", async () => {
  const store = new Reading();
  const { wal, lsns } = await logOn(store, small);
  const at = lsns.findIndex((lsn) => lsn > 3 * chunkBytes);
  const kept = lsns.slice(0, at + 400);
  let cut = false;
  const seen: number[] = [];
  for await (const { lsn } of wal) {
    seen.push(lsn);
    if (lsn !== lsns[at] || cut) continue;
    cut = true;
    wal.truncateAfterBlocking(Lsn(kept.at(-1) ?? 0));
    for (let i = 0; i < 2000; i++) wal.append("in the place of what was there");
  }
  assert.ok(cut);
  assert.deepEqual(seen, kept);
  await wal.close();
});

test("closed while a chunk is being read ahead: WAL_CLOSED, and no rejection that nobody handles", async () => {
  const store = new Reading();
  const { wal, lsns } = await logOn(store, small);
  const unhandled: unknown[] = [];
  const note = (error: unknown): number => unhandled.push(error);
  process.on("unhandledRejection", note);
  try {
    let count = 0;
    await assert.rejects(
      lsnsOf(wal, () => {
        count++;
        if (count === 2000) wal.closeBlocking();
      }),
      { code: "WAL_CLOSED" },
    );
    assert.ok(count < lsns.length);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(unhandled, []);
  } finally {
    process.off("unhandledRejection", note);
  }
});

// What is read ahead is often there already: taken without a turn of the event loop, a long log would keep the thread.
test("others have their turn between two chunks", async () => {
  class AtOnce extends MemStore {
    readAhead(offset: number, into: Uint8Array): Promise<number> {
      return Promise.resolve(this.readAt(offset, into));
    }
  }
  const { wal, lsns } = await logOn(new AtOnce(), small);
  let turns = 0;
  let stop = false;
  const turn = (): void => {
    turns++;
    if (!stop) setImmediate(turn);
  };
  setImmediate(turn);
  let seen = 0;
  for await (const { lsn } of wal) assert.equal(lsn, lsns[seen++]);
  stop = true;
  assert.equal(seen, lsns.length);
  assert.ok(turns >= 4, `${turns} turns`);
  await wal.close();
});
