/**
 * Power cuts on a simulated disk, with several joined logs over it. In one thread, since the disk is
 * in its memory: each log has a store and descriptors of its own, and has not seen what the others wrote.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Wal, WalError, type WalOptions } from "wal-db";
import { fileStoresOn } from "#internal/files.js";
import { type FileStores, provideFileStores } from "#internal/open-store.js";
import type { Disk } from "#internal/store/disk.js";
import { attachMappedStore, type MappedShare, openMappedStore } from "#internal/store/mapped-store.js";
import { Random } from "#internal/testing/random.js";
import { logsDisk } from "../support/logs-disk.ts";
import { busErrors, simulatedMapper } from "../support/simulated-map.ts";

const segmentSize = 64;
const rounds = process.env["WAL_DB_LONG"] === "1" ? 2000 : 150;

/** What is known of a log: its records in order, and how many of them no power cut may take. */
interface Known {
  texts: string[];
  ends: number[];
  acknowledged: number;
}

function cutTo(known: Known, count: number): void {
  // Where nothing follows there is nothing to cut, and no flush.
  const cuts = count < known.texts.length;
  known.texts.length = count;
  known.ends.length = count;
  if (cuts) known.acknowledged = count;
}

async function step(random: Random, logs: readonly Wal[], known: Known, lsns: number[]): Promise<void> {
  const log = logs[random.next(logs.length)] as Wal;
  const choice = random.next(10);
  if (choice < 6) {
    const text = `${known.texts.length}:${"x".repeat(random.next(90))}`;
    const lsn = log.append(text);
    lsns.push(lsn);
    known.texts.push(text);
    known.ends.push(lsn + 8 + text.length);
  } else if (choice < 9) {
    const count = known.texts.length;
    if (choice === 8) await log.sync();
    else log.syncBlocking();
    known.acknowledged = Math.max(known.acknowledged, count);
    assert.ok(log.durable >= (known.ends[count - 1] ?? 0));
  } else if (lsns.length > 0) {
    const kept = random.next(lsns.length);
    const [owner] = logs as [Wal];
    if (random.next(2) === 0) owner.truncateAfterBlocking(lsns[kept] as never);
    else await owner.truncateAfter(lsns[kept] as never);
    lsns.length = kept + 1;
    cutTo(known, kept + 1);
  }
}

/** Where the power cut took the mark too, a gap is refused, and nothing changed: what is acknowledged must be before it. */
function reopened(open: (options?: WalOptions) => Wal): Wal {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof WalError) || error.mark !== undefined) throw error;
    assert.ok(["short-segment", "missing-segment"].includes(error.reason ?? ""), error.message);
    return open({ onDamage: "quarantine" });
  }
}

/** One log and how others join it, on this disk. */
function opener(kind: "file" | "segmented" | "mapped", disk: Disk): (options?: WalOptions) => Wal {
  const files = fileStoresOn(disk);
  const mapper = simulatedMapper(disk);
  const attach: FileStores["attach"] = (share) => attachMappedStore(share as MappedShare, { disk, mapper });
  provideFileStores(kind === "mapped" ? { ...files, attach } : files);
  const unlocked = { lock: false, segmentSize };
  return (options) => {
    if (kind === "file") return Wal.openBlocking("/log.wal", { lock: false, ...options });
    if (kind === "segmented") return Wal.openSegmentedBlocking("/log", { ...unlocked, ...options });
    const store = openMappedStore("/log", segmentSize, { disk, mapper });
    return Wal.withStoreBlocking(store, { lock: false, ...options });
  };
}

for (const kind of ["file", "segmented", "mapped"] as const) {
  test(`${kind}: the power is cut, ${rounds} times: what any thread has acknowledged is there, whoever wrote it`, async () => {
    let records = 0;
    for (let round = 0; round < rounds; round++) {
      const sim = logsDisk();
      const random = new Random(round);
      const open = opener(kind, sim);
      const owner = open();
      const share = owner.share();
      const logs = [owner, Wal.attach(share), Wal.attach(share)];
      const known: Known = { texts: [], ends: [], acknowledged: 0 };
      const lsns: number[] = [];
      for (let n = random.next(40); n >= 0; n--) await step(random, logs, known, lsns);
      sim.kill();
      sim.crash({ keep: round % 3 === 0 ? "none" : "some", chooser: new Random(round) });
      // What mapped segments were left as, is for plain ones too.
      const again = reopened(round % 2 === 0 && kind === "mapped" ? opener("segmented", sim) : open);
      const found = Array.from(again, (record) => record.text());
      assert.deepEqual(found, known.texts.slice(0, found.length), `round ${round}: nothing is invented`);
      assert.ok(
        found.length >= known.acknowledged,
        `round ${round}: ${found.length} of ${known.acknowledged}`,
      );
      records += known.acknowledged;
      again.closeBlocking();
    }
    assert.ok(records > rounds, `${records} acknowledged records in all`);
    assert.deepEqual(busErrors, []);
  });
}
