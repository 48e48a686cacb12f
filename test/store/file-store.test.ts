import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Disk } from "#internal/store/disk.js";
import { openFileStore } from "#internal/store/file-store.js";
import { nodeDisk } from "#internal/store/node-disk.js";
import { fileStoresOn } from "#internal/files.js";
import { settingsOf } from "#internal/options.js";
import { Wal } from "wal-db";
import { FaultDisk } from "../support/fault-disk.ts";
import { turn } from "../support/hand-store.ts";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";

const ten = Uint8Array.from({ length: 10 }, (_, i) => i + 1);

test("a new file is flushed, then its folder, before open returns", (t) => {
  const disk = new FaultDisk();
  const dir = scratchDir(t);
  const store = openFileStore(join(dir, "log.wal"), { disk });
  const flushes = disk.callsOf("open", "flushAll", "flushDirectory").slice(0, 3);
  assert.deepEqual(flushes, [
    "open log.wal create",
    "flushAll log.wal",
    `flushDirectory ${dir.split("/").at(-1)}`,
  ]);
  store.close();
});

test("the folder of a file that is there is flushed too: whoever made it may have died before", (t) => {
  const disk = new FaultDisk();
  const dir = scratchDir(t);
  writeFileSync(join(dir, "log.wal"), ten);
  const store = openFileStore(join(dir, "log.wal"), { disk });
  assert.equal(disk.callsOf("flushDirectory").length, 1);
  store.close();
  assert.deepEqual(readFileSync(join(dir, "log.wal")), Buffer.from(ten), "and nothing in it has changed");
});

test("a short write is completed, at the right place", (t) => {
  const disk = new FaultDisk();
  const path = join(scratchDir(t), "log.wal");
  const store = openFileStore(path, { disk });
  disk.faults.write = (nth) => ({ most: nth });
  store.writeAt(0, ten);
  assert.equal(disk.callsOf("write").length, 4, "1 + 2 + 3 + 4");
  assert.deepEqual(readFileSync(path), Buffer.from(ten));
  store.close();
});

test("ENOSPC after a part of a write is thrown as it is", (t) => {
  const disk = new FaultDisk();
  const path = join(scratchDir(t), "log.wal");
  const store = openFileStore(path, { disk });
  disk.faults.write = (nth) => (nth === 1 ? { most: 4 } : { errno: "ENOSPC" });
  assert.throws(() => store.writeAt(0, ten), { code: "ENOSPC" });
  assert.equal(store.length, 4);
  store.close();
});

test("a disk that takes nothing and says nothing does not hang the caller", (t) => {
  const disk = new FaultDisk();
  const store = openFileStore(join(scratchDir(t), "log.wal"), { disk });
  disk.faults.write = () => ({ most: 0 });
  assert.throws(() => store.writeAt(0, ten), /took none of 10 bytes/);
  store.close();
});

test("a failing flush is told in both forms, and is not repeated", async (t) => {
  const disk = new FaultDisk();
  const store = openFileStore(join(scratchDir(t), "log.wal"), { disk });
  disk.faults.flushData = () => ({ errno: "EIO" });
  disk.faults.flushAll = () => ({ errno: "EIO" });
  const before = disk.callsOf("flushData", "flushAll").length;
  await assert.rejects(store.flush(), { code: "EIO" });
  assert.throws(() => store.flushBlocking(), { code: "EIO" });
  assert.equal(disk.callsOf("flushData", "flushAll").length, before + 2);
  store.close();
});

test("after a cut the flush answers for the file's size too", async (t) => {
  const disk = new FaultDisk();
  const store = openFileStore(join(scratchDir(t), "log.wal"), { disk });
  store.writeAt(0, ten);
  store.flushBlocking();
  store.flushBlocking();
  assert.equal(disk.callsOf("flushData", "flushAll").at(-1), "flushData log.wal");
  store.truncate(5);
  await store.flush();
  assert.equal(disk.callsOf("flushData", "flushAll").at(-1), "flushAll log.wal");
  store.close();
});

// Linux tells each descriptor of a failed write-back once: on one alone, whoever asked first would have
// the bad news, and the other would be told that all is well.
test("what blocks and what does not are flushed through descriptors of their own", async (t) => {
  const blocking = new Set<number>();
  const pending = new Set<number>();
  const disk: Disk = {
    ...nodeDisk,
    flushDataBlocking: (fd) => blocking.add(fd),
    flushAllBlocking: (fd) => blocking.add(fd),
    flushData: async (fd) => void pending.add(fd),
    flushAll: async (fd) => void pending.add(fd),
  };
  const path = join(scratchDir(t), "log.wal");
  openFileStore(path, { disk }).close();
  blocking.clear();
  const store = openFileStore(path, { disk });
  for (let i = 0; i < 3; i++) {
    await store.flush();
    store.flushBlocking();
    if (i === 1) store.truncate(0);
  }
  assert.deepEqual([blocking.size, pending.size], [1, 1]);
  assert.notDeepEqual(blocking, pending);
  store.close();
});

/*
 * The first flush after a cut took the duty to answer for the file's size with it: a blocking flush
 * beside it, while it was still under way, asked for the bytes alone and returned too early.
 */
test("until a flush has answered for a cut, every flush beside it answers for it too", async (t) => {
  const disk = new FaultDisk();
  const store = openFileStore(join(scratchDir(t), "log.wal"), { disk });
  store.writeAt(0, ten);
  store.flushBlocking();
  const from = disk.callsOf("flushData", "flushAll").length;
  const held = new EventEmitter();
  disk.gate = once(held, "let go").then(() => {});
  store.truncate(5);
  const pending = store.flush();
  store.flushBlocking();
  held.emit("let go");
  await pending;
  store.flushBlocking();
  const flushes = disk.callsOf("flushData", "flushAll").slice(from);
  assert.deepEqual(flushes, ["flushAll log.wal", "flushAll log.wal", "flushData log.wal"]);
  store.close();
});

/*
 * Closing while a flush is under way once meant: the number of a closed descriptor is given to the
 * next file that is opened, and the flush, or a read, meets that one.
 */
test("close lets go at once; what is under way ends on its own descriptor, which is closed after", async (t) => {
  const disk = new FaultDisk();
  const store = openFileStore(join(scratchDir(t), "log.wal"), { disk });
  store.writeAt(0, ten);
  const held = new EventEmitter();
  disk.gate = once(held, "let go").then(() => {});
  const flush = store.flush();
  const read = store.readAhead(0, new Uint8Array(10));
  store.close();
  store.close();
  assert.deepEqual(disk.openFiles, ["log.wal"], "one of two descriptors is left");
  held.emit("let go");
  await flush;
  assert.equal(await read, 10);
  await turn();
  assert.deepEqual(disk.openFiles, []);
});

test("an open that fails leaves no descriptor open, whichever call failed", (t) => {
  for (const call of ["open", "flushAll", "flushDirectory"] as const) {
    for (const exists of [false, true]) {
      for (const nth of [1, 2]) {
        const path = join(scratchDir(t), "log.wal");
        if (exists) writeFileSync(path, ten);
        const disk = new FaultDisk();
        disk.faults[call] = (n) => (n === nth ? { errno: "EIO" } : undefined);
        try {
          openFileStore(path, { disk }).close();
          // Then that call did not come so often: nothing to see.
        } catch (error) {
          walFault("WAL_IO", { path, errno: "EIO" })(error);
        }
        assert.deepEqual(disk.openFiles, [], `${call} ${nth}, ${exists ? "old" : "new"} file`);
      }
    }
  }
});

test("another process makes the file first: that one is opened, not emptied", (t) => {
  const path = join(scratchDir(t), "log.wal");
  const disk = new FaultDisk();
  disk.faults.open = (nth) => {
    if (nth === 1) writeFileSync(path, ten);
    return undefined;
  };
  const store = openFileStore(path, { disk });
  assert.equal(store.length, 10);
  store.close();
});

test("read-only opens write nothing and make nothing", (t) => {
  const dir = scratchDir(t);
  const disk = new FaultDisk();
  const path = join(dir, "log.wal");
  assert.throws(
    () => openFileStore(path, { disk, readOnly: true }),
    walFault("WAL_IO", { errno: "ENOENT", path }),
  );
  assert.equal(existsSync(path), false);
  writeFileSync(path, ten);
  const store = openFileStore(path, { disk, readOnly: true });
  assert.deepEqual(disk.callsOf("flushAll", "flushData", "flushDirectory", "write"), []);
  assert.throws(() => store.writeAt(10, ten), { code: "EBADF" });
  store.close();
});

/** A log on the fault disk, as Wal.open makes one. */
async function walOn(disk: FaultDisk, path: string): Promise<Wal> {
  return Wal.withStore(fileStoresOn(disk).openFile(path, settingsOf(undefined)));
}

test("a log on a disk that moves few bytes at a time and is interrupted reads back whole", async (t) => {
  const disk = new FaultDisk();
  for (const call of ["read", "readAhead", "write"] as const) {
    disk.faults[call] = (nth) => (nth % 7 === 0 ? { errno: "EINTR" } : { most: 11 });
  }
  const path = join(scratchDir(t), "log.wal");
  const wal = await walOn(disk, path);
  const texts = Array.from({ length: 50 }, (_, i) => `record ${i} `.repeat(i));
  wal.appendBatch(texts);
  await wal.sync();
  await wal.close();
  const again = await walOn(disk, path);
  assert.deepEqual(
    [...again].map((r) => r.text()),
    texts,
  );
  const ahead: string[] = [];
  for await (const record of again) ahead.push(record.text());
  assert.deepEqual(ahead, texts);
  await again.close();
  assert.deepEqual(disk.openFiles, []);
});

test("EIO on flush: all waiters are told, and the disk is never asked to flush that file again", async (t) => {
  const disk = new FaultDisk();
  const path = join(scratchDir(t), "log.wal");
  const wal = await walOn(disk, path);
  await wal.appendAndSync("safe");
  disk.faults.flushData = () => ({ errno: "EIO" });
  const before = disk.callsOf("flushData", "flushAll").length;
  const waiters = ["a", "b", "c"].map((record) => wal.appendAndSync(record));
  for (const waiter of waiters) {
    await assert.rejects(waiter, walFault("WAL_POISONED", { path, errno: "EIO" }, /open it again/));
  }
  disk.faults.flushData = () => undefined;
  await assert.rejects(wal.sync(), walFault("WAL_POISONED", { errno: "EIO" }));
  assert.throws(() => wal.syncBlocking(), walFault("WAL_POISONED", { errno: "EIO" }));
  assert.throws(() => wal.append("d"), walFault("WAL_POISONED", { errno: "EIO" }));
  await wal.close();
  assert.equal(disk.callsOf("flushData", "flushAll").length, before + 1, "one flush, and no other after it");
  assert.deepEqual(disk.openFiles, []);
});

test("an open whose recovery fails at its n-th call leaves nothing open and can be done again", async (t) => {
  const path = join(scratchDir(t), "log.wal");
  const first = await Wal.open(path);
  first.appendBatch(["one", "two", "three"]);
  await first.close();
  const image = readFileSync(path);
  for (const call of [
    "readAhead",
    "statOpen",
    "flushAll",
    "flushData",
    "open",
    "truncate",
    "write",
  ] as const) {
    for (let nth = 1; nth <= 4; nth++) {
      // An incomplete last record, for recovery to have something to cut.
      writeFileSync(path, Buffer.concat([image, Buffer.from([1, 2, 3])]));
      const disk = new FaultDisk();
      disk.faults[call] = (n) => (n === nth ? { errno: "EIO" } : undefined);
      try {
        await (await walOn(disk, path)).close();
      } catch (error) {
        // The mark is written behind: a failure there fails nothing.
        walFault("WAL_IO", { path, errno: "EIO" })(error);
      }
      assert.deepEqual(disk.openFiles, [], `${call} ${nth}`);
      const again = await Wal.open(path);
      assert.deepEqual(
        [...again].map((r) => r.text()),
        ["one", "two", "three"],
        `${call} ${nth}`,
      );
      await again.close();
    }
  }
});

test("an error without a system code keeps its cause", (t) => {
  const disk = new FaultDisk();
  const cause = new Error("odd");
  disk.faults.open = () => {
    throw cause;
  };
  assert.throws(
    () => openFileStore(join(scratchDir(t), "log.wal"), { disk }),
    (error: Error) => walFault("WAL_IO", { errno: undefined }, /odd/)(error) && error.cause === cause,
  );
});
