import assert from "node:assert/strict";
import { after, test } from "node:test";
import { WalError } from "wal-db";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";
import { crewOf, openLog, recordsByWriter, Writer, terminateAll } from "./crew.ts";

after(terminateAll);

for (const kind of ["file", "segmented"] as const) {
  test(`${kind}: a flush that fails in a worker is told to every thread, with its cause`, async (t) => {
    const folder = scratchDir(t);
    const wal = await openLog(kind, folder);
    const before = await wal.appendAndSync("9:0");
    const share = wal.share();
    const failing = new Writer({
      share,
      id: 1,
      way: "appendAndSyncBlocking",
      count: 10,
      fault: "flush-fails",
    });
    const refused = await failing.says("refused");
    assert.equal(refused.code, "WAL_POISONED");
    const [other] = crewOf(share, 1, { way: "append", count: 1 }) as [Writer];
    for (const told of [refused, await other.says("refused")]) {
      assert.deepEqual([told.code, told.errno], ["WAL_POISONED", "EIO"]);
    }
    await assert.rejects(wal.sync(), walFault("WAL_POISONED", { errno: "EIO" }, /EIO: made for a test/));
    assert.throws(() => wal.append("9:1"), walFault("WAL_POISONED"));
    assert.equal(wal.read(before).text(), "9:0", "what was committed can be read");
    await wal.close();
    const again = await openLog(kind, folder);
    assert.equal(again.read(before).text(), "9:0");
    await again.close();
  });

  test(`${kind}: a full disk in one worker: its write is taken back, or the log is poisoned; never a hole`, async (t) => {
    const folder = scratchDir(t);
    const wal = await openLog(kind, folder);
    const share = wal.share();
    const full = new Writer({ share, id: 0, way: "append", count: 5000, fault: "no-space", nth: 40 });
    const others = [1, 2].map((id) => new Writer({ share, id, way: "append", count: 3000 }));
    const refused = await full.says("refused");
    assert.ok(["WAL_IO", "WAL_POISONED"].includes(refused.code ?? ""), refused.code);
    assert.equal(refused.errno, "ENOSPC");
    await Promise.all(others.map((writer) => writer.gone));
    if (refused.code === "WAL_IO") {
      const found = recordsByWriter(wal, new Map([0, 1, 2].map((id) => [id, 0])));
      assert.deepEqual([found.get(1), found.get(2)], [3000, 3000]);
      // A record that lies in two segments takes two writes.
      const whole = found.get(0) ?? 0;
      assert.ok(whole <= 39 && whole >= 20, `${whole} records`);
      // The one that was refused has not closed, so its records may be the last, and nobody's to flush.
      await wal.sync();
      assert.equal(wal.durable, wal.end);
    } else await assert.rejects(wal.sync(), walFault("WAL_POISONED", { errno: "ENOSPC" }));
    await wal.close();
    const again = await openLog(kind, folder);
    recordsByWriter(again);
    await again.close();
  });
}

test("a full disk with nobody else writing leaves the log as it was", async (t) => {
  const wal = await openLog("segmented", scratchDir(t));
  const full = new Writer({ share: wal.share(), id: 0, way: "append", count: 10, fault: "no-space", nth: 4 });
  const { code, errno, offset } = await full.says("refused");
  assert.deepEqual([code, errno, offset], ["WAL_IO", "ENOSPC", wal.end]);
  await full.gone;
  assert.equal(Array.from(wal).length, 3);
  assert.equal(wal.append("next"), offset, "the next append begins where the failed one would have");
  await wal.sync();
  await wal.close();
});

test("a poisoned log names its first cause in every thread, however many fail at once", async (t) => {
  const wal = await openLog("file", scratchDir(t));
  const share = wal.share();
  const crew = Array.from(
    { length: 4 },
    (_, id) => new Writer({ share, id, way: "for-ever", count: 0, fault: "flush-fails", nth: 2 + id }),
  );
  const told = await Promise.all(crew.map((writer) => writer.says("refused")));
  const offsets = new Set(told.map(({ offset }) => offset));
  assert.deepEqual([...new Set(told.map(({ code }) => code))], ["WAL_POISONED"]);
  assert.equal(offsets.size, 1, `one cause: ${[...offsets].join(", ")}`);
  const error: unknown = await wal.sync().catch((reason: unknown) => reason);
  assert.ok(error instanceof WalError);
  assert.equal(error.offset, [...offsets][0]);
  await wal.close();
});
