import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Lsn, Wal } from "wal-db";
import { scratchDir } from "../support/scratch.ts";
import { crewOf, openLog, recordsByWriter, type StoreKind, terminateAll } from "./crew.ts";

after(terminateAll);

const long = process.env["WAL_DB_LONG"] === "1";
const records: Readonly<Record<string, number>> = long
  ? { append: 400_000, appendBatch: 400_000, appendAndSync: 100_000 }
  : { append: 8_000, appendBatch: 8_000, appendAndSync: 2_000 };

const sorted = (found: Map<number, number>): Map<number, number> =>
  new Map([...found].toSorted(([a], [b]) => a - b));

/** What is durable now, after a check that all from `before` up to there is written: whole records, intact. */
function checkedDurable(wal: Wal, before: Lsn): Lsn {
  const durable = wal.durable;
  assert.ok(durable >= before && durable <= wal.end, `durable ${durable} after ${before}, of ${wal.end}`);
  let end = before;
  for (const record of wal.iter({ from: before, to: durable })) end = record.next;
  assert.equal(end, durable);
  return durable;
}

for (const kind of ["file", "segmented", "mapped", "memory"] satisfies StoreKind[]) {
  for (const way of ["append", "appendBatch", "appendAndSync"] as const) {
    for (const size of [1, 2, 4, 8]) {
      test(`${size} x ${way}, ${kind}: every record once, in its writer's order, all durable`, async (t) => {
        const folder = scratchDir(t);
        const wal = await openLog(kind, folder);
        const count = Math.floor((records[way] ?? 0) / size);
        const crew = crewOf(wal.share(), size, { way, count });
        let durable = wal.durable;
        const watch = setInterval(() => (durable = checkedDurable(wal, durable)), 5);
        await Promise.all(crew.map((writer) => writer.says("done"))).finally(() => clearInterval(watch));
        await Promise.all(crew.map((writer) => writer.gone));
        const expected = new Map(crew.map((_, id) => [id, count]));
        const zeros = new Map(crew.map((_, id) => [id, 0]));
        assert.deepEqual(sorted(recordsByWriter(wal, zeros)), expected);
        assert.equal(wal.durable, wal.end, "each has closed, and so synced");
        await wal.close();
        if (kind === "memory") return;
        const again = await openLog(kind, folder);
        assert.equal(again.recovery.damage, null);
        assert.deepEqual(sorted(recordsByWriter(again, zeros)), expected);
        await again.close();
      });
    }
  }
}

test("the owner writes beside its workers, and reads what they have written", async (t) => {
  const wal = await openLog("segmented", scratchDir(t));
  const crew = crewOf(wal.share(), 2, { way: "append", count: 2000 });
  await Promise.all(crew.map((writer) => writer.says("joined")));
  for (let n = 0; n < 2000; n++) {
    const lsn = wal.append(`9:${n}:`);
    assert.equal(wal.read(lsn).text(), `9:${n}:`, "its own, also while another is behind");
    if (n % 100 === 0) await wal.sync();
  }
  await Promise.all(crew.map((writer) => writer.says("done")));
  assert.deepEqual([...recordsByWriter(wal).values()], [2000, 2000, 2000]);
  await wal.close();
});
