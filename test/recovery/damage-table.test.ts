/**
 * Every kind of damage, to the first, a middle and the last record, below, at and past the mark,
 * under every policy: what open says, what it leaves of the log, what it saves, what it touches.
 * The expectation comes from a second writing of the decision table (support/recovery-oracle.ts),
 * and for the rows that matter most it stands here in words.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Wal, WalError, type WalOptions } from "wal-db";
import {
  damageMaxRecordBytes,
  type Damaged,
  damages,
  soundBounds,
  soundLog,
  soundRecords,
} from "../support/damage.ts";
import { folderImage } from "../support/folder-image.ts";
import { library } from "../support/library.ts";
import { claimOf, joined, markSlot, scanPlain } from "../support/plain-format.ts";
import { RecordingDisk } from "../support/recording-disk.ts";
import { expectedOpen, type OracleAnswer } from "../support/recovery-oracle.ts";
import { scratchDir } from "../support/scratch.ts";
import { logsDisk } from "../support/logs-disk.ts";
import type { SimulatedDisk } from "wal-db/testing";

const path = "/logs/app.wal";
const markPath = `${path}.mark`;
const policies = [undefined, "quarantine", "refuse", "truncate"] as const;
const verifies = ["tail", "full"] as const;
const places = { first: 0, middle: 2, last: 4 } as const;
type Place = keyof typeof places;

function bound(index: number): number {
  return soundBounds[index] ?? soundLog.length;
}

/** Marks by name, for damage to the record with that index. */
function marksFor(index: number): Record<string, Uint8Array | null> {
  const start = bound(index);
  const bad = new Uint8Array(16).fill(0xab);
  return {
    none: null,
    "both slots bad": joined(bad, bad),
    "at the head": markSlot(0, 1),
    below: joined(markSlot(0, 5), markSlot(bound(Math.max(0, index - 1)), 6)),
    at: joined(markSlot(start, 6), markSlot(bound(Math.max(0, index - 1)), 5)),
    past: joined(markSlot(start, 5), markSlot(bound(index + 1), 6)),
    end: joined(markSlot(soundLog.length, 0), markSlot(start, 0xffff_ffff)),
    "newer slot torn": joined(markSlot(start, 5), bad),
    "within a record": markSlot(start + 3, 9),
    "past everything": markSlot(soundLog.length + 100, 9),
  };
}

interface Case {
  readonly what: string;
  readonly damaged: Damaged;
  readonly mark: Uint8Array | null;
  readonly onDamage: (typeof policies)[number];
  readonly verify: "tail" | "full";
}

function* cases(place: Place): Generator<Case> {
  const index = places[place];
  for (const damage of damages) {
    if (!damage.placed && place !== "last") continue;
    const damaged = damage.apply(bound(index), bound(index + 1));
    for (const [markName, mark] of Object.entries(marksFor(index))) {
      for (const onDamage of policies) {
        for (const verify of verifies) {
          const what = `${damage.name}, ${place} record, mark ${markName}, ${onDamage ?? "default"}, ${verify}`;
          yield { what, damaged, mark, onDamage, verify };
        }
      }
    }
  }
}

function optionsOf({ damaged, onDamage, verify }: Case): WalOptions {
  const maxRecordSize = damaged.maxRecordBytes ?? damageMaxRecordBytes;
  return { maxRecordSize, verify, ...(onDamage === undefined ? {} : { onDamage }) };
}

function oracleOf(row: Case): OracleAnswer {
  const maxRecordBytes = row.damaged.maxRecordBytes ?? damageMaxRecordBytes;
  return expectedOpen({ ...row, image: row.damaged.image, maxRecordBytes });
}

function diskOf(row: Case): SimulatedDisk {
  return logsDisk({
    [path]: row.damaged.image,
    "/logs/bystander": new TextEncoder().encode("not ours"),
    ...(row.mark === null ? {} : { [markPath]: row.mark }),
  });
}

/** Reads to the first damage. */
function readAll(wal: Wal): { payloads: Uint8Array[]; damage: unknown } {
  const payloads: Uint8Array[] = [];
  try {
    for (const record of wal) payloads.push(record.data.slice());
  } catch (error) {
    return { payloads, damage: error };
  }
  return { payloads, damage: null };
}

function checkOpen(row: Case): void {
  const expected = oracleOf(row);
  const sim = diskOf(row);
  const before = sim.files();
  const recording = new RecordingDisk(sim);
  let wal: Wal;
  try {
    wal = library.open(recording.disk, path, optionsOf(row));
  } catch (error) {
    assert.ok(!expected.opens, `${row.what}: ${String(error)}`);
    assert.ok(error instanceof WalError, row.what);
    assert.equal(error.code, "WAL_CORRUPT", row.what);
    assert.equal(error.offset, expected.offset, row.what);
    assert.equal(error.mark ?? null, expected.mark, row.what);
    assert.equal(error.reason, expected.reason, row.what);
    assert.equal(error.path, path, row.what);
    assert.deepEqual(sim.files(), before, row.what);
    assert.deepEqual(recording.lines("/logs"), ["flushDirectory ."], row.what);
    return;
  }
  assert.ok(expected.opens, `${row.what}: opened`);
  const { end, damage } = expected;
  const quarantine = expected.saved === null ? null : `${path}.quarantine-${end}`;
  assert.deepEqual(
    wal.recovery,
    {
      head: 0,
      scannedFrom: expected.scannedFrom,
      records: expected.records,
      end,
      discarded: expected.discarded,
      mark: expected.mark,
      damage: damage === null ? null : { ...damage, quarantine },
    },
    row.what,
  );
  const { [markPath]: mark, ...rest } = sim.files();
  const left = row.damaged.image.slice(0, end);
  assert.deepEqual(
    rest,
    {
      "/logs/bystander": before["/logs/bystander"],
      [path]: left,
      ...(quarantine === null ? {} : { [quarantine]: expected.saved }),
    },
    row.what,
  );
  assert.equal(claimOf(mark ?? new Uint8Array(0)), end, row.what);

  const scan = scanPlain(left, 0, row.damaged.maxRecordBytes ?? damageMaxRecordBytes);
  const read = readAll(wal);
  assert.deepEqual(
    read.payloads,
    scan.records.map((record) => record.payload),
    row.what,
  );
  if (scan.reason === null) assert.equal(read.damage, null, row.what);
  else assert.equal((read.damage as WalError).offset, scan.end, row.what);

  wal.appendAndSyncBlocking("goes on");
  wal.closeBlocking();
  const log = sim.durableFiles()[path] ?? new Uint8Array(0);
  assert.equal(Buffer.from(log.subarray(end + 8)).toString(), "goes on", row.what);
}

function checkView(row: Case): void {
  const expected = oracleOf(row);
  const sim = diskOf(row);
  const before = sim.files();
  const recording = new RecordingDisk(sim);
  const options = { ...optionsOf(row), readOnly: true };
  if (expected.opens) {
    const wal = library.open(recording.disk, path, options);
    assert.equal(wal.recovery.end, expected.end, row.what);
    assert.equal(wal.recovery.discarded, expected.discarded, row.what);
    const damage = expected.damage === null ? null : { ...expected.damage, quarantine: null };
    assert.deepEqual(wal.recovery.damage, damage, row.what);
    wal.closeBlocking();
  } else {
    const error = { code: "WAL_CORRUPT", offset: expected.offset };
    assert.throws(() => library.open(recording.disk, path, options), error, row.what);
  }
  assert.deepEqual(sim.files(), before, row.what);
  assert.deepEqual(recording.lines("/logs"), [], row.what);
  assert.ok(!recording.calls.some((call) => call.name === "lock"), row.what);
}

for (const place of Object.keys(places) as Place[]) {
  test(`every damage to the ${place} record, mark and policy: as the table says`, () => {
    let rows = 0;
    for (const row of cases(place)) {
      checkOpen(row);
      rows++;
    }
    assert.ok(rows >= 1200, `${rows} rows`);
  });

  test(`the same with readOnly: seen alike, and nothing touched (${place} record)`, () => {
    for (const row of cases(place)) checkView(row);
  });
}

test("whatever the damage, an open that was not told to accept loss keeps what the mark covers", () => {
  // Said without the table: the records that were acknowledged are there, or open throws.
  let opened = 0;
  let refused = 0;
  for (const place of Object.keys(places) as Place[]) {
    for (const row of cases(place)) {
      if (row.onDamage === "quarantine" || row.onDamage === "truncate" || row.verify === "tail") continue;
      const claim = row.mark === null ? 0 : (claimOf(row.mark) ?? 0);
      if (!soundBounds.includes(claim) || row.what.startsWith("another log")) continue;
      const acknowledged = soundRecords.filter((record) => record.lsn < claim);
      try {
        const wal = library.open(diskOf(row), path, optionsOf(row));
        const { payloads } = readAll(wal);
        for (const [i, record] of acknowledged.entries())
          assert.deepEqual(payloads[i], record.payload, row.what);
        opened++;
      } catch (error) {
        assert.ok(error instanceof WalError && error.code === "WAL_CORRUPT", `${row.what}: ${String(error)}`);
        refused++;
      }
    }
  }
  assert.ok(opened > 100 && refused > 100, `${opened} opened, ${refused} refused`);
});

type Outcome = "whole" | "cut" | "torn, saved" | "corrupt, saved" | "loss" | "refused" | "not seen";

/** The rows that people ask about, in words: damage, record, mark, options, what happens. */
const inWords: readonly [string, Place, string, WalOptions, Outcome][] = [
  ["sound", "last", "end", {}, "whole"],
  ["sound", "last", "none", {}, "whole"],
  ["zeros appended", "last", "end", {}, "whole"],
  ["three zeros appended", "last", "none", { onDamage: "refuse" }, "whole"],
  ["cut within the payload", "last", "at", {}, "cut"],
  ["cut within the header", "last", "none", {}, "cut"],
  ["cut within the payload", "last", "at", { onDamage: "refuse" }, "cut"],
  ["cut within the payload", "middle", "end", {}, "loss"],
  ["cut at its start", "last", "end", {}, "loss"],
  ["cut at its start", "last", "at", {}, "whole"],
  ["zeroed", "middle", "none", {}, "corrupt, saved"],
  ["zeroed", "last", "at", {}, "whole"],
  ["zeroed", "last", "end", { verify: "full" }, "loss"],
  ["a bit of the payload", "middle", "end", {}, "not seen"],
  ["a bit of the payload", "middle", "end", { verify: "full" }, "loss"],
  ["a bit of the payload", "middle", "at", {}, "corrupt, saved"],
  ["a bit of the payload", "middle", "at", { onDamage: "refuse" }, "refused"],
  ["a bit of the payload", "last", "at", {}, "torn, saved"],
  ["length implausible", "last", "at", {}, "torn, saved"],
  ["length past the end", "last", "at", {}, "cut"],
  ["length past the end", "middle", "at", {}, "corrupt, saved"],
  ["larger than maxRecordSize", "middle", "none", {}, "corrupt, saved"],
  ["larger than maxRecordSize", "middle", "at", { onDamage: "refuse" }, "refused"],
  ["noise appended", "last", "end", {}, "torn, saved"],
  ["zeros and an intact record", "last", "end", {}, "corrupt, saved"],
  ["all noise", "last", "none", {}, "corrupt, saved"],
  ["all noise", "last", "none", { onDamage: "refuse" }, "refused"],
  ["all noise", "last", "past", {}, "not seen"],
  ["all noise", "last", "past", { verify: "full" }, "loss"],
  ["empty", "last", "end", {}, "loss"],
  ["empty", "last", "none", {}, "whole"],
];

function outcomeOf(wal: Wal): Outcome {
  const { damage } = wal.recovery;
  if (damage !== null) return damage.quarantine === null ? "cut" : `${damage.kind}, saved`;
  return readAll(wal).damage === null ? "whole" : "not seen";
}

test("the rows that people ask about, on real files", async (t) => {
  const dir = scratchDir(t);
  const file = join(dir, "app.wal");
  for (const [row, [name, place, markName, options, outcome]] of inWords.entries()) {
    const what = `row ${row}: ${name}, ${place}, mark ${markName}, ${JSON.stringify(options)}`;
    const damage = damages.find((each) => each.name === name);
    const mark = marksFor(places[place])[markName];
    assert.ok(damage !== undefined && mark !== undefined, what);
    const index = places[place];
    const { image, maxRecordBytes = damageMaxRecordBytes } = damage.apply(bound(index), bound(index + 1));
    const log = `${file}.${row}`;
    writeFileSync(log, image);
    if (mark !== null) writeFileSync(`${log}.mark`, mark);
    const before = folderImage(dir);
    try {
      const wal = await Wal.open(log, { ...options, maxRecordSize: maxRecordBytes });
      assert.equal(outcomeOf(wal), outcome, what);
      await wal.close();
    } catch (error) {
      assert.ok(error instanceof WalError && error.code === "WAL_CORRUPT", `${what}: ${String(error)}`);
      assert.equal(error.mark === undefined ? "refused" : "loss", outcome, what);
      assert.deepEqual(folderImage(dir), before, what);
    }
  }
});

test("a read that fails is an error of the disk, never damage", () => {
  // An I/O error taken for the end of a log has cost others their data (rocksdb#6288).
  const noisy = damages.find((each) => each.name === "noise and an intact record");
  assert.ok(noisy !== undefined);
  const { image } = noisy.apply(0, 0);
  for (const readOnly of [false, true]) {
    let failures = 0;
    let cut = 0;
    for (let nth = 1; ; nth++) {
      const sim = logsDisk({ [path]: image, [markPath]: markSlot(bound(2), 1) });
      const before = sim.files();
      sim.inject({ call: "read", nth, effect: { kind: "fail", errno: "EIO" } });
      try {
        library.open(sim, path, { readOnly }).closeBlocking();
        break;
      } catch (error) {
        assert.ok(error instanceof WalError, String(error));
        assert.equal(error.code, "WAL_IO", `read ${nth}`);
        assert.equal(error.errno, "EIO", `read ${nth}`);
        failures++;
        const {
          [path]: log = image,
          [`${path}.quarantine-${soundLog.length}`]: saved,
          ...rest
        } = sim.files();
        if (log.length === image.length) {
          assert.deepEqual(sim.files(), before, `read ${nth}`);
        } else {
          // It failed after the cut, while the bytes past the mark were read to be written again.
          cut++;
          assert.deepEqual(joined(log, saved ?? new Uint8Array(0)), image, `read ${nth}`);
          assert.deepEqual(Object.keys(rest), [markPath], `read ${nth}`);
        }
      }
    }
    assert.ok(failures - cut >= 3, `${failures} reads`);
  }
});
