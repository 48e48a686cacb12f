import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MemStore, Wal } from "wal-db";
import { Random } from "#internal/testing/random.js";
import { joined, logOf, scanPlain } from "../support/plain-format.ts";
import { scratchDir } from "../support/scratch.ts";

/** Logs without a mark: what opening makes of every cut and of every flipped bit. */

const random = new Random(90);
const payloads = [3, 0, 12, 1, 25, 8, 0, 5].map((length) => random.bytes(length));
const image = logOf(payloads);
const all = scanPlain(image).records;

/** Opens, checks that the log is a prefix of what was written, and that it goes on from there. */
function openAndGoOn(damaged: Uint8Array, about: string): Wal["recovery"] {
  const store = new MemStore(damaged);
  const wal = Wal.withStoreBlocking(store, { maxRecordSize: 1000 });
  const read = Array.from(wal, (r) => r.data);
  assert.deepEqual(read, payloads.slice(0, read.length), `${about}: nothing invented, nothing out of order`);
  const expected = scanPlain(damaged, 0, 1000);
  assert.equal(wal.recovery.records, expected.records.length, about);
  assert.deepEqual(
    [wal.recovery.end, wal.end, wal.durable],
    [expected.end, expected.end, expected.end],
    about,
  );
  assert.equal(store.length, expected.end, `${about}: cut`);

  const { damage, discarded } = wal.recovery;
  if (damage === null) {
    assert.equal(discarded, 0, about);
    assert.ok(
      damaged.subarray(expected.end).every((byte) => byte === 0),
      about,
    );
  } else {
    assert.deepEqual([damage.offset, damage.reason], [expected.end, expected.reason], about);
    assert.equal(discarded, damaged.length - expected.end, about);
  }
  const saved = damage?.quarantine ?? null;
  if (saved !== null) {
    assert.deepEqual(store.quarantined.get(saved), damaged.slice(expected.end), `${about}: saved whole`);
  }

  assert.equal(wal.append("and on"), expected.end, about);
  const report = wal.recovery;
  wal.closeBlocking();
  const again = Wal.withStoreBlocking(new MemStore(store.toBytes()));
  assert.equal([...again].length, read.length + 1, about);
  assert.equal(again.recovery.damage, null, `${about}: repaired for good`);
  again.closeBlocking();
  return report;
}

test("every cut point", () => {
  for (let length = 0; length <= image.length; length++) {
    const report = openAndGoOn(image.subarray(0, length), `cut at ${length}`);
    const whole = all.filter((r) => r.lsn + 8 + r.payload.length <= length).length;
    assert.equal(report.records, whole, `cut at ${length}: every record that is whole is there`);
    if (report.damage === null) continue;
    assert.equal(report.damage.kind, whole > 0 ? "torn" : "corrupt", `cut at ${length}`);
    // An incomplete last record is what every crash leaves; a log with no record at all may be no log.
    assert.equal(report.damage.quarantine === null, whole > 0, `cut at ${length}`);
  }
});

test("every single flipped bit", () => {
  for (let bit = 0; bit < image.length * 8; bit++) {
    const damaged = image.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const report = openAndGoOn(damaged, `bit ${bit}`);
    const hit = all.findIndex((r) => bit >> 3 < r.lsn + 8 + r.payload.length);
    assert.equal(report.records, hit, `bit ${bit}: every record before is there`);
    const last = hit === all.length - 1;
    assert.equal(report.damage?.kind, last ? "torn" : "corrupt", `bit ${bit}`);
    if (!last) assert.notEqual(report.damage?.quarantine, null, `bit ${bit}: what follows is saved`);
  }
});

test("every single byte replaced by zero, by 0xff, and by its complement", () => {
  for (let at = 0; at < image.length; at++) {
    const before = image[at] ?? 0;
    for (const value of [0, 0xff, before ^ 0xff]) {
      if (value === before) continue;
      const damaged = image.slice();
      damaged[at] = value;
      openAndGoOn(damaged, `byte ${at} is ${value}`);
    }
  }
});

test("every cut point, and then zeros or junk to where the log had ended", () => {
  for (let length = 0; length < image.length; length++) {
    const rest = image.length - length;
    openAndGoOn(joined(image.subarray(0, length), new Uint8Array(rest)), `cut at ${length}, zeros`);
    openAndGoOn(joined(image.subarray(0, length), new Uint8Array(rest).fill(0xa5)), `cut at ${length}, junk`);
  }
});

test("a tail of zeros of any length is cut, and counts as nothing discarded", () => {
  for (const zeros of [1, 7, 8, 9, 4096, 300_000]) {
    const report = openAndGoOn(joined(image, new Uint8Array(zeros)), `${zeros} zeros`);
    assert.deepEqual([report.damage, report.discarded, report.records], [null, 0, payloads.length]);
  }
});

test("on files: every cut point, opened without blocking and blocking by turns", async (t) => {
  const path = join(scratchDir(t), "log.wal");
  for (let length = 0; length <= image.length; length++) {
    writeFileSync(path, image.subarray(0, length));
    writeFileSync(`${path}.mark`, "");
    const whole = all.filter((r) => r.lsn + 8 + r.payload.length <= length).length;
    const wal = length % 2 === 0 ? await Wal.open(path) : Wal.openBlocking(path);
    assert.deepEqual(
      Array.from(wal, (r) => r.data),
      payloads.slice(0, whole),
      `cut at ${length}`,
    );
    assert.equal(readFileSync(path).length, wal.recovery.end);
    await wal.close();
  }
});
