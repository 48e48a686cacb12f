/** Converting while others do something to the same names. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { convert, Wal } from "wal-db";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

async function someLog(path: string): Promise<void> {
  const wal = await Wal.open(path);
  for (let i = 0; i < 100; i++) wal.append(`record ${i}`);
  await wal.close();
}

// A second attempt that found the source locked threw away what the first was building from it: with bad
// luck between its last look and its rename.
test("an attempt that finds the source locked leaves alone what is being built", async (t) => {
  const dir = scratchDir(t);
  await someLog(join(dir, "app.wal"));
  const holder = await Wal.open(join(dir, "app.wal"));
  const building = join(dir, "to.converting");
  mkdirSync(building);
  writeFileSync(join(building, "00000000000000000000.wal"), "half of it");
  const second = convert(join(dir, "app.wal"), join(dir, "to"), { segmentSize: 64 });
  await assert.rejects(second, walFault("WAL_LOCKED"));
  assert.ok(existsSync(join(building, "00000000000000000000.wal")));
  await holder.close();
});

// That nothing has the new name was looked at once, at the beginning; the rename at the end replaced
// what had come meanwhile.
test("a file that appears under the new name meanwhile is not replaced", async (t) => {
  const dir = scratchDir(t);
  await someLog(join(dir, "app.wal"));
  const to = join(dir, "to.wal");
  let written = false;
  const converted = convert(join(dir, "app.wal"), to, {
    onProgress: () => {
      if (!written) writeFileSync(to, "precious");
      written = true;
    },
  });
  await assert.rejects(converted, walFault("WAL_INVALID_ARGUMENT", { path: to }));
  assert.equal(readFileSync(to, "utf8"), "precious");
  assert.equal(existsSync(`${to}.converting`), false);
});

// Of a log whose every record had been dropped the result had a head and no segment, and did not open.
test("a log that was dropped to its end converts to one that opens there", async (t) => {
  const dir = scratchDir(t);
  const wal = await Wal.openSegmented(join(dir, "from"), { segmentSize: 32 });
  for (let i = 0; i < 8; i++) wal.append("12345678");
  const end = await wal.truncateBefore(wal.end);
  await wal.close();
  for (const segmentSize of [1, 64, 127, 128, 1000]) {
    const to = join(dir, `to-${segmentSize}`);
    const report = await convert(join(dir, "from"), to, { segmentSize, sourceSegmentSize: 32 });
    assert.deepEqual([report.records, report.head, report.end], [0, end, end]);
    const after = await Wal.openSegmented(to, { segmentSize });
    assert.deepEqual([after.head, after.end, after.isEmpty], [end, end, true]);
    assert.equal(after.append("next"), end);
    await after.close();
  }
});

test("a name that the system does not take: WAL_IO", async (t) => {
  const dir = scratchDir(t);
  await someLog(join(dir, "app.wal"));
  const converted = convert(join(dir, "app.wal"), join(dir, "n".repeat(300)));
  await assert.rejects(converted, walFault("WAL_IO", { errno: "ENAMETOOLONG" }));
});
