/** Quarantine: what is cut off is saved first, under a name of its own, and durably. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WalError } from "wal-db";
import { library } from "../support/library.ts";
import { joined, logOf, markSlot } from "../support/plain-format.ts";
import { RecordingDisk } from "../support/recording-disk.ts";
import { logsDisk } from "../support/logs-disk.ts";
import type { SimulatedDisk } from "wal-db/testing";
import { systemError } from "../support/wal-fault.ts";

const path = "/logs/app.wal";
const markPath = `${path}.mark`;
const log = logOf(["one", "two", "three"]);
const noise = Uint8Array.from({ length: 500 }, (_, i) => (i * 97 + 13) % 253);
const image = joined(log, noise);
const saved = `${path}.quarantine-${log.length}`;

function damagedDisk(more: Record<string, Uint8Array> = {}): SimulatedDisk {
  return logsDisk({ [path]: image, [markPath]: markSlot(log.length, 1), ...more });
}

test("saved, flushed, named, the name flushed; only then cut; and the cut flushed", () => {
  const recording = new RecordingDisk(damagedDisk());
  const wal = library.open(recording.disk, path);
  assert.equal(wal.recovery.damage?.quarantine, saved);
  const lines = recording.lines("/logs").filter((line) => !line.startsWith("remove"));
  assert.deepEqual(lines, [
    "flushDirectory .",
    `create app.wal.quarantine-${log.length}.tmp`,
    `write app.wal.quarantine-${log.length}.tmp 0+500`,
    `truncate app.wal.quarantine-${log.length}.tmp 500`,
    `flush app.wal.quarantine-${log.length}.tmp`,
    `rename app.wal.quarantine-${log.length}.tmp to app.wal.quarantine-${log.length}`,
    "flushDirectory .",
    `truncate app.wal ${log.length}`,
    "flush app.wal",
    // Its mark has one slot: whoever wrote it may not have lived to flush it.
    "flush app.wal.mark",
  ]);
});

test("the same bytes saved already are found again; other bytes are left alone and a number is added", () => {
  const other = noise.slice(1);
  const longer = joined(noise, noise);
  const changed = noise.slice();
  changed[499] = 0;
  const rows: [Record<string, Uint8Array>, string][] = [
    [{}, saved],
    [{ [saved]: noise }, saved],
    [{ [saved]: other }, `${saved}.1`],
    // Saved before a cut that took the end off and was then interrupted: the bytes are in it.
    [{ [saved]: longer }, saved],
    [{ [saved]: changed }, `${saved}.1`],
    [{ [saved]: new Uint8Array(0) }, `${saved}.1`],
    [{ [saved]: other, [`${saved}.1`]: noise }, `${saved}.1`],
    [{ [saved]: other, [`${saved}.1`]: changed }, `${saved}.2`],
    // Left by a process that was killed while it saved.
    [{ [`${saved}.tmp`]: noise.slice(0, 100) }, saved],
  ];
  for (const [beside, name] of rows) {
    const sim = damagedDisk(beside);
    const wal = library.open(sim, path);
    assert.equal(wal.recovery.damage?.quarantine, name);
    wal.closeBlocking();
    const files = sim.durableFiles();
    assert.deepEqual(files[name]?.subarray(0, noise.length), noise);
    assert.deepEqual(files[path], log);
    assert.equal(files[`${saved}.tmp`], undefined);
    for (const [kept, bytes] of Object.entries(beside)) {
      if (!kept.endsWith(".tmp")) assert.deepEqual(files[kept], bytes);
    }
  }
});

test("damaged at the same place time and again, nothing that was saved is lost", () => {
  const sim = damagedDisk();
  const salts = [1, 2, 3, 4];
  for (const salt of salts) {
    library.open(sim, path).closeBlocking();
    const fd = sim.open(path, "r+");
    const bytes = noise.map((byte) => byte ^ salt);
    sim.write(fd, bytes, 0, bytes.length, log.length);
    sim.close(fd);
  }
  library.open(sim, path).closeBlocking();
  const files = sim.durableFiles();
  const names = Object.keys(files).filter((name) => name.startsWith(saved));
  assert.deepEqual(names, [saved, ...salts.map((salt) => `${saved}.${salt}`)]);
  for (const salt of salts)
    assert.deepEqual(
      files[`${saved}.${salt}`],
      noise.map((byte) => byte ^ salt),
    );
});

test("a full disk: the error names the way out, and nothing is changed", () => {
  const sim = damagedDisk();
  const before = sim.files();
  sim.capacity = Object.values(before).reduce((sum, bytes) => sum + bytes.length, 0) + 100;
  assert.throws(
    () => library.open(sim, path),
    (error: unknown) => {
      assert.ok(error instanceof WalError);
      assert.equal(error.code, "WAL_IO");
      assert.equal(error.errno, "ENOSPC");
      assert.equal(error.offset, log.length);
      assert.equal(error.path, path);
      assert.match(error.message, /onDamage: 'truncate'/);
      assert.match(error.message, /not changed/);
      return true;
    },
  );
  assert.deepEqual(sim.files(), before);
  const wal = library.open(sim, path, { onDamage: "truncate" });
  assert.equal(wal.recovery.discarded, 500);
  assert.equal(wal.recovery.damage?.quarantine, null);
  assert.deepEqual(sim.files()[path], log);
});

test("whatever call of the saving fails, the log is not changed, and the next open saves it", () => {
  let failed = 0;
  for (let nth = 2; ; nth++) {
    const sim = damagedDisk();
    let reachedCut = false;
    const recording = new RecordingDisk(sim, {
      before(call, number) {
        if (call.name === "truncate" && call.path === path) reachedCut = true;
        if (number === nth && !reachedCut) throw systemError("EIO");
      },
    });
    let thrown: unknown = null;
    try {
      library.open(recording.disk, path);
    } catch (error) {
      thrown = error;
    }
    if (reachedCut) break;
    failed++;
    assert.equal((thrown as { code?: string }).code, "WAL_IO");
    assert.deepEqual(sim.files()[path], image);
    assert.equal(sim.files()[`${saved}.tmp`], undefined);
    sim.kill();
    const wal = library.open(sim, path);
    assert.equal(wal.recovery.damage?.quarantine, saved);
    assert.deepEqual(sim.durableFiles()[saved], noise);
  }
  assert.ok(failed >= 6, `${failed} calls failed`);
});

test("a long run of zeros is saved as it was", () => {
  const tail = joined(new Uint8Array(3 * 1024 * 1024), logOf(["behind a hole"]), new Uint8Array(1024 * 1024));
  const sim = logsDisk({ [path]: joined(log, tail) });
  const wal = library.open(sim, path);
  assert.equal(wal.recovery.damage?.kind, "corrupt");
  assert.equal(wal.recovery.damage?.quarantine, saved);
  assert.ok(Buffer.from(sim.durableFiles()[saved] ?? noise).equals(tail));
});

/**
 * Held against what is saved a chunk at a time: were the first chunk alone looked at, a tail unlike the
 * saved one further on would be taken for saved, and cut off. No tail here had a second chunk.
 */
test("what was saved is held against the log to its last byte, chunk after chunk", () => {
  const tail = new Uint8Array(2 * 1024 * 1024 + 777).fill(0xee);
  for (const at of [0, 1024 * 1024 - 1, 1024 * 1024, 2 * 1024 * 1024, tail.length - 1]) {
    const other = tail.slice();
    other[at] = 0xed;
    const sim = logsDisk({ [path]: joined(log, tail), [saved]: other });
    assert.equal(library.open(sim, path).recovery.damage?.quarantine, `${saved}.1`, `unlike at ${at}`);
    assert.ok(Buffer.from(sim.durableFiles()[`${saved}.1`] ?? noise).equals(tail));
    assert.ok(Buffer.from(sim.durableFiles()[saved] ?? noise).equals(other));
  }
  const sim = logsDisk({ [path]: joined(log, tail), [saved]: tail });
  assert.equal(library.open(sim, path).recovery.damage?.quarantine, saved);
});

/**
 * Killed after the rename and before the flush of the name: left at that, a power cut takes it after the
 * cut. In segments, where open does not flush the directory anyway.
 */
test("saved by a process that was killed before it flushed the name: flushed before the cut", () => {
  const sim = logsDisk();
  const dir = "/logs/segments";
  library.openSegmented(sim, dir, 4096).closeBlocking();
  const segment = `${dir}/${"0".repeat(20)}.wal`;
  const fd = sim.open(segment, sim.files()[segment] === undefined ? "create" : "r+");
  sim.write(fd, image, 0, image.length, 0);
  sim.flushAllBlocking(fd);
  sim.close(fd);
  sim.flushDirectoryBlocking(dir);
  const kept = `${dir}/quarantine-${log.length}`;
  const first = new RecordingDisk(sim, {
    before(call) {
      if (call.name === "flushDirectory" && sim.files()[kept] !== undefined) first.stop();
    },
  });
  assert.throws(() => library.openSegmented(first.disk, dir, 4096));
  sim.kill();
  assert.equal(sim.durableFiles()[kept], undefined);
  assert.deepEqual(sim.files()[kept], noise);

  let cuts = 0;
  const again = new RecordingDisk(sim, {
    before(call) {
      if (call.name !== "truncate" || call.path !== segment) return;
      cuts++;
      assert.deepEqual(sim.durableFiles()[kept], noise, "durable before the cut");
    },
  });
  assert.equal(library.openSegmented(again.disk, dir, 4096).recovery.damage?.quarantine, kept);
  assert.equal(cuts, 1);
});
