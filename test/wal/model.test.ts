import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { MemStore, type RecordInput, Wal } from "wal-db";
import { scratchDir } from "../support/scratch.ts";

/** The log against its model, an array: any run of calls leaves the two equal. */

type Step =
  | {
      readonly kind: "append";
      readonly records: readonly RecordInput[];
      readonly sync: "no" | "await" | "block";
    }
  | { readonly kind: "batch"; readonly records: readonly RecordInput[] }
  | { readonly kind: "sync"; readonly blocking: boolean }
  | { readonly kind: "read" }
  | { readonly kind: "reopen"; readonly blocking: boolean; readonly full: boolean };

const record: fc.Arbitrary<RecordInput> = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
  // Round the sizes at which something changes: a view's, a chunk's, a write in place's.
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(4088, 8184, 16_384, 65_536, 262_144),
        fc.integer({ min: -9, max: 9 }),
        fc.nat(255),
      )
      .map(([size, by, fill]) => new Uint8Array(size + by).fill(fill)),
  },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      records: fc.array(record, { minLength: 1, maxLength: 4 }),
      sync: fc.constantFrom("no" as const, "await" as const, "block" as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("batch" as const),
      records: fc.array(record, { maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("sync" as const), blocking: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("read" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("reopen" as const),
      blocking: fc.boolean(),
      full: fc.boolean(),
    }),
  },
);

interface Modelled {
  readonly lsn: number;
  readonly bytes: Buffer;
}

class Model {
  readonly records: Modelled[] = [];
  end = 0;

  add(lsn: number, input: RecordInput): void {
    assert.equal(lsn, this.end);
    const bytes = typeof input === "string" ? Buffer.from(input, "utf8") : Buffer.from(input);
    this.records.push({ lsn, bytes });
    this.end += 8 + bytes.length;
  }

  async equals(wal: Wal): Promise<void> {
    assert.deepEqual([wal.end, wal.isEmpty], [this.end, this.end === 0]);
    assert.ok(wal.durable <= wal.end);
    let at = 0;
    for (const { lsn, data, next } of wal) {
      const expected = this.records[at++];
      assert.ok(
        expected !== undefined && expected.lsn === lsn && expected.bytes.equals(data),
        `record ${at - 1}`,
      );
      assert.equal(next, lsn + 8 + data.length);
    }
    assert.equal(at, this.records.length);
    at = 0;
    for await (const { lsn, data } of wal) {
      const expected = this.records[at++];
      assert.ok(
        expected !== undefined && expected.lsn === lsn && expected.bytes.equals(data),
        `record ${at - 1}`,
      );
    }
    assert.equal(at, this.records.length);
  }
}

async function run(
  steps: readonly Step[],
  open: (how: { blocking: boolean; full: boolean }) => Promise<Wal>,
): Promise<void> {
  const model = new Model();
  let wal = await open({ blocking: false, full: true });
  for (const step of steps) {
    if (step.kind === "append") {
      const pending: Promise<number>[] = [];
      for (const input of step.records) {
        if (step.sync === "await") {
          const lsn = model.end;
          pending.push(wal.appendAndSync(input));
          model.add(lsn, input);
        } else {
          model.add(step.sync === "block" ? wal.appendAndSyncBlocking(input) : wal.append(input), input);
        }
      }
      const lsns = await Promise.all(pending);
      if (step.sync !== "no") assert.equal(wal.durable, model.end);
      assert.deepEqual(
        lsns,
        model.records.slice(model.records.length - lsns.length).map((r) => r.lsn),
      );
    } else if (step.kind === "batch") {
      const lsns = wal.appendBatch(step.records);
      assert.equal(lsns.length, step.records.length);
      for (const [i, input] of step.records.entries()) model.add(lsns[i] ?? -1, input);
    } else if (step.kind === "sync") {
      if (step.blocking) wal.syncBlocking();
      else await wal.sync();
      assert.equal(wal.durable, model.end);
    } else if (step.kind === "read") {
      for (const { lsn, bytes } of model.records)
        assert.ok(bytes.equals(wal.read(lsn as never).data), `at ${lsn}`);
    } else {
      if (step.blocking) wal.closeBlocking();
      else await wal.close();
      wal = await open(step);
      assert.deepEqual([wal.recovery.damage, wal.recovery.discarded, wal.durable], [null, 0, model.end]);
      await model.equals(wal);
    }
  }
  await model.equals(wal);
  await wal.close();
}

const runs = process.env["WAL_DB_LONG"] === "1" ? 20 : 1;

test("any run of calls, in memory", async () => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    let store = new MemStore();
    await run(steps, ({ blocking, full }) => {
      store = new MemStore(store.toBytes());
      const options = { verify: full ? "full" : "tail" } as const;
      return blocking
        ? Promise.resolve(Wal.withStoreBlocking(store, options))
        : Wal.withStore(store, options);
    });
  });
  await fc.assert(property, { numRuns: 120 * runs, seed: 100 });
});

test("any run of calls, on files", async (t) => {
  const dir = scratchDir(t);
  let logs = 0;
  const property = fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
    const path = join(dir, `${logs++}.wal`);
    await run(steps, ({ blocking, full }) => {
      const options = { verify: full ? "full" : "tail" } as const;
      return blocking ? Promise.resolve(Wal.openBlocking(path, options)) : Wal.open(path, options);
    });
    rmSync(path);
  });
  await fc.assert(property, { numRuns: 40 * runs, seed: 101 });
});

/** Where a crash leaves the log cut: any byte past what was synced last. */
test("any run of appends, cut anywhere past the last sync: a prefix is left, with all that was synced", async () => {
  const shape = fc.record({
    synced: fc.array(record, { maxLength: 6 }),
    unsynced: fc.array(record, { maxLength: 6 }),
    cut: fc.nat(),
    zeros: fc.nat(40),
  });
  const property = fc.asyncProperty(shape, async ({ synced, unsynced, cut, zeros }) => {
    const store = new MemStore();
    const wal = await Wal.withStore(store);
    const model = new Model();
    for (const input of synced) model.add(wal.append(input), input);
    await wal.sync();
    const { durable } = wal;
    for (const input of unsynced) model.add(wal.append(input), input);
    const image = store.toBytes();
    await wal.close();

    const length = durable + (cut % (image.length - durable + 1));
    const crashed = new Uint8Array(length + zeros);
    crashed.set(image.subarray(0, length));
    const again = await Wal.withStore(new MemStore(crashed));
    const read = [...again];
    assert.ok(again.end >= durable, "what was synced is there");
    for (const [i, { lsn, data }] of read.entries()) {
      const expected = model.records[i];
      assert.ok(expected !== undefined && expected.lsn === lsn && expected.bytes.equals(data), `record ${i}`);
    }
    await again.close();
  });
  await fc.assert(property, { numRuns: 250 * runs, seed: 102 });
});
