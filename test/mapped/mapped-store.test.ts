/** What MappedStore does beyond what every store does: how it leaves its files, and what it refuses. */
import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { convert, Lsn, SegmentedStore, Wal, WalError, type WalOptions } from "wal-db";
import { MappedStore } from "wal-db/mapped";
import { MappedSegments } from "#internal/store/mapped-file.js";
import { openMappedStore } from "#internal/store/mapped-store.js";
import { type Mapper, nativeMapper } from "#internal/store/memory-map.js";
import { Random } from "#internal/testing/random.js";
import { nodeDisk } from "#internal/store/node-disk.js";
import { segmentName } from "#internal/store/segment-name.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { frameOf } from "../support/plain-format.ts";
import { fastScratchDir, scratchDir } from "../support/scratch.ts";

const segmentSize = 4096;
const stores = {
  mapped: (dir: string, size = segmentSize) => MappedStore.open(dir, size),
  segmented: (dir: string, size = segmentSize) => SegmentedStore.open(dir, size),
} as const;

const text = (n: number): string => `${n} `.padEnd(50 + ((n * 71) % 300), String(n % 10));
const texts = (wal: Wal): string[] => Array.from(wal, (record) => record.text());
const upTo = (count: number): string[] => Array.from({ length: count }, (_, n) => text(n));

function sizes(dir: string): number[] {
  const names = readdirSync(dir).filter((name) => name.endsWith(".wal"));
  return names.toSorted().map((name) => statSync(join(dir, name)).size);
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** What a process that is killed leaves of a log: a copy of the files while it is open. */
async function killed(t: TestContext, records: number, prepared = true): Promise<string> {
  const dir = join(fastScratchDir(t), "log");
  const wal = await Wal.withStore(MappedStore.open(dir, segmentSize));
  wal.appendBatch(upTo(records));
  wal.syncBlocking();
  if (prepared) await turn();
  cpSync(dir, `${dir}-copy`, { recursive: true });
  await wal.close();
  return `${dir}-copy`;
}

for (const [first, second] of [
  ["mapped", "segmented"],
  ["segmented", "mapped"],
] as const) {
  test(`a log that ${first} has closed is opened by ${second}, and back`, async (t) => {
    const dir = join(scratchDir(t), "log");
    let count = 0;
    for (let round = 0; round < 6; round++) {
      const open = stores[round % 2 === 0 ? first : second];
      const wal = await Wal.withStore(open(dir));
      assert.equal(wal.recovery.damage, null);
      assert.equal(wal.recovery.discarded, 0);
      assert.deepEqual(texts(wal), upTo(count));
      for (const goal = count + 40; count < goal; count++) wal.append(text(count));
      await wal.sync();
      for (const goal = count + 5; count < goal; count++) wal.append(text(count));
      const { end } = wal;
      await wal.close();
      const rest = end % segmentSize;
      assert.deepEqual(
        sizes(dir),
        [...Array.from({ length: Math.floor(end / segmentSize) }, () => segmentSize), rest].filter(
          (n) => n > 0,
        ),
        "nothing is set aside any more",
      );
    }
  });
}

test("a log that ends at a border keeps no file for what would come", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.withStore(MappedStore.open(dir, 100));
  wal.append("x".repeat(92));
  wal.append("y".repeat(92));
  await turn();
  assert.equal(sizes(dir).length, 3, "the next one is prepared");
  await wal.close();
  assert.deepEqual(sizes(dir), [100, 100]);
  const again = await Wal.withStore(MappedStore.open(dir, 100));
  assert.equal(again.end, 200);
  await again.truncateBefore(again.end);
  again.append("z");
  await again.close();
  const last = await Wal.withStore(SegmentedStore.open(dir, 100));
  assert.deepEqual([last.head, texts(last)], [200, ["z"]]);
  await last.close();
});

for (const prepared of [false, true]) {
  for (const who of ["mapped", "segmented"] as const) {
    test(`what a killed process leaves${prepared ? ", the next segment prepared," : ""} is no damage to ${who}`, async (t) => {
      const dir = await killed(t, 30, prepared);
      const files = sizes(dir);
      assert.ok(files.every((size) => size === segmentSize));
      const view = await Wal.withStore(stores[who](dir), { readOnly: true, onDamage: "refuse" });
      assert.deepEqual(texts(view), upTo(30));
      await view.close();
      assert.deepEqual(sizes(dir), files, "looking at it changes nothing");
      const report = await convert(dir, `${dir}-converted-${who}`, { sourceSegmentSize: segmentSize });
      assert.deepEqual([report.records, report.left], [30, 0]);
      const wal = await Wal.withStore(stores[who](dir), { onDamage: "refuse", verify: "full" });
      assert.deepEqual([wal.recovery.damage, wal.recovery.discarded], [null, 0]);
      assert.deepEqual(texts(wal), upTo(30));
      wal.append(text(30));
      await wal.close();
      const again = await Wal.withStore(stores.segmented(dir));
      assert.deepEqual(texts(again), upTo(31));
      await again.close();
    });
  }
}

// What a power cut can leave of segments that were made and not flushed: any size up to the full one.
for (const who of ["mapped", "segmented"] as const) {
  for (const [left, marked] of [
    [0, true],
    [1, true],
    [100, true],
    [segmentSize - 1, true],
    [segmentSize, true],
    [segmentSize, false],
  ] as const) {
    test(`the prepared segment is left with ${left} bytes, the one before short${marked ? "" : ", and no mark"}: no damage to ${who}`, async (t) => {
      const dir = await killed(t, 30);
      if (!marked) rmSync(join(dir, "mark"));
      const last = sizes(dir).length - 1;
      const end = upTo(30).reduce((sum, each) => sum + 8 + each.length, 0);
      assert.equal(last, Math.floor(end / segmentSize) + 1);
      truncateSync(join(dir, segmentName(last)), left);
      truncateSync(join(dir, segmentName(last - 1)), (end % segmentSize) + 7);
      const wal = await Wal.withStore(stores[who](dir), { onDamage: "refuse" });
      assert.deepEqual([wal.recovery.damage, wal.recovery.discarded], [null, 0]);
      assert.deepEqual(texts(wal), upTo(30));
      await wal.close();
    });
  }
}

test("a reader beside a mapped writer sees what was appended, and follows it", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.withStore(MappedStore.open(dir, segmentSize));
  wal.appendBatch(upTo(10));
  await wal.sync();
  const view = await Wal.openSegmented(dir, { segmentSize, readOnly: true });
  assert.deepEqual(texts(view), upTo(10));
  const follower = view.follow({ from: view.head });
  const seen: string[] = [];
  for (let n = 0; n < 10; n++) seen.push((await follower.next()).value?.text() ?? "");
  for (let n = 10; n < 40; n++) wal.append(text(n));
  for (let n = 10; n < 40; n++) seen.push((await follower.next()).value?.text() ?? "");
  assert.deepEqual(seen, upTo(40));
  await wal.sync();
  await wal.close();
  await view.close();
});

test("a second open is refused, by either store, and the first is left alone", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.withStore(MappedStore.open(dir, segmentSize));
  wal.appendBatch(upTo(5));
  await turn();
  for (const open of Object.values(stores)) {
    await assert.rejects(Wal.withStore(open(dir)), { code: "WAL_LOCKED" });
  }
  const viewer = await Wal.withStore(stores.mapped(dir), { readOnly: true });
  assert.deepEqual(texts(viewer), upTo(5));
  await viewer.close();
  assert.deepEqual(sizes(dir), [segmentSize], "what the writer has set aside is not another's to cut off");
  wal.append(text(5));
  assert.deepEqual(texts(wal), upTo(6));
  await wal.close();
});

/* ---- no room ---- */

/** A disk with room for so many bytes of segments. */
function mapperWithRoom(dir: string, bytes: number): { readonly mapper: Mapper; room: number } {
  const native = nativeMapper();
  const limits = { room: bytes };
  const mapper: Mapper = {
    pushes: native.pushes,
    map: (fd, length) => native.map(fd, length),
    reserve(fd, length) {
      const { size } = nodeDisk.statOpen(fd);
      const used = sizes(dir).reduce((sum, each) => sum + each, 0);
      if (used - size + length <= limits.room) return native.reserve(fd, length);
      // A part of it was there.
      if (size < length) nodeDisk.truncate(fd, Math.max(size, length >> 1));
      throw Object.assign(new Error("ENOSPC: made for a test"), { code: "ENOSPC" });
    },
  };
  return Object.assign(limits, { mapper });
}

for (const way of ["one by one", "in batches over several segments", "of large payloads"] as const) {
  test(`the disk is full when a segment is made, records ${way}: nothing is written, and it goes on with room`, async (t) => {
    const dir = join(fastScratchDir(t), "log");
    const size = way === "of large payloads" ? 400_000 : segmentSize;
    const limits = mapperWithRoom(dir, 3 * size);
    const store = openMappedStore(dir, size, { mapper: limits.mapper });
    const wal = await Wal.withStore(store);
    const large = "x".repeat(300_000);
    const appendSome = (): void => {
      if (way === "one by one") wal.append(text(1));
      else if (way === "of large payloads") wal.append(Buffer.from(large));
      else wal.appendBatch(upTo(30));
    };
    const full = (): void => {
      for (let n = 0; n < 1000; n++) appendSome();
    };
    assert.throws(full, { code: "WAL_IO", errno: "ENOSPC" });
    const before = { end: wal.end, content: texts(wal), files: sizes(dir) };
    for (let n = 0; n < 3; n++) {
      assert.throws(appendSome, { code: "WAL_IO", errno: "ENOSPC" });
      await assert.rejects(wal.appendAndSync("x".repeat(3 * size)), { code: "WAL_IO", errno: "ENOSPC" });
    }
    assert.deepEqual({ end: wal.end, content: texts(wal), files: sizes(dir) }, before);
    assert.equal(store.length, wal.end);
    await wal.sync();
    // A smaller one, for which there is room where the log is, is taken still.
    const small = 3 * size - wal.end - 8;
    if (small >= 0) wal.append("s".repeat(small));
    assert.throws(() => wal.append(""), { code: "WAL_IO", errno: "ENOSPC" });
    limits.room = 100 * size;
    appendSome();
    const { end } = wal;
    await wal.close();
    const again = await Wal.withStore(stores.segmented(dir, size));
    assert.deepEqual([again.end, again.recovery.damage], [end, null]);
    await again.close();
  });
}

/**
 * Recovery writes again what follows the mark, in place. It did so through a map, for which a whole segment was
 * set aside first: where there was no room a log that a killed process had left could not be opened.
 */
for (const who of ["mapped", "segmented"] as const) {
  test(`recovery of what a killed process of ${who} left needs no room`, async (t) => {
    const dir = join(fastScratchDir(t), "log");
    const wal = await Wal.withStore(stores[who](dir));
    await wal.appendAndSync(text(0));
    for (let n = 1; n < 60; n++) wal.append(text(n));
    cpSync(dir, `${dir}-killed`, { recursive: true });
    await wal.close();
    const limits = mapperWithRoom(`${dir}-killed`, 0);
    const again = await Wal.withStore(
      openMappedStore(`${dir}-killed`, segmentSize, { mapper: limits.mapper }),
    );
    assert.deepEqual([texts(again), again.durable], [upTo(60), again.end]);
    assert.throws(() => again.append(text(60)), { code: "WAL_IO", errno: "ENOSPC" });
    limits.room = 100 * segmentSize;
    again.append(text(60));
    await again.close();
    const last = await Wal.withStore(stores.segmented(dir.concat("-killed")));
    assert.deepEqual(texts(last), upTo(61));
    await last.close();
  });
}

test("a segment with holes is filled before it is mapped", async (t) => {
  const dir = join(scratchDir(t), "log");
  const store = SegmentedStore.open(dir, 1 << 20);
  store.writeAt(900_000, new Uint8Array(10));
  store.close();
  const path = join(dir, segmentName(0));
  assert.ok(statSync(path).blocks * 512 < 100_000, "this file system makes holes");
  const mapped = MappedStore.open(dir, 1 << 20);
  mapped.writeAt(900_010, new Uint8Array(1));
  assert.ok(statSync(path).blocks * 512 >= 1 << 20);
  mapped.close();
});

/* ---- maps ---- */

test("a map takes no write past its end, nor after it is gone", (t) => {
  const path = join(scratchDir(t), "file");
  writeFileSync(path, new Uint8Array(10));
  const fd = nodeDisk.open(path, "r+");
  const mapper = nativeMapper();
  mapper.reserve(fd, 10);
  const map = mapper.map(fd, 10);
  map.write(7, Uint8Array.of(1, 2, 3));
  assert.throws(() => map.write(8, Uint8Array.of(1, 2, 3)), RangeError);
  assert.throws(() => map.write(-1, Uint8Array.of(1)), RangeError);
  map.prefault(0, 10);
  map.unmap();
  assert.throws(() => map.write(0, Uint8Array.of(1)), RangeError);
  map.unmap();
  nodeDisk.close(fd);
  assert.deepEqual(new Uint8Array(readFileSync(path)), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 2, 3));
});

test("pages are touched ahead without a change to them, and in flight when the map goes", async (t) => {
  const bytes = 40 * 1024 * 1024;
  const dir = join(fastScratchDir(t), "log");
  const store = MappedStore.open(dir, bytes);
  const chunk = new Uint8Array(50_000).map((_, i) => i % 251);
  let end = 0;
  for (; end + chunk.length < bytes; end += chunk.length) store.writeAt(end, chunk);
  store.close();
  const whole = readFileSync(join(dir, segmentName(0)));
  assert.equal(whole.length, end);
  for (let at = 0; at < end; at += chunk.length) {
    assert.equal(Buffer.compare(whole.subarray(at, at + chunk.length), chunk), 0, `at ${at}`);
  }
  await turn();
});

/** As on macOS: what was written is pushed before each flush, and before a map goes. */
test("where the system must be asked, maps are pushed before they are flushed or unmapped", async (t) => {
  const calls: string[] = [];
  const native = nativeMapper();
  const mapper: Mapper = {
    pushes: true,
    reserve: (fd, length) => native.reserve(fd, length),
    map(fd, length) {
      const map = native.map(fd, length);
      return {
        write: (position, bytes) => map.write(position, bytes),
        prefault: (from, to) => map.prefault(from, to),
        push: () => (calls.push("push"), map.push()),
        pushBlocking: () => (calls.push("push"), map.pushBlocking()),
        unmap: () => (calls.push("unmap"), map.unmap()),
      };
    },
  };
  const disk = new FaultDisk();
  const store = openMappedStore(join(scratchDir(t), "log"), 100, { disk, mapper });
  const flushes = (): number => disk.callsOf("flushAll", "flushData").length;
  store.writeAt(0, new Uint8Array(50));
  const before = flushes();
  await store.flush();
  assert.deepEqual([calls.splice(0), flushes() - before], [["push"], 1]);
  store.writeAt(50, new Uint8Array(10));
  store.flushBlocking();
  assert.deepEqual(calls.splice(0), ["push"]);
  // Closed while it is being pushed: flushed all the same.
  store.writeAt(60, new Uint8Array(10));
  const pending = store.flush();
  const other = flushes();
  store.truncate(10);
  assert.deepEqual(calls.splice(0), ["push", "unmap"]);
  await pending;
  assert.ok(flushes() > other + 1, "the cut flushes, and what was pending");
  store.writeAt(10, new Uint8Array(150));
  store.truncate(10);
  assert.deepEqual(calls.splice(0), ["push", "unmap", "push", "unmap"]);
  store.writeAt(10, new Uint8Array(1));
  store.close();
  assert.deepEqual(calls, ["push", "unmap"]);
});

/* ---- failures, and what is refused ---- */

for (const blocking of [false, true]) {
  test(`a flush that fails${blocking ? ", blocking," : ""} poisons, and nothing is cut off at close`, async (t) => {
    const dir = join(scratchDir(t), "log");
    const disk = new FaultDisk();
    const wal = await Wal.withStore(openMappedStore(dir, segmentSize, { disk }));
    await wal.appendAndSync(text(0));
    disk.faults.flushAll = disk.faults.flushData = () => ({ errno: "EIO" });
    wal.append(text(1));
    if (blocking) assert.throws(() => wal.syncBlocking(), { code: "WAL_POISONED" });
    else await assert.rejects(wal.sync(), { code: "WAL_POISONED" });
    assert.throws(() => wal.append(text(2)), { code: "WAL_POISONED" });
    await wal.close();
    assert.deepEqual(disk.openFiles, []);
    assert.deepEqual(sizes(dir), [segmentSize]);
    const again = await Wal.withStore(stores.segmented(dir));
    assert.deepEqual(texts(again), upTo(2));
    await again.close();
  });
}

/**
 * A segment that another program cuts within the page that the log ends in gives no signal at the next append,
 * which goes nowhere; and a sync said that all was on stable storage.
 */
for (const blocking of [false, true]) {
  test(`a segment that another program has cut fails the flush${blocking ? ", blocking" : ""}`, async (t) => {
    const dir = join(scratchDir(t), "log");
    const path = join(dir, segmentName(0));
    const wal = await Wal.withStore(stores.mapped(dir));
    await wal.appendAndSync(text(0));
    truncateSync(path, wal.end - 10);
    wal.append(text(1));
    const refused = (error: unknown): boolean =>
      error instanceof WalError &&
      error.code === "WAL_POISONED" &&
      error.reason === "cut-while-mapped" &&
      error.cause instanceof WalError &&
      error.cause.reason === "cut-while-mapped" &&
      error.cause.path === path;
    if (blocking) assert.throws(() => wal.syncBlocking(), refused);
    else await assert.rejects(wal.sync(), refused);
    const { size } = statSync(path);
    await wal.close();
    assert.equal(statSync(path).size, size, "what is left is left as it is");
    await assert.rejects(Wal.withStore(stores.segmented(dir)), {
      code: "WAL_CORRUPT",
      reason: "torn-payload",
    });
  });
}

test("a segment is cut by its own log while it is being flushed: that is no failure", async (t) => {
  const store = MappedStore.open(join(scratchDir(t), "log"), segmentSize);
  store.writeAt(0, new Uint8Array(300));
  const pending = store.flush();
  store.truncate(100);
  await pending;
  store.writeAt(100, new Uint8Array(50));
  const last = store.flush();
  store.close();
  await last;
});

/* ---- large writes ---- */

test("large writes and small ones by turns, over borders, are all there, and nothing else", async (t) => {
  const size = 300_000;
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.withStore(stores.mapped(dir, size));
  const random = new Random(7);
  const lengths = Array.from({ length: 60 }, (_, i) =>
    i % 3 === 0 ? random.next(400_000) : random.next(900),
  );
  const payload = (i: number): Uint8Array => new Uint8Array(lengths[i] ?? 0).fill(i + 1);
  for (let i = 0; i < lengths.length; i++) {
    wal.append(payload(i));
    if (i % 17 === 0) await wal.sync();
  }
  const check = (log: Wal): void => {
    let i = 0;
    for (const record of log) assert.equal(Buffer.compare(record.data, payload(i++)), 0);
    assert.equal(i, lengths.length);
  };
  check(wal);
  cpSync(dir, `${dir}-killed`, { recursive: true });
  await wal.close();
  for (const [name, path] of Object.entries({ segmented: dir, mapped: `${dir}-killed` })) {
    const again = await Wal.withStore(stores[name as keyof typeof stores](path, size), { verify: "full" });
    assert.equal(again.recovery.damage, null);
    check(again);
    await again.close();
  }
});

/**
 * A large record goes into the segment by a system call, which may write a part of it and fail. What it had
 * written stayed behind the end of the log, in the room that is set aside: behind the next, shorter record it
 * would have been taken for a record, where the payload held frames of its own.
 */
test("a large write that fails half-way leaves nothing behind the end", async (t) => {
  const dir = join(scratchDir(t), "log");
  const disk = new FaultDisk();
  const wal = await Wal.withStore(openMappedStore(dir, 1_000_000, { disk }));
  wal.append(text(0));
  // Frames all through, so that one begins wherever a shorter record ends.
  const frame = frameOf(new Uint8Array(0));
  const frames = new Uint8Array(100_000).map((_, i) => frame[i % frame.length] ?? 0);
  const { end } = wal;
  disk.faults.write = () => {
    disk.faults.write = () => ({ errno: "EIO" });
    return { most: 50_000 };
  };
  assert.throws(() => wal.append(frames), { code: "WAL_IO", errno: "EIO" });
  assert.equal(wal.end, end);
  delete disk.faults.write;
  wal.append(new Uint8Array(0));
  wal.syncBlocking();
  cpSync(dir, `${dir}-killed`, { recursive: true });
  await wal.close();
  for (const path of [dir, `${dir}-killed`]) {
    const again = await Wal.withStore(stores.segmented(path, 1_000_000));
    assert.deepEqual([again.recovery.damage, texts(again)], [null, [text(0), ""]]);
    await again.close();
  }
});

test("a cut at close that fails is told, and lets go of everything", async (t) => {
  const disk = new FaultDisk();
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.withStore(openMappedStore(dir, segmentSize, { disk }));
  await wal.appendAndSync(text(0));
  disk.faults.truncate = () => ({ errno: "EIO" });
  await assert.rejects(wal.close(), { code: "WAL_IO", errno: "EIO" });
  assert.deepEqual(disk.openFiles, []);
  const again = await Wal.withStore(stores.mapped(dir));
  assert.deepEqual(texts(again), upTo(1));
  await again.close();
});

test("file systems that write each change to a new place are refused; so is what no map can hold", (t) => {
  const dir = scratchDir(t);
  for (const type of [0x9123683e, 0x9123683e - 2 ** 32, 0x2fc12fc1, 0xca451a4e]) {
    const disk = { ...nodeDisk, fileSystem: () => type };
    assert.throws(
      () => openMappedStore(join(dir, "log"), segmentSize, { disk }),
      (error) =>
        error instanceof WalError && error.code === "WAL_UNSUPPORTED" && /SegmentedStore/.test(error.message),
    );
  }
  const unknown = { ...nodeDisk, fileSystem: () => null };
  openMappedStore(join(dir, "log"), segmentSize, { disk: unknown }).close();
  for (const size of [2 ** 30 + 1, 0, 1.5, Number.NaN, -1]) {
    assert.throws(() => MappedStore.open(join(dir, "log"), size), { code: "WAL_INVALID_ARGUMENT" });
  }
});

test("an open alone sets nothing aside", async (t) => {
  const dir = join(scratchDir(t), "log");
  const wal = await Wal.withStore(MappedStore.open(dir, segmentSize));
  assert.deepEqual(sizes(dir), []);
  await wal.close();
  const names = readdirSync(dir);
  assert.deepEqual(names, ["mark"]);
});

test("both ends are cut, and the log goes on at each", async (t) => {
  const dir = join(scratchDir(t), "log");
  const options: WalOptions = { verify: "full" };
  const wal = await Wal.withStore(MappedStore.open(dir, segmentSize), options);
  const lsns = wal.appendBatch(upTo(60));
  await turn();
  await wal.truncateAfter(lsns[40] ?? Lsn(0));
  for (let n = 41; n < 50; n++) wal.append(text(n));
  await wal.truncateBefore(lsns[20] ?? Lsn(0));
  await turn();
  wal.truncateAfterBlocking(lsns[44] ?? Lsn(0));
  for (let n = 45; n < 80; n++) wal.append(text(n));
  assert.deepEqual(texts(wal), upTo(80).slice(20));
  await wal.close();
  const again = await Wal.withStore(stores.segmented(dir), options);
  assert.deepEqual([again.head, texts(again)], [lsns[20], upTo(80).slice(20)]);
  await again.close();
});

test("a failed write in a segment that others may use leaves what it has set aside", (t) => {
  const dir = scratchDir(t);
  const limits = mapperWithRoom(dir, 0);
  const segments = new MappedSegments(nodeDisk, limits.mapper, segmentSize);
  assert.throws(() => segments.create(join(dir, "alone.wal")), { code: "ENOSPC" });
  assert.deepEqual(readdirSync(dir), []);
  segments.share();
  assert.throws(() => segments.create(join(dir, "shared.wal")), { code: "ENOSPC" });
  assert.deepEqual(readdirSync(dir), ["shared.wal"]);
  limits.room = segmentSize;
  const file = segments.open(join(dir, "shared.wal"));
  file.writeAt(0, Uint8Array.of(1));
  file.close();
  assert.equal(statSync(join(dir, "shared.wal")).size, segmentSize);
});
