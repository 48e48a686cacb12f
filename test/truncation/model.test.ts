/**
 * A log against a list: anything that may be done to a log in any order, over segments of any size,
 * one file and memory; after a crash the log may have lost only what was not synced.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { MemStore, Wal, type Lsn } from "wal-db";
import { library } from "../support/library.ts";
import { contentOf, LogDriver, type Step } from "../support/log-driver.ts";
import { openOn } from "../support/simulated-log.ts";
import { logsDisk } from "../support/logs-disk.ts";
import { Random } from "#internal/testing/random.js";

const long = process.env["WAL_DB_LONG"] === "1";
// Printed, so that a failure can be had again; or given, to have it again.
const seed = Number(process.env["WAL_DB_SEED"] ?? Date.now() % 2 ** 31);

type Move =
  | { readonly move: "step"; readonly step: Step; readonly blocking: boolean }
  | { readonly move: "retain"; readonly maxBytes: number }
  | { readonly move: "reopen"; readonly verify: "tail" | "full" }
  | { readonly move: "kill" }
  | { readonly move: "power"; readonly salt: number; readonly names: "prefix" | "any" };

const sizes = fc.array(fc.oneof(fc.nat(20), fc.nat(200)), { minLength: 1, maxLength: 5 });
const at = fc.double({ min: 0, max: 1, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("append", "batch", "appendAndSync"), sizes }) },
  { weight: 2, arbitrary: fc.constant({ do: "sync" } as const) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("truncateAfter", "truncateBefore"), at }) },
  { weight: 1, arbitrary: fc.constant({ do: "truncateBeforeEnd" } as const) },
);
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ move: fc.constant("step"), step, blocking: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant("retain"), maxBytes: fc.nat(300) }) },
  {
    weight: 1,
    arbitrary: fc.record({ move: fc.constant("reopen"), verify: fc.constantFrom("tail", "full") }),
  },
  { weight: 1, arbitrary: fc.record({ move: fc.constant("kill") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      move: fc.constant("power"),
      salt: fc.nat(),
      names: fc.constantFrom("prefix", "any"),
    }),
  },
);

/** Where a log lives, and what may become of it. */
interface Place {
  open(options?: { verify: "tail" | "full" }): Wal;
  kill(): void;
  cutPower(salt: number, names: "prefix" | "any"): void;
}

function onDisk(segmentSize: number | null): Place {
  const sim = logsDisk();
  return {
    open: (options) => openOn(library, sim, segmentSize, options),
    kill: () => sim.kill(),
    cutPower: (salt, names) => sim.crash({ chooser: new Random(salt), names }),
  };
}

/** A memory log is given on as its image; it loses nothing. */
function inMemory(): Place {
  let store = new MemStore();
  let used = false;
  return {
    open() {
      if (used) store = new MemStore(store.toBytes(), store.head);
      used = true;
      return Wal.withStoreBlocking(store);
    },
    kill: () => {},
    cutPower: () => {},
  };
}

async function retain(driver: LogDriver, wal: Wal, maxBytes: number): Promise<void> {
  const { model } = driver;
  const limit = model.end - maxBytes;
  const first = model.records.find((record) => record.lsn >= limit)?.lsn ?? model.end;
  const expected = Math.max(first, model.head);
  model.beginTruncateBefore(expected);
  const head = await wal.retain({ maxBytes });
  if (head === expected) model.truncatedBefore();
  else model.keptHead(head, model.head);
}

async function play(place: Place, moves: readonly Move[]): Promise<void> {
  const driver = new LogDriver();
  let wal = place.open();
  for (const [i, each] of moves.entries()) {
    const what = `move ${i}, ${each.move}`;
    if (each.move === "step") {
      await driver.run(wal, each.step, each.blocking);
    } else if (each.move === "retain") {
      await retain(driver, wal, each.maxBytes);
    } else if (each.move === "reopen") {
      await wal.close();
      driver.model.synced();
      wal = place.open({ verify: each.verify });
      assert.equal(wal.recovery.damage, null, what);
    } else {
      if (each.move === "kill") place.kill();
      else place.cutPower(each.salt, each.names);
      wal = place.open();
      driver.model.afterCrash(contentOf(wal), each.move, what);
    }
    driver.check(wal, what);
  }
  for (const { lsn, payload } of driver.model.records) {
    assert.equal(wal.read(lsn as Lsn).text(), payload);
  }
}

const places: Readonly<Record<string, () => Place>> = {
  memory: inMemory,
  "one file": () => onDisk(null),
  "segments of 1 byte": () => onDisk(1),
  "segments of 7 bytes": () => onDisk(7),
  "segments of 64 bytes": () => onDisk(64),
  "segments of 512 bytes": () => onDisk(512),
  "one segment larger than the log": () => onDisk(1024 * 1024),
};

for (const [name, place] of Object.entries(places)) {
  test(`${name}: the log equals the model`, async (t) => {
    t.diagnostic(`WAL_DB_SEED=${seed}`);
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 40, size: "max" }), (moves) => play(place(), moves)),
      { seed, numRuns: (long ? 40 : 1) * (name.endsWith("1 byte") ? 25 : 100), includeErrorInReport: true },
    );
  });
}
