/** What a first user of the library did, and was not told of, or was told wrongly. */
import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FileStore, type Lsn, MemStore, Wal, WalError, type WalOptions, type WalStore } from "wal-db";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

test("a misspelt option is refused, and what there is named: it may be the one that was to keep the data", async () => {
  const options = { maxRecordsize: 5 } as unknown as WalOptions;
  await assert.rejects(
    Wal.withStore(new MemStore(), options),
    walFault("WAL_INVALID_ARGUMENT", {}, /no option "maxRecordsize".*maxRecordSize/),
  );
  const wal = await Wal.withStore(new MemStore());
  assert.throws(
    () => wal.iter({ start: 9 } as object),
    walFault("WAL_INVALID_ARGUMENT", {}, /no option "start".*from/),
  );
  await wal.close();
});

test("a number in a string is shown as one", async () => {
  const options = { maxRecordSize: "1048576" } as unknown as WalOptions;
  await assert.rejects(
    Wal.withStore(new MemStore(), options),
    walFault("WAL_INVALID_ARGUMENT", {}, /got "1048576"/),
  );
});

test("a log is opened, not constructed", () => {
  const construct = Wal as unknown as new (path: string) => Wal;
  assert.throws(() => new construct("app.wal"), walFault("WAL_INVALID_ARGUMENT", {}, /await Wal\.open/));
});

test("a URL in a string is not taken for a path", async () => {
  await assert.rejects(Wal.open("file:///tmp/app.wal"), walFault("WAL_INVALID_ARGUMENT", {}, /new URL/));
});

test("a mark is not opened as a log, which would have moved it away", async (t) => {
  const path = join(scratchDir(t), "app.wal");
  const wal = await Wal.open(path);
  await wal.appendAndSync("kept");
  await wal.close();
  const mark = readFileSync(`${path}.mark`);
  await assert.rejects(
    Wal.open(`${path}.mark`),
    walFault("WAL_INVALID_ARGUMENT", {}, /without the "\.mark"/),
  );
  assert.deepEqual(readFileSync(`${path}.mark`), mark);
});

function late(method: "writeAt" | "truncate" | "flushBlocking"): WalStore {
  const store: WalStore = new MemStore();
  const call = store[method].bind(store) as (...given: unknown[]) => void;
  Object.defineProperty(store, method, {
    value: async (...given: unknown[]) => {
      await Promise.resolve();
      call(...given);
    },
  });
  return store;
}

/** Once, `async writeAt` fitted the type and nothing was written when appendAndSync resolved. */
test("a store whose writeAt, truncate or flushBlocking answers a promise is told that it may not", async (t) => {
  await t.test("writeAt", async () => {
    const wal = await Wal.withStore(late("writeAt"));
    await assert.rejects(
      wal.appendAndSync("x"),
      walFault("WAL_IO", { reason: "store-contract" }, /writeAt answered a promise/),
    );
    await wal.close();
  });
  await t.test("flushBlocking", async () => {
    const wal = await Wal.withStore(late("flushBlocking"));
    wal.append("x");
    assert.throws(() => wal.syncBlocking(), walFault("WAL_POISONED", {}, /flushBlocking answered a promise/));
    await wal.close();
  });
  await t.test("truncate", async () => {
    const wal = await Wal.withStore(late("truncate"));
    const [first] = wal.appendBatch(["x", "y"]);
    await assert.rejects(
      wal.truncateAfter(first as Lsn),
      walFault("WAL_IO", {}, /truncate answered a promise/),
    );
    await wal.close();
  });
});

test("an older copy put back is refused for its mark, and opens without it, as the error says", async (t) => {
  const path = join(scratchDir(t), "app.wal");
  let wal = await Wal.open(path);
  await wal.appendAndSync("one");
  await wal.close();
  copyFileSync(path, `${path}.copy`);
  wal = await Wal.open(path);
  await wal.appendAndSync("two");
  await wal.close();
  copyFileSync(`${path}.copy`, path);
  await assert.rejects(
    Wal.open(path),
    walFault("WAL_CORRUPT", { reason: "shorter-than-mark" }, /without this mark/),
  );
  rmSync(`${path}.mark`);
  wal = await Wal.open(path);
  assert.deepEqual(
    Array.from(wal, (record) => record.text()),
    ["one"],
  );
  await wal.close();
});

test("what is intact past damage can be read without changing a byte", async (t) => {
  const path = join(scratchDir(t), "app.wal");
  const texts = Array.from({ length: 10 }, (_, number) => `record ${number}`);
  const wal = await Wal.open(path);
  const lsns = wal.appendBatch(texts);
  await wal.close();
  const bytes = readFileSync(path);
  const at = (lsns[3] as Lsn) + 9;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  await assert.rejects(
    Wal.open(path, { verify: "full" }),
    walFault("WAL_CORRUPT", {}, /reads on past the damage/),
  );

  const view = await Wal.open(path, { readOnly: true, onDamage: "truncate", verify: "full" });
  assert.equal(view.end, lsns[3]);
  const damages: WalError[] = [];
  const read = Array.from(view.iter({ onDamage: (damage) => damages.push(damage) }), (record) =>
    record.text(),
  );
  assert.deepEqual(read, [...texts.slice(0, 3), ...texts.slice(4)]);
  assert.deepEqual(
    damages.map(({ offset, reason }) => [offset, reason]),
    [[lsns[3], "checksum-mismatch"]],
  );
  assert.deepEqual(
    Array.from(view, (record) => record.text()),
    texts.slice(0, 3),
  );
  await view.close();
  assert.deepEqual(readFileSync(path), bytes);
});

test("a record above maxRecordSize below the mark: the error asks about the limit first", async (t) => {
  const path = join(scratchDir(t), "app.wal");
  const wal = await Wal.open(path);
  await wal.appendAndSync("x".repeat(5000));
  await wal.close();
  await assert.rejects(
    Wal.open(path, { maxRecordSize: 1024, verify: "full" }),
    walFault("WAL_CORRUPT", { reason: "implausible-length" }, /above maxRecordSize, 1024 bytes here/),
  );
});

test("loss that was accepted by name is seen in the report", async (t) => {
  const path = join(scratchDir(t), "app.wal");
  const wal = await Wal.open(path);
  const [, second] = wal.appendBatch(["one", "two"]);
  const { end } = wal;
  await wal.close();
  truncateSync(path, second);
  const again = await Wal.open(path, { onDamage: "truncate" });
  assert.equal(again.recovery.mark, end);
  assert.equal(again.recovery.end, second);
  await again.close();
  const third = await Wal.open(path);
  assert.equal(third.recovery.mark, second);
  await third.close();
});

/** Once the scan began at the mark, past the gap: nothing was cut, and new records stood behind it. */
test("a missing segment that is accepted by name is cut at, and what follows is saved", async (t) => {
  for (const onDamage of ["quarantine", "truncate"] as const) {
    const dir = join(scratchDir(t), onDamage);
    const wal = await Wal.openSegmented(dir, { segmentSize: 64 });
    wal.appendBatch(Array.from({ length: 10 }, (_, number) => `record number ${number}`));
    await wal.close();
    rmSync(join(dir, "00000000000000000001.wal"));
    await assert.rejects(
      Wal.openSegmented(dir, { segmentSize: 64 }),
      walFault("WAL_CORRUPT", { reason: "missing-segment" }),
    );
    const again = await Wal.openSegmented(dir, { segmentSize: 64, onDamage });
    assert.equal(again.recovery.damage?.kind, "corrupt");
    assert.equal(existsSync(join(dir, `quarantine-${again.recovery.end}`)), onDamage === "quarantine");
    await again.appendAndSync("new");
    await again.close();
    const third = await Wal.openSegmented(dir, { segmentSize: 64, verify: "full" });
    const texts = Array.from(third, (record) => record.text());
    assert.equal(texts.at(-1), "new");
    assert.equal(texts.length, 3);
    await third.close();
  }
});

test("a clean close does not show the archive hook a segment twice; archived() waits for it", async (t) => {
  const dir = scratchDir(t);
  const taken: number[] = [];
  const options = {
    segmentSize: 64,
    archive: async ({ start }: { start: Lsn }) => {
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
      taken.push(start);
    },
  };
  const wal = await Wal.openSegmented(join(dir, "log"), options);
  wal.append(new Uint8Array(300));
  await wal.sync();
  await wal.close();
  const again = await Wal.openSegmented(join(dir, "log"), options);
  assert.equal(await again.archived(), 256);
  assert.deepEqual(taken, [0, 64, 128, 192]);
  await again.close();
});

test("an archive that failed is tried again by archived(), which says how it failed", async (t) => {
  let broken = true;
  const wal = await Wal.openSegmented(join(scratchDir(t), "log"), {
    segmentSize: 64,
    archive: () => {
      if (broken) throw new Error("no room there");
    },
  });
  wal.append(new Uint8Array(100));
  await wal.sync();
  await assert.rejects(wal.archived(), walFault("WAL_IO", {}, /no room there/));
  assert.equal(wal.stats().archive?.lastFailure?.code, "WAL_IO");
  broken = false;
  assert.equal(await wal.archived(), 64);
  assert.equal(wal.stats().archive?.lastFailure, null);
  await wal.close();
});

test("a reader that stands within a record keeps that record, and no more", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.openSegmented(dir, { segmentSize: 64 });
  const lsns = wal.appendBatch(Array.from({ length: 20 }, () => new Uint8Array(56)));
  const reader = wal.reader("careless");
  reader.advance(((lsns[9] as Lsn) + 3) as Lsn);
  assert.equal(await wal.retain({ maxBytes: 0 }), lsns[9]);
  assert.equal(readdirSync(dir).filter((name) => name.endsWith(".wal")).length, 11);
  await wal.close();
});

test("a store in use, and one of a log that is closed: what close() throws is a WalError too", async (t) => {
  const store = FileStore.open(join(scratchDir(t), "app.wal"));
  const wal = await Wal.withStore(store);
  await assert.rejects(Wal.withStore(store), walFault("WAL_LOCKED"));
  const close = store.close.bind(store);
  store.close = () => {
    close();
    throw new Error("odd");
  };
  await assert.rejects(wal.close(), walFault("WAL_IO", {}, /odd/));
});
