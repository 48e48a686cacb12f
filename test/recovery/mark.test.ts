/** The mark: its bytes, when it is written, what it is worth when it is old, torn, wrong or gone. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Mark } from "#internal/recovery/mark.js";
import type { MarkFile } from "wal-db";
import { Lsn, Wal, WalError } from "wal-db";
import { folderImage } from "../support/folder-image.ts";
import { library } from "../support/library.ts";
import { claimOf, joined, logOf, markSlot, scanPlain, slotsOf } from "../support/plain-format.ts";
import { RecordingDisk } from "../support/recording-disk.ts";
import { scratchDir } from "../support/scratch.ts";
import { logsDisk } from "../support/logs-disk.ts";
import type { SimulatedDisk } from "wal-db/testing";
import { systemError } from "../support/wal-fault.ts";

const path = "/logs/app.wal";
const markPath = `${path}.mark`;

class MemoryMark implements MarkFile {
  bytes: Uint8Array;
  failing = false;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes;
  }

  read(): Uint8Array {
    return this.bytes.slice();
  }

  write(offset: number, bytes: Uint8Array): void {
    if (this.failing) throw systemError("ENOSPC");
    const grown = new Uint8Array(Math.max(this.bytes.length, offset + bytes.length));
    grown.set(this.bytes);
    grown.set(bytes, offset);
    this.bytes = grown;
  }

  flush(): void {}
}

const words = ["alpha", "bravo bravo", "", "delta ".repeat(20), "echo"];
const log = logOf(words);
const bounds = [0, ...scanPlain(log).records.map((record) => record.lsn + 8 + record.payload.length)];
const [, , second = 0, , fourth = 0] = bounds;

function diskWith(image: Uint8Array, mark: Uint8Array | null): SimulatedDisk {
  return logsDisk({ [path]: image, ...(mark === null ? {} : { [markPath]: mark }) });
}

function texts(wal: Wal): string[] {
  return [...wal].map((record) => record.text());
}

test("a slot is 16 bytes as the format says, also for offsets beyond 32 bits", () => {
  for (const lsn of [1, 4096, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 17, Number.MAX_SAFE_INTEGER]) {
    const file = new MemoryMark();
    new Mark(file).raise(Lsn(lsn));
    assert.deepEqual(file.bytes, markSlot(lsn, 1));
    assert.equal(new Mark(file).lsn, lsn);
  }
});

test("the slots are written in turn, so that one always stays as it was", () => {
  const file = new MemoryMark();
  const mark = new Mark(file);
  for (let i = 1; i <= 9; i++) {
    const before = slotsOf(file.bytes);
    mark.raise(Lsn(i * 10));
    const after = slotsOf(file.bytes);
    const written = (i - 1) % 2;
    assert.deepEqual(after[written], { lsn: i * 10, sequence: i });
    assert.deepEqual(after[1 - written], before[1 - written]);
  }
});

test("the sequence wraps, and the newer slot still counts", () => {
  const file = new MemoryMark(joined(markSlot(100, 0xffff_fffe), markSlot(200, 0xffff_ffff)));
  const mark = new Mark(file);
  assert.equal(mark.lsn, 200);
  for (const [lsn, sequence] of [
    [300, 0],
    [400, 1],
  ] as const) {
    mark.raise(Lsn(lsn));
    assert.ok(slotsOf(file.bytes).some((slot) => slot?.lsn === lsn && slot.sequence === sequence));
    assert.equal(new Mark(file).lsn, lsn);
    assert.equal(claimOf(file.bytes), lsn);
  }
});

test("a torn slot leaves the other; two bad ones, or an absurd one, claim nothing", () => {
  const whole = joined(markSlot(100, 4), markSlot(200, 5));
  for (let bit = 0; bit < 32 * 8; bit++) {
    const torn = whole.slice();
    torn[bit >> 3] = (torn[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(new Mark(new MemoryMark(torn)).lsn, bit < 128 ? 200 : 100);
  }
  for (let length = 0; length < 32; length++) {
    assert.equal(new Mark(new MemoryMark(whole.slice(0, length))).lsn, length < 16 ? null : 100);
  }
  assert.equal(new Mark(new MemoryMark(new Uint8Array(32))).lsn, null);
  assert.equal(new Mark(new MemoryMark(new Uint8Array(32).fill(255))).lsn, null);
  assert.equal(new Mark(new MemoryMark(markSlot(2 ** 60, 1))).lsn, null, "no safe integer");
});

/** With the higher claim left in one of them, a bit that rots in the other would refuse the log as lost. */
test("a mark that was lowered says so in both slots: whichever is lost, none claims more", () => {
  const file = new MemoryMark();
  const mark = new Mark(file);
  for (const lsn of [100, 200, 300]) mark.raise(Lsn(lsn));
  mark.lower(Lsn(150));
  assert.deepEqual(
    slotsOf(file.bytes).map((slot) => slot?.lsn),
    [150, 150],
  );
  for (const lost of [0, 16]) {
    const torn = file.bytes.slice();
    torn.fill(0xff, lost, lost + 16);
    assert.equal(new Mark(new MemoryMark(torn)).lsn, 150);
  }
});

test("a write of the mark that fails leaves the older claim, and the next goes to the same slot", () => {
  const file = new MemoryMark();
  const mark = new Mark(file);
  mark.raise(Lsn(10));
  mark.raise(Lsn(20));
  const before = file.bytes.slice();
  file.failing = true;
  mark.raise(Lsn(30));
  assert.equal(mark.lsn, 20);
  assert.deepEqual(file.bytes, before);
  file.failing = false;
  mark.raise(Lsn(40));
  assert.deepEqual(slotsOf(file.bytes), [
    { lsn: 40, sequence: 3 },
    { lsn: 20, sequence: 2 },
  ]);
});

test("raise does not lower", () => {
  const file = new MemoryMark();
  const mark = new Mark(file);
  mark.raise(Lsn(50));
  const before = file.bytes.slice();
  mark.raise(Lsn(50));
  mark.raise(Lsn(40));
  assert.deepEqual(file.bytes, before);
});

test("a mark that was lowered and not yet flushed when the process was killed is lowered again", () => {
  // Once, an open that found the lower claim in the page cache took it for durable and went on to
  // cut the log. The power cut that followed brought the higher claim back from the disk, and the
  // log, whole as it was, was refused as lost from then on.
  const image = log.slice(0, second);
  const sim = diskWith(image, joined(markSlot(0, 7), markSlot(log.length, 8)));
  const first = new RecordingDisk(sim, {
    before(call) {
      if (call.name === "flush" && call.path === markPath) first.stop();
    },
  });
  assert.throws(() => library.open(first.disk, path, { onDamage: "truncate" }));
  assert.equal(claimOf(sim.files()[markPath] ?? image), second, "seen");
  assert.equal(claimOf(sim.durableFiles()[markPath] ?? image), log.length, "durable");
  sim.kill();
  library.open(sim, path, { onDamage: "truncate" });
  sim.crash({ keep: "none" });
  assert.equal(library.open(sim, path).end, second);
});

test("a cut that was not yet flushed when the process was killed is flushed by the next open", () => {
  // Once, the next open found nothing to cut, and asked for fdatasync alone, which need not make
  // a smaller size durable: after a power cut the old tail stood again behind what was appended.
  const sim = diskWith(joined(log, new Uint8Array(4000)), null);
  const first = new RecordingDisk(sim, {
    before(call) {
      if (call.name === "flush" && call.path === path) first.stop();
    },
  });
  assert.throws(() => library.open(first.disk, path));
  assert.equal(sim.files()[path]?.length, log.length, "seen");
  assert.equal(sim.durableFiles()[path]?.length, log.length + 4000, "durable");
  sim.kill();
  library.open(sim, path);
  sim.crash({ keep: "none" });
  assert.deepEqual(sim.files()[path], log);
});

test("the mark is written after the flush it speaks of, at a record's end, one small write each", () => {
  const sim = logsDisk();
  const recording = new RecordingDisk(sim);
  const wal = library.open(recording.disk, path);
  const opened = recording.lines("/logs").length;
  for (const word of words.slice(0, 3)) {
    wal.append(word);
    wal.syncBlocking();
  }
  assert.deepEqual(recording.lines("/logs").slice(opened), [
    `write app.wal 0+13`,
    "flush app.wal",
    "write app.wal.mark 16+16",
    `write app.wal 13+19`,
    "flush app.wal",
    "write app.wal.mark 0+16",
    `write app.wal 32+8`,
    "flush app.wal",
    "write app.wal.mark 16+16",
  ]);
});

test("with appends during every flush, no mark claims more than was written when its flush began", async () => {
  const sim = logsDisk();
  const ends = new Set([0]);
  let writtenAtFlush = 0;
  let marks = 0;
  const recording = new RecordingDisk(sim, {
    watch(call) {
      if (call.name === "flush" && call.path === path) writtenAtFlush = sim.files()[path]?.length ?? 0;
      if (call.name !== "write" || call.path !== markPath) return;
      marks++;
      const claim = slotsOf(call.bytes ?? new Uint8Array(0))[0]?.lsn ?? -1;
      assert.ok(ends.has(claim), `${claim} is no record's end`);
      assert.ok(claim <= writtenAtFlush, `${claim} was not written when the flush began`);
      assert.ok(claim <= (sim.durableFiles()[path]?.length ?? 0), `${claim} is not on the disk`);
    },
  });
  const wal = await library.openAsync(recording.disk, path);
  const commits: Promise<number>[] = [];
  for (let i = 0; i < 60; i++) {
    commits.push(wal.appendAndSync(`commit ${i}`));
    ends.add(wal.end);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    wal.append(`during a flush ${i}`);
    ends.add(wal.end);
  }
  await Promise.all(commits);
  await wal.close();
  recording.checkWatched();
  assert.ok(marks > 10, `only ${marks} marks`);
  assert.equal(claimOf(sim.files()[markPath] ?? log), sim.files()[path]?.length);
});

function durableOf(image: Uint8Array, mark: Uint8Array | null): number {
  const sim = diskWith(image, mark);
  const wal = library.open(sim, path, { readOnly: true, onDamage: "truncate" });
  const { durable } = wal;
  wal.closeBlocking();
  return durable;
}

test("with readOnly, durable is what the mark says: nothing without one, and no more than is there", () => {
  assert.equal(durableOf(log, joined(markSlot(0, 1), markSlot(second, 2))), second);
  assert.equal(durableOf(log, null), 0);
  assert.equal(durableOf(log.slice(0, fourth), joined(markSlot(0, 1), markSlot(log.length, 2))), fourth);
});

test("a cleanly closed log is opened without reading a record", () => {
  const sim = logsDisk();
  const first = library.open(sim, path);
  for (let i = 0; i < 500; i++) first.append(`record ${i}`);
  first.closeBlocking();
  const recording = new RecordingDisk(sim);
  const wal = library.open(recording.disk, path);
  assert.equal(wal.recovery.records, 0);
  assert.equal(wal.recovery.scannedFrom, wal.end);
  const reads = recording.calls.filter((call) => call.name === "read" && call.path === path);
  assert.deepEqual(reads, []);
  assert.equal(texts(wal).length, 500);
  wal.closeBlocking();
  const full = library.open(sim, path, { verify: "full" });
  assert.equal(full.recovery.records, 500);
  assert.equal(full.recovery.scannedFrom, 0);
});

test("a mark that cannot be written does not disturb the log", () => {
  for (const failing of ["create", "write"]) {
    const sim = logsDisk();
    const recording = new RecordingDisk(sim, {
      before(call) {
        if (call.path === markPath && call.name === failing) throw systemError("ENOSPC");
      },
    });
    const wal = library.open(recording.disk, path);
    for (const word of words) wal.appendAndSyncBlocking(word);
    assert.equal(wal.durable, log.length);
    wal.closeBlocking();
    assert.equal(claimOf(sim.files()[markPath] ?? new Uint8Array(0)), null);
    const again = library.open(sim, path);
    assert.equal(again.recovery.records, words.length, "without a mark the scan begins at the head");
    assert.deepEqual(texts(again), words);
  }
});

test("a mark that cannot be read is an error, not an absent mark", () => {
  const sim = diskWith(log, markSlot(log.length, 1));
  sim.inject({ call: "open", path: markPath, effect: { kind: "fail", errno: "EACCES" } });
  const before = sim.files();
  assert.throws(() => library.open(sim, path), { code: "WAL_IO", errno: "EACCES" });
  assert.deepEqual(sim.files(), before);
});

test("no mark, a torn one, two bad ones, an old one: the log opens whole", () => {
  const bad = new Uint8Array(32).fill(7);
  const marks: [string, Uint8Array | null, number][] = [
    ["none", null, 0],
    ["empty", new Uint8Array(0), 0],
    ["both bad", bad, 0],
    ["the newer torn", joined(markSlot(second, 3), bad.slice(16)), second],
    ["the older torn", joined(bad.slice(16), markSlot(fourth, 4)), fourth],
    ["old", joined(markSlot(0, 1), markSlot(second, 2)), second],
    ["at zero", markSlot(0, 1), 0],
  ];
  for (const [name, mark, scannedFrom] of marks) {
    const sim = diskWith(log, mark);
    const wal = library.open(sim, path);
    assert.equal(wal.recovery.scannedFrom, scannedFrom, name);
    assert.equal(wal.recovery.damage, null, name);
    assert.deepEqual(texts(wal), words, name);
    wal.appendAndSyncBlocking("one more");
    assert.equal(claimOf(sim.files()[markPath] ?? bad), wal.end, name);
    wal.closeBlocking();
  }
});

// A killed process leaves zeros behind the mark where it had set room aside; and the whole log was scanned.
test("nothing but zeros from the mark on: scanned from the mark before it, if that leads there", () => {
  const zeros = new Uint8Array(5000);
  const damaged = log.slice();
  damaged[second] = 0xff;
  const cases: [string, Uint8Array, Uint8Array, number | null][] = [
    ["two marks", log, joined(markSlot(second, 1), markSlot(log.length, 2)), second],
    ["the other way round", log, joined(markSlot(log.length, 2), markSlot(second, 1)), second],
    ["one mark", log, markSlot(log.length, 2), 0],
    ["two alike", log, joined(markSlot(log.length, 1), markSlot(log.length, 2)), 0],
    ["the one before higher", log, joined(markSlot(log.length + 20, 1), markSlot(log.length, 2)), 0],
    ["the one before no boundary", log, joined(markSlot(second + 1, 1), markSlot(log.length, 2)), 0],
    ["damage between", damaged, joined(markSlot(second, 1), markSlot(log.length, 2)), null],
  ];
  for (const [name, image, mark, scannedFrom] of cases) {
    const sim = diskWith(joined(image, zeros), mark);
    if (scannedFrom === null) {
      const refused = { code: "WAL_CORRUPT", offset: second };
      assert.throws(() => library.open(sim, path), refused, name);
      continue;
    }
    const wal = library.open(sim, path);
    const { recovery } = wal;
    assert.deepEqual(
      [recovery.scannedFrom, recovery.end, recovery.discarded],
      [scannedFrom, log.length, 0],
      name,
    );
    assert.deepEqual(texts(wal), words, name);
    wal.closeBlocking();
  }
});

test("another writer of the format appended: only what it appended is scanned", () => {
  const sim = diskWith(joined(log, logOf(["foreign", "records"])), markSlot(log.length, 3));
  const wal = library.open(sim, path);
  assert.equal(wal.recovery.scannedFrom, log.length);
  assert.equal(wal.recovery.records, 2);
  assert.deepEqual(texts(wal), [...words, "foreign", "records"]);
});

test("another writer rewrote the log: whole, it opens, wherever the old mark falls in it", () => {
  const others = ["quite", "another", "log ".repeat(9), "that is longer than the mark", "", "end"];
  const image = logOf(others);
  for (let mark = 1; mark <= image.length; mark++) {
    const wal = library.open(diskWith(image, markSlot(mark, 3)), path);
    assert.equal(wal.recovery.damage, null, `mark ${mark}`);
    assert.equal(wal.end, image.length, `mark ${mark}`);
    assert.deepEqual(texts(wal), others, `mark ${mark}`);
  }
});

test("another writer cut the log below the mark: refused, and nothing is changed", () => {
  for (const length of [0, second, second + 3, fourth]) {
    const sim = diskWith(log.slice(0, length), joined(markSlot(fourth, 3), markSlot(log.length, 4)));
    const before = sim.files();
    assert.throws(
      () => library.open(sim, path),
      (error: unknown) => {
        assert.ok(error instanceof WalError);
        assert.equal(error.code, "WAL_CORRUPT");
        assert.equal(error.mark, log.length);
        assert.equal(error.offset, scanPlain(log.slice(0, length)).end);
        assert.match(error.message, /onDamage: 'truncate'/);
        return true;
      },
    );
    assert.deepEqual(sim.files(), before);
    const wal = library.open(sim, path, { onDamage: "truncate" });
    assert.equal(wal.end, scanPlain(log.slice(0, length)).end);
    wal.closeBlocking();
    assert.equal(claimOf(sim.files()[markPath] ?? log), wal.end, "the mark went down with it");
    library.open(sim, path).closeBlocking();
  }
});

test("a log that is gone while its mark is there is not begun anew unasked", (t) => {
  const dir = scratchDir(t);
  const file = join(dir, "app.wal");
  const first = Wal.openBlocking(file);
  first.append("kept");
  first.closeBlocking();
  rmSync(file);
  const before = folderImage(dir);
  for (const options of [{}, { onDamage: "refuse" }, { verify: "full" }] as const) {
    assert.throws(() => Wal.openBlocking(file, options), {
      code: "WAL_CORRUPT",
      reason: "shorter-than-mark",
    });
    assert.deepEqual(folderImage(dir), before);
  }
  assert.throws(() => Wal.openBlocking(file, { readOnly: true }), { code: "WAL_IO", errno: "ENOENT" });
  assert.deepEqual(folderImage(dir), before);
  const wal = Wal.openBlocking(file, { onDamage: "truncate" });
  assert.equal(wal.isEmpty, true);
  wal.closeBlocking();
  Wal.openBlocking(file).closeBlocking();
});

test("a flush that lands after closeBlocking does not touch the mark any more", async () => {
  // Once, it opened the mark file again, and wrote, when the lock was gone: beside the next owner
  // of the log. It took a mark that could not be written while the log was being closed.
  const sim = logsDisk();
  let failing = false;
  const recording = new RecordingDisk(sim, {
    before(call) {
      if (failing && call.path === markPath && call.name === "write") throw systemError("ENOSPC");
    },
  });
  const wal = library.open(recording.disk, path);
  wal.append("one");
  const pending = wal.sync();
  await Promise.resolve();
  failing = true;
  wal.closeBlocking();
  failing = false;
  const closedAt = recording.calls.length;
  await pending;
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  const late = recording.calls.slice(closedAt).map((call) => `${call.name} ${call.path}`);
  assert.deepEqual(late, [`close ${path}`], "only the descriptor of the flush");
});
