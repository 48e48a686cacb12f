/** What must hold when a conversion is stopped at any call on the disk: nothing of it is there, or all of it. */
import assert from "node:assert/strict";
import type { Wal } from "wal-db";
import { convertOn } from "#internal/convert.js";
import type { Disk } from "#internal/store/disk.js";
import { library } from "./library.ts";
import { logsDisk } from "./logs-disk.ts";
import { type Ending, runStopped } from "./simulated-log.ts";

const texts = Array.from({ length: 5 }, (_, i) => `record ${i}`.padEnd(10 + i * 7, "."));

function openOn(disk: Disk, path: string, segmentSize: number | null): Wal {
  return segmentSize === null ? library.open(disk, path) : library.openSegmented(disk, path, segmentSize);
}

function checkHolds(wal: Wal, what: string): void {
  const found = [...wal].map((record) => record.text());
  assert.deepEqual(found, texts, `${wal.recovery.end}, ${what}`);
  assert.equal(wal.recovery.damage, null, what);
  wal.closeBlocking();
}

/** Stops a conversion at its n-th call; false when it has no more of them. Null: one file. */
export async function convertAt(
  from: number | null,
  to: number | null,
  ending: Ending,
  stopAt: number,
): Promise<boolean> {
  const sim = logsDisk();
  const wal = openOn(sim, "/logs/source", from);
  wal.appendBatch(texts);
  wal.closeBlocking();
  const options = { segmentSize: to ?? undefined, sourceSegmentSize: from ?? undefined };
  const stopped = await runStopped(sim, stopAt, false, async (disk, arm) => {
    arm();
    await convertOn(disk, "/logs/source", "/logs/target", options);
  });
  ending.apply(sim, stopAt);
  const there = sim.stat("/logs/target").kind !== "missing";
  assert.ok(there || stopped, "it came to its end, and there is nothing");
  if (!there) await convertOn(sim, "/logs/source", "/logs/target", options);
  // Whether from that attempt or from this one: whole, and once it was opened on stable storage.
  const what = `${ending.name}, call ${stopAt}`;
  for (let round = 0; round < 2; round++) {
    checkHolds(openOn(sim, "/logs/target", to), what);
    checkHolds(openOn(sim, "/logs/source", from), what);
    sim.crash({ keep: "none" });
  }
  return stopped;
}
