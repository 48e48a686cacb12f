/**
 * The golden images of an independent writer under each policy: what is read, what is left, what is
 * saved, and how the records behind the damage are read.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32c, Wal, WalError, type WalRecord } from "wal-db";
import { copyFixture, expectedImages, fileImages, fixturesDir } from "../support/fixtures.ts";
import { folderImage } from "../support/folder-image.ts";
import { markSlot } from "../support/plain-format.ts";
import { expectedOpen } from "../support/recovery-oracle.ts";
import { scratchDir } from "../support/scratch.ts";

interface Seen {
  readonly lsn: number;
  readonly length: number;
  readonly crc32c: number;
}

/** As expected.json describes a record; the checksum there is over the payload alone. */
function seen(record: WalRecord): Seen {
  return { lsn: record.lsn, length: record.length, crc32c: crc32c(record.data) };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

for (const name of fileImages) {
  const expected = expectedImages[name];
  assert.ok(expected !== undefined);
  const image = new Uint8Array(readFileSync(join(fixturesDir, name)));

  for (const onDamage of [undefined, "quarantine", "refuse", "truncate"] as const) {
    test(`${name} (${expected.note}), onDamage ${onDamage ?? "not given"}`, async (t) => {
      const dir = scratchDir(t);
      const path = copyFixture(name, dir);
      const before = folderImage(dir);
      const answer = expectedOpen({ image, mark: null, onDamage, verify: "tail", maxRecordBytes: 2 ** 26 });
      const options = onDamage === undefined ? {} : { onDamage };
      if (!answer.opens) {
        const facts = { code: "WAL_CORRUPT", offset: expected.end, reason: answer.reason };
        await assert.rejects(Wal.open(path, options), facts);
        assert.deepEqual(folderImage(dir), before);
        assert.throws(() => Wal.openBlocking(path, { ...options, readOnly: true }), facts);
        assert.deepEqual(folderImage(dir), before);
        return;
      }

      const view = await Wal.open(path, { ...options, readOnly: true });
      assert.deepEqual([...view].map(seen), expected.records);
      assert.equal(view.recovery.discarded, answer.discarded);
      await view.close();
      assert.deepEqual(folderImage(dir), before, "readOnly changes nothing");

      const wal = await Wal.open(path, options);
      assert.equal(wal.end, expected.end);
      assert.deepEqual([...wal].map(seen), expected.records);
      assert.equal(wal.recovery.records, expected.records.length);
      assert.equal(wal.recovery.discarded, answer.discarded);
      assert.equal(wal.recovery.damage?.kind, answer.damage?.kind);
      assert.equal(wal.recovery.damage?.reason, answer.damage?.reason);
      await wal.close();
      const { [`${name}.mark`]: _, ...after } = folderImage(dir);
      const saved =
        answer.saved === null ? {} : { [`${name}.quarantine-${expected.end}`]: latin1(answer.saved) };
      assert.deepEqual(after, { [name]: latin1(image.slice(0, expected.end)), ...saved });
    });
  }
}

const withRecordsBehind = fileImages.filter((name) => typeof expectedImages[name]?.intact_after === "number");

test("the images have some with intact records behind the damage", () => {
  assert.ok(withRecordsBehind.length >= 3);
});

for (const name of withRecordsBehind) {
  test(`${name}: iter({ onDamage }) reads what is intact behind the damage`, async (t) => {
    // Damage in the middle of what the mark covers, as it comes with age: open does not look there,
    // iteration does, and goes on behind it when it is asked to.
    const dir = scratchDir(t);
    const path = copyFixture(name, dir);
    const expected = expectedImages[name];
    assert.ok(expected !== undefined);
    const size = readFileSync(path).length;
    writeFileSync(`${path}.mark`, markSlot(size, 1));
    const before = folderImage(dir);

    const wal = await Wal.open(path, { readOnly: true });
    const damage: WalError[] = [];
    const found = [...wal.iter({ onDamage: (error) => damage.push(error) })];
    const ahead: WalRecord[] = [];
    for await (const record of wal.iter({ onDamage: () => {} })) ahead.push(record);
    assert.deepEqual(ahead.map(seen), found.map(seen));
    const behind = found.filter((record) => record.lsn >= expected.end);
    assert.deepEqual(found.slice(0, expected.records.length).map(seen), expected.records);
    assert.equal(behind.length, expected.intact_after);
    assert.equal(damage.length, 1);
    assert.equal(damage[0]?.code, "WAL_CORRUPT");
    assert.equal(damage[0]?.offset, expected.end);
    assert.equal(damage[0]?.length, (behind[0]?.lsn ?? size) - expected.end);
    assert.throws(() => [...wal], { code: "WAL_CORRUPT", offset: expected.end });
    await wal.close();

    assert.throws(() => Wal.openBlocking(path, { verify: "full" }), { code: "WAL_CORRUPT", mark: size });
    assert.deepEqual(folderImage(dir), before);
  });
}
