import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { MemStore, Wal, type Lsn, type RetainOptions } from "wal-db";
import { turn } from "../support/hand-store.ts";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

const texts = Array.from({ length: 20 }, (_, i) => `record ${i}`.padEnd(12, "."));
const recordBytes = 20;

async function segmented(t: TestContext): Promise<{ wal: Wal; lsns: Lsn[]; dir: string }> {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.openSegmented(dir, { segmentSize: 32 });
  return { wal, lsns: wal.appendBatch(texts), dir };
}

test("maxBytes: as few records go as must", async (t) => {
  const { wal, lsns } = await segmented(t);
  assert.equal(await wal.retain({ maxBytes: 1000 }), 0, "there is room for all");
  assert.equal(await wal.retain({ maxBytes: 20 * recordBytes }), 0);
  assert.equal(await wal.retain({ maxBytes: 20 * recordBytes - 1 }), lsns[1]);
  assert.equal(await wal.retain({ maxBytes: 10 * recordBytes }), lsns[10]);
  assert.equal(await wal.retain({ maxBytes: 10 * recordBytes - 1 }), lsns[11]);
  assert.equal(await wal.retain({ maxBytes: 15 * recordBytes }), lsns[11], "the head never goes back");
  assert.equal(await wal.retain({ maxBytes: 5 }), wal.end);
  await wal.close();
});

/*
 * The search for the first record to stay begins at a boundary that open has found. Where that was
 * the very one, its record went too: one more than had to.
 */
test("maxBytes after a reopen: as few records go as must, also round the mark", async (t) => {
  for (let keep = 0; keep <= 20; keep++) {
    const dir = join(scratchDir(t), "log");
    let wal = await Wal.openSegmented(dir, { segmentSize: 32 });
    const lsns = wal.appendBatch(texts.slice(0, 10));
    await wal.close();
    wal = await Wal.openSegmented(dir, { segmentSize: 32 });
    lsns.push(...wal.appendBatch(texts.slice(10)));
    const head = await wal.retain({ maxBytes: keep * recordBytes });
    assert.equal(head, lsns[20 - keep] ?? wal.end, `keep ${keep}`);
    assert.equal([...wal].length, keep);
    await wal.close();
  }
});

test("a boundary found at open is not used after the log was cut below it", async (t) => {
  const dir = join(scratchDir(t), "log");
  let wal = await Wal.openSegmented(dir, { segmentSize: 32 });
  const lsns = wal.appendBatch(texts);
  await wal.close();
  wal = await Wal.openSegmented(dir, { segmentSize: 32 });
  await wal.truncateAfter(lsns[3] as Lsn);
  // Where the mark stood at open there is now the middle of a record.
  wal.appendBatch(["x".repeat(300), "y".repeat(300), "z".repeat(300)]);
  const head = await wal.retain({ maxBytes: 700 });
  assert.deepEqual(
    [...wal].map((record) => record.text()[0]),
    ["y", "z"],
  );
  assert.equal(wal.head, head);
  await wal.close();
});

test("before: nothing at or past it goes, whatever maxBytes asks", async (t) => {
  const { wal, lsns } = await segmented(t);
  assert.equal(await wal.retain({ before: lsns[4] }), lsns[4]);
  assert.equal(await wal.retain({ before: lsns[6], maxBytes: 0 }), lsns[6]);
  assert.equal(await wal.retain({ before: lsns[12], maxBytes: 13 * recordBytes }), lsns[7]);
  assert.equal(await wal.retain({ before: lsns[2] }), lsns[7]);
  await assert.rejects(
    wal.retain({ before: ((lsns[12] as number) + 1) as Lsn }),
    walFault("WAL_CORRUPT", { offset: ((lsns[12] as number) + 1) as Lsn }),
  );
  await wal.close();
});

test("nothing that a named reader needs goes", async (t) => {
  const { wal, lsns } = await segmented(t);
  const slow = wal.reader("slow");
  const fast = wal.reader("fast");
  slow.advance(lsns[3] as Lsn);
  fast.advance(lsns[9] as Lsn);
  assert.equal(await wal.retain({ maxBytes: 0 }), lsns[3]);
  slow.advance(lsns[12] as Lsn);
  assert.equal(await wal.retain({ maxBytes: 0 }), lsns[9]);
  fast.remove();
  assert.equal(await wal.retain({ before: lsns[11] }), lsns[11]);
  assert.equal(await wal.retain({ maxBytes: 0 }), lsns[12]);
  slow.remove();
  assert.equal(await wal.retain({ maxBytes: 0 }), wal.end);
  await wal.close();
});

test("options that are not of their kind are refused", async () => {
  const wal = await Wal.withStore(new MemStore());
  wal.append("one");
  for (const maxBytes of [-1, 1.5, Number.NaN, "1", null]) {
    const options = { maxBytes } as unknown as RetainOptions;
    await assert.rejects(wal.retain(options), walFault("WAL_INVALID_ARGUMENT", {}, /maxBytes/));
  }
  await assert.rejects(wal.retain({ before: -1 as Lsn }), walFault("WAL_INVALID_ARGUMENT"));
  // A checkpoint that was not taken yet: `retain({ before: undefined })` once dropped the whole log.
  for (const options of [{}, { before: undefined }, { maxByte: 1 }, undefined, null]) {
    await assert.rejects(wal.retain(options as RetainOptions), walFault("WAL_INVALID_ARGUMENT"));
  }
  assert.equal(wal.head, 0);
  await wal.close();
  await assert.rejects(wal.retain({ maxBytes: 0 }), walFault("WAL_CLOSED"));
});

// retain took the lowest position of the readers, then looked for a boundary without blocking, and
// dropped up to there: also what a reader needed that had been made meanwhile.
test("retain: a reader that comes between is not dropped under", async (t) => {
  const wal = await Wal.openSegmented(join(scratchDir(t), "log"), { segmentSize: 64 });
  for (let i = 0; i < 50; i++) wal.append(`record ${i}`);
  const retained = wal.retain({ maxBytes: 100 });
  await turn();
  const reader = wal.reader("late");
  assert.equal(reader.position, 0);
  assert.equal(await retained, 0);
  assert.equal(wal.head, 0);
  await wal.close();
});

/** A position may stand within a record: what it is within, and all behind it, is still needed. */
test("a reader that stands within a record keeps that record", async (t) => {
  const { wal, lsns } = await segmented(t);
  const reader = wal.reader("within");
  for (const ahead of [1, recordBytes - 1]) {
    for (const i of [5, 11]) {
      const position = ((lsns[i] as Lsn) + ahead) as Lsn;
      if (position < reader.position) continue;
      reader.advance(position);
      assert.equal(await wal.retain({ maxBytes: 0 }), lsns[i], `at ${position}`);
    }
  }
  assert.equal([...wal][0]?.text(), texts[11]);
  await wal.close();
});
