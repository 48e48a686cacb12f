import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type ArchiveHook, crc32c, type Lsn, type SealedSegment, type SegmentedOptions, Wal } from "wal-db";
import { openSegmentedStore } from "#internal/store/segmented-store.js";
import { FaultDisk } from "../support/fault-disk.ts";
import { stateOf, turn } from "../support/hand-store.ts";
import { library } from "../support/library.ts";
import { scratchDir } from "../support/scratch.ts";
import { logDir, openOn } from "../support/simulated-log.ts";
import { walFault } from "../support/wal-fault.ts";
import { logsDisk } from "../support/logs-disk.ts";

const segmentSize = 32;
const texts = Array.from({ length: 20 }, (_, i) => `record ${i}`.padEnd(12, "."));

/** A folder of copies, as a backup would be, and an account of what was handed over. */
class Backup {
  readonly taken: SealedSegment[] = [];
  readonly bytes = new Map<number, Buffer>();
  readonly hook: ArchiveHook = (segment) => {
    const bytes = readFileSync(segment.path);
    assert.equal(bytes.length, segmentSize);
    assert.equal(segment.end - segment.start, segmentSize);
    assert.equal(crc32c(bytes), segment.checksum);
    this.taken.push(segment);
    this.bytes.set(segment.start, bytes);
  };

  get starts(): number[] {
    return this.taken.map((segment) => segment.start);
  }
}

function open(dir: string, archive?: ArchiveHook): Promise<Wal> {
  return Wal.openSegmented(dir, archive === undefined ? { segmentSize } : { segmentSize, archive });
}

function segmentsIn(dir: string): number[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith(".wal"))
    .map((name) => Number(name.slice(0, 20)));
}

/** Waits until it is so; the test's own time limit ends a wait that would not. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

function dirOf(t: TestContext): string {
  return join(scratchDir(t), "log");
}

test("each sealed segment is handed over, low to high, one at a time, once it is on stable storage", async (t) => {
  const backup = new Backup();
  let running = 0;
  const wal = await open(dirOf(t), async (segment) => {
    assert.equal(++running, 1);
    assert.ok(segment.end <= wal.durable);
    await turn();
    await backup.hook(segment);
    running--;
  });
  wal.appendBatch(texts);
  await turn();
  assert.deepEqual(backup.starts, [], "nothing is sealed before it is flushed");
  await wal.sync();
  await until(() => backup.taken.length >= 12);
  assert.deepEqual(
    backup.starts,
    Array.from({ length: 12 }, (_, i) => i * segmentSize),
  );
  assert.deepEqual(wal.stats().archive, { archived: 12, position: 384, failures: 0, lastFailure: null });
  await wal.close();
  assert.deepEqual(Buffer.concat([...backup.bytes.values()]).subarray(8, 20), Buffer.from(texts[0] ?? ""));
});

test("a segment that is filled while a flush is under way is handed over after the next", async (t) => {
  const disk = new FaultDisk();
  const backup = new Backup();
  const wal = library.openSegmented(disk, dirOf(t), segmentSize, { archive: backup.hook });
  wal.appendBatch(texts.slice(0, 2));
  const held = new EventEmitter();
  disk.gate = once(held, "let go").then(() => {});
  const sync = wal.sync();
  await turn();
  wal.appendBatch(texts.slice(2, 10));
  held.emit("let go");
  await sync;
  assert.equal(wal.durable, 40);
  assert.equal(await wal.archived(), 32, "the others are full, and not on stable storage");
  assert.deepEqual(backup.starts, [0]);
  await wal.sync();
  assert.equal(await wal.archived(), 192);
  await wal.close();
});

/** It resolved when nothing was left to hand over: never, while anyone went on appending. */
test("archived() resolves once what was sealed when it was called is taken, though more is sealed all the time", async (t) => {
  let goesOn = true;
  const more = async (): Promise<void> => {
    if (!goesOn) return;
    wal.appendBatch(texts.slice(0, 2));
    await wal.sync();
  };
  const wal = await Wal.openSegmented(dirOf(t), { segmentSize, archive: more });
  wal.appendBatch(texts.slice(0, 4));
  await wal.sync();
  const sealed = wal.durable - (wal.durable % segmentSize);
  assert.ok(sealed > 0);
  assert.ok((await wal.archived()) >= sealed);
  goesOn = false;
  await wal.close();
});

test("archived() in a thread that has joined is refused, as what belongs to the owner is", async (t) => {
  const wal = await Wal.openSegmented(dirOf(t), { segmentSize, archive: () => {} });
  const joined = Wal.attach(wal.share());
  await assert.rejects(joined.archived(), walFault("WAL_UNSUPPORTED"));
  await joined.close();
  await wal.close();
});

test("a log without a hook has no archive", async (t) => {
  const wal = await open(dirOf(t));
  assert.equal(wal.stats().archive, null);
  await wal.close();
});

test("removal waits for the hook's promise", async (t) => {
  const dir = dirOf(t);
  const held = new EventEmitter();
  let calls = 0;
  const wal = await open(dir, async () => {
    calls++;
    if (calls === 2) await once(held, "go on");
  });
  const lsns = wal.appendBatch(texts);
  assert.equal(await wal.truncateBefore(lsns[15] as Lsn), lsns[15]);
  await until(() => calls === 2);
  assert.equal(wal.head, lsns[15], "the head is exact at once");
  assert.deepEqual(segmentsIn(dir)[0], 1, "and segment 1 stays until the hook is through with it");
  held.emit("go on");
  await until(() => segmentsIn(dir)[0] === 9);
  await wal.close();
});

test("a failing hook keeps the segment, shows in stats, and is asked again after the next flush", async (t) => {
  const dir = dirOf(t);
  const backup = new Backup();
  const cause = new Error("the bucket is gone");
  let failing = true;
  const wal = await open(dir, (segment) => {
    if (failing && segment.start === 64) throw cause;
    return backup.hook(segment);
  });
  const lsns = wal.appendBatch(texts);
  await wal.truncateBefore(lsns[15] as Lsn);
  await until(() => wal.stats().archive?.failures === 1);
  const stats = wal.stats().archive;
  assert.deepEqual([stats?.archived, stats?.position, stats?.failures], [2, 64, 1]);
  walFault(
    "WAL_IO",
    { path: join(dir, "00000000000000000002.wal"), offset: 64 as Lsn },
    /bucket/,
  )(stats?.lastFailure);
  assert.equal(stats?.lastFailure?.cause, cause);
  assert.equal(segmentsIn(dir)[0], 2);
  await wal.appendAndSync("again");
  await until(() => wal.stats().archive?.failures === 2);
  failing = false;
  await wal.appendAndSync("and again");
  await until(() => segmentsIn(dir)[0] === 9);
  await until(() => wal.stats().archive?.lastFailure === null);
  assert.equal(wal.stats().archive?.failures, 2);
  assert.deepEqual(
    backup.starts,
    Array.from({ length: backup.taken.length }, (_, i) => i * segmentSize),
  );
  await wal.close();
});

test("a hook that rejects is a hook that fails; a log closes all the same", async (t) => {
  const wal = await open(dirOf(t), () => Promise.reject(new Error("no")));
  wal.appendBatch(texts);
  await wal.sync();
  await wal.close();
});

test("after a restart it goes on where it was; without the hook what it has not taken is kept", async (t) => {
  const dir = dirOf(t);
  const first = new Backup();
  let wal = await open(dir, (segment) => {
    if (segment.start >= 96) throw new Error("later");
    return first.hook(segment);
  });
  const lsns = wal.appendBatch(texts);
  await wal.sync();
  await until(() => wal.stats().archive?.failures === 1);
  await wal.close();
  assert.deepEqual(first.starts, [0, 32, 64]);

  wal = await open(dir);
  assert.equal(await wal.truncateBefore(lsns[18] as Lsn), lsns[18]);
  assert.equal(segmentsIn(dir)[0], 3, "segments 0 to 2 are taken, the others are not");
  assert.equal(wal.stats().archive?.position, 96);
  await wal.close();
  wal = await open(dir);
  assert.equal(segmentsIn(dir)[0], 3);
  await wal.close();

  const second = new Backup();
  wal = await open(dir, second.hook);
  await until(() => segmentsIn(dir)[0] === 11);
  await wal.close();
  assert.deepEqual(
    second.starts,
    Array.from({ length: 9 }, (_, i) => 96 + i * segmentSize),
  );
});

test("a cut into what was archived hands the segment over again, with its new bytes", async (t) => {
  const dir = dirOf(t);
  const backup = new Backup();
  let wal = await open(dir, backup.hook);
  const lsns = wal.appendBatch(texts);
  await wal.sync();
  await until(() => backup.taken.length === 12);
  await wal.truncateAfter(lsns[6] as Lsn);
  assert.equal(wal.stats().archive?.position, 128);
  wal.appendBatch(texts.map((text) => text.toUpperCase()));
  await wal.sync();
  await until(() => wal.stats().archive?.position === 512);
  await wal.close();
  assert.deepEqual(
    backup.starts.slice(12),
    Array.from({ length: 12 }, (_, i) => 128 + i * segmentSize),
  );
  wal = await open(dir);
  const last = backup.bytes.get(128);
  assert.deepEqual(last, readFileSync(join(dir, "00000000000000000004.wal")));
  await wal.close();
});

/*
 * While the hook was at a segment, the log was cut below its end and grew past it again. The segment
 * had the same place and other bytes; it counted as taken, and its new bytes were never handed over.
 */
test("a segment that is cut and written anew while the hook is at it does not count as taken", async (t) => {
  const dir = dirOf(t);
  const backup = new Backup();
  const held = new EventEmitter();
  let calls = 0;
  const wal = await open(dir, async (segment) => {
    calls++;
    await backup.hook(segment);
    if (calls === 1) await once(held, "go on");
  });
  const lsns = wal.appendBatch(texts.slice(0, 2));
  await wal.sync();
  await until(() => calls === 1);
  await wal.truncateAfter(lsns[0] as Lsn);
  wal.appendBatch(texts.map((text) => text.toUpperCase()));
  await wal.sync();
  held.emit("go on");
  await until(() => backup.taken.length >= 12);
  await wal.close();
  assert.deepEqual(backup.starts.slice(0, 3), [0, 0, 32]);
  assert.deepEqual(backup.bytes.get(0), readFileSync(join(dir, "00000000000000000000.wal")));
});

test("close waits for a hook that is running, and starts no other", async (t) => {
  const held = new EventEmitter();
  let calls = 0;
  const wal = await open(dirOf(t), async () => {
    calls++;
    await once(held, "go on");
  });
  wal.appendBatch(texts);
  await wal.sync();
  await until(() => calls === 1);
  const close = wal.close();
  assert.equal(await stateOf(close), "pending");
  held.emit("go on");
  await close;
  assert.equal(calls, 1);
});

test("a blocking close does not wait; what the hook does after is not noted, and nothing stays open", async (t) => {
  const disk = new FaultDisk();
  const dir = dirOf(t);
  mkdirSync(dir);
  const held = new EventEmitter();
  let calls = 0;
  const options: SegmentedOptions = {
    archive: async () => {
      calls++;
      await once(held, "go on");
    },
  };
  const wal = await Wal.withStore(openSegmentedStore(dir, segmentSize, { disk }), options);
  wal.appendBatch(texts);
  await wal.sync();
  await until(() => calls === 1);
  wal.closeBlocking();
  held.emit("go on");
  for (let i = 0; i < 5; i++) await turn();
  assert.deepEqual(disk.openFiles, []);
  assert.equal(calls, 1);
});

/* A close amid the checksum went on reading, from files that it opened again and nobody closed. */
test("a blocking close while a segment is being read for its checksum leaves nothing open", async (t) => {
  const disk = new FaultDisk();
  const dir = dirOf(t);
  mkdirSync(dir);
  const large = 1024 * 1024;
  let calls = 0;
  const options: SegmentedOptions = { archive: () => void calls++ };
  const wal = await Wal.withStore(openSegmentedStore(dir, large, { disk }), options);
  wal.append(new Uint8Array(large));
  const held = new EventEmitter();
  wal.syncBlocking();
  disk.gate = once(held, "go on").then(() => {});
  await until(() => disk.callsOf("readAhead").length > 0);
  wal.closeBlocking();
  held.emit("go on");
  await until(() => disk.openFiles.length === 0);
  for (let i = 0; i < 20; i++) await turn();
  assert.deepEqual([calls, disk.openFiles], [0, []]);
});

/* The note could not be written, and the hook was called for the same segment without end. */
test("a note that cannot be written is a failure, and the hook is not called in a circle", async (t) => {
  const disk = new FaultDisk();
  const dir = dirOf(t);
  mkdirSync(dir);
  const backup = new Backup();
  const options: SegmentedOptions = {
    archive(segment) {
      assert.ok(backup.taken.length < 5, "in a circle");
      disk.faults.write = () => ({ errno: "ENOSPC" });
      return backup.hook(segment);
    },
  };
  const wal = await Wal.withStore(openSegmentedStore(dir, segmentSize, { disk }), options);
  wal.appendBatch(texts);
  await wal.sync();
  await until(() => wal.stats().archive?.failures === 1);
  for (let i = 0; i < 5; i++) await turn();
  assert.deepEqual(backup.starts, [0]);
  assert.equal(wal.stats().archive?.position, 0);
  disk.faults.write = () => undefined;
  await wal.close();
});

/* A segment that could not be removed, after the hook had taken it, was a rejection nobody caught. */
test("a segment that cannot be removed after it was archived shows in stats", async (t) => {
  const disk = new FaultDisk();
  const dir = dirOf(t);
  mkdirSync(dir);
  const held = new EventEmitter();
  let calls = 0;
  const options: SegmentedOptions = {
    archive: async () => {
      if (++calls === 1) await once(held, "go on");
    },
  };
  const wal = await Wal.withStore(openSegmentedStore(dir, segmentSize, { disk }), options);
  const lsns = wal.appendBatch(texts);
  await wal.truncateBefore(lsns[15] as Lsn);
  await until(() => calls === 1);
  disk.faults.remove = () => ({ errno: "EBUSY" });
  held.emit("go on");
  await until(() => (wal.stats().archive?.failures ?? 0) > 0);
  assert.match(wal.stats().archive?.lastFailure?.message ?? "", /EBUSY/);
  disk.faults.remove = () => undefined;
  await wal.close();
});

/*
 * The note of what is archived is not flushed each time. One that a power cut took away began again
 * at the head, and segments below it, kept for an archive that had not had them, went unseen.
 */
test("after a power cut that takes the note, segments that were kept below the head are handed over", async () => {
  const sim = logsDisk();
  const failing: SegmentedOptions = {
    archive: () => {
      throw new Error("later");
    },
  };
  let wal = openOn(library, sim, segmentSize, failing);
  const lsns = wal.appendBatch(texts);
  wal.truncateBeforeBlocking(lsns[15] as Lsn);
  sim.forget(`${logDir}/archived`);
  sim.crash({ keep: "none" });
  const starts: number[] = [];
  const taking: SegmentedOptions = { archive: (segment) => void starts.push(segment.start) };
  wal = openOn(library, sim, segmentSize, taking);
  await until(() => starts.length >= 12);
  assert.deepEqual(
    starts,
    Array.from({ length: 12 }, (_, i) => i * segmentSize),
  );
  await wal.close();
});

test("loss that was accepted: what is written in its place is archived too", async (t) => {
  const dir = dirOf(t);
  const first = new Backup();
  let wal = await open(dir, first.hook);
  wal.appendBatch(texts);
  await wal.sync();
  await until(() => wal.stats().archive?.archived === 12);
  await wal.close();
  const path = join(dir, "00000000000000000002.wal");
  writeFileSync(
    path,
    readFileSync(path).map((byte) => byte ^ 0xff),
  );
  const second = new Backup();
  wal = await Wal.openSegmented(dir, {
    segmentSize,
    archive: second.hook,
    onDamage: "quarantine",
    verify: "full",
  });
  assert.ok(wal.end <= 64 + segmentSize);
  wal.appendBatch(texts);
  await wal.sync();
  await wal.archived();
  assert.ok(second.taken.length >= 10, `${second.taken.length} were taken`);
  await wal.close();
  assert.equal(second.starts[0], Math.floor(wal.recovery.end / segmentSize) * segmentSize);
  assert.ok(existsSync(path));
});

test("an archive hook that is no function is refused", async (t) => {
  const archive = "copy" as unknown as ArchiveHook;
  await assert.rejects(open(dirOf(t), archive), walFault("WAL_INVALID_ARGUMENT", {}, /archive/));
});

/*
 * While a segment was read for its checksum, the log was cut within it. The hook was handed the path of what was
 * no whole segment any more, or of other bytes than the checksum spoke of. Found by the simulator, seed 46.
 */
test("a segment that is cut while it is read for its checksum is not handed over", async (t) => {
  const disk = new FaultDisk();
  const dir = dirOf(t);
  mkdirSync(dir);
  const backup = new Backup();
  const store = openSegmentedStore(dir, segmentSize, { disk });
  const options: SegmentedOptions = { archive: backup.hook };
  const wal = await Wal.withStore(store, options);
  const lsns = wal.appendBatch(texts);
  const held = new EventEmitter();
  wal.syncBlocking();
  disk.gate = once(held, "go on").then(() => {});
  await until(() => disk.callsOf("readAhead").length > 0);
  wal.truncateAfterBlocking(lsns[0] as Lsn);
  held.emit("go on");
  for (let i = 0; i < 5; i++) await turn();
  assert.deepEqual([backup.starts, wal.stats().archive?.failures], [[], 0]);
  wal.appendBatch(texts);
  await wal.sync();
  await wal.archived();
  assert.deepEqual(backup.bytes.get(0), readFileSync(join(dir, "00000000000000000000.wal")));
  await wal.close();
});

/*
 * A second cut completes the first, and with it the flush that made a segment durable: the archive began to read that
 * segment when it had been told of the second cut, and before that cut was made. Found by the simulator, seed 5295.
 */
test("a segment that an earlier cut made durable, and the next one cuts, is not handed over", async (t) => {
  const dir = dirOf(t);
  const backup = new Backup();
  const wal = await open(dir, backup.hook);
  const lsns = wal.appendBatch(texts.slice(0, 4));
  const first = wal.truncateAfter(lsns[2] as Lsn);
  const second = wal.truncateAfter(lsns[0] as Lsn);
  await Promise.all([first, second]);
  for (let i = 0; i < 10; i++) await turn();
  assert.deepEqual([backup.starts, wal.stats().archive?.failures], [[], 0]);
  await wal.close();
});

/*
 * A log was closed, blocking, between the reading of a segment and the call of the hook, which came all the same: of a log that the
 * next one had open by then, and had cut. Found by the simulator, seed 5905.
 */
test("after a blocking close the hook is not called for what was still being read", async (t) => {
  const dir = dirOf(t);
  const backup = new Backup();
  const wal = await open(dir, backup.hook);
  wal.appendBatch(texts);
  wal.syncBlocking();
  wal.closeBlocking();
  for (let i = 0; i < 10; i++) await turn();
  assert.deepEqual(backup.starts, []);
});

/*
 * Simulator, seed 9881: the first note of the archive could not be written, and the log opened all the
 * same. A later open without the hook knew of no archive, and removed segments that it had never had.
 */
for (const call of ["create", "write", "flush"] as const) {
  test(`an archive whose first note fails at its ${call}: WAL_IO, and the log is not opened`, async () => {
    const sim = logsDisk();
    const starts: number[] = [];
    const taking: SegmentedOptions = { archive: (segment) => void starts.push(segment.start) };
    let wal = openOn(library, sim, segmentSize);
    const lsns = wal.appendBatch(texts);
    await wal.close();
    sim.inject({ call, path: `${logDir}/archived`, effect: { kind: "fail", errno: "ENOSPC" } });
    const told = walFault("WAL_IO", { path: logDir }, /archive hook.*never archived.*without the hook/);
    assert.throws(() => openOn(library, sim, segmentSize, taking), told);
    sim.clearFaults();

    wal = openOn(library, sim, segmentSize, taking);
    await until(() => starts.length === 12);
    await wal.truncateBefore(lsns[15] as Lsn);
    await wal.close();
  });
}

// A note of a process that was killed before it flushed it was taken for one that stays.
test("a first note that was left unflushed is flushed by the next open with the hook", () => {
  const sim = logsDisk();
  const failing: SegmentedOptions = {
    archive: () => {
      throw new Error("later");
    },
  };
  let wal = openOn(library, sim, segmentSize);
  const lsns = wal.appendBatch(texts);
  wal.closeBlocking();
  // The second: the first is that of the empty file.
  const effect = { kind: "fail", errno: "EIO", pages: "dirty" } as const;
  sim.inject({ call: "flush", path: `${logDir}/archived`, nth: 2, effect });
  assert.throws(() => openOn(library, sim, segmentSize, failing), walFault("WAL_IO"));
  wal = openOn(library, sim, segmentSize, failing);
  wal.truncateBeforeBlocking(lsns[15] as Lsn);
  sim.crash({ keep: "none" });
  wal = openOn(library, sim, segmentSize);
  assert.equal(wal.stats().archive?.position, 0);
  const files = Object.keys(sim.files());
  assert.ok(files.includes(`${logDir}/00000000000000000000.wal`), "kept, since it was never archived");
});
