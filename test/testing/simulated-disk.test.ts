/** The simulated disk does what disks do, and every way of losing something really happens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Wal, WalError, type WalStore } from "wal-db";
import { type CrashOptions, ProcessStopped, Random, SimulatedDisk } from "wal-db/testing";
import { stateOf, turn } from "../support/hand-store.ts";

const path = "/f";
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const text = (content: Uint8Array | undefined): string => Buffer.from(content ?? []).toString("latin1");

function put(disk: SimulatedDisk, fd: number, content: string, position: number): void {
  const data = Buffer.from(content, "latin1");
  assert.equal(disk.write(fd, data, 0, data.length, position), data.length);
}

/** A disk with a file of durable bytes, open. */
function diskWith(content: string, seed = 1): { disk: SimulatedDisk; fd: number } {
  const disk = new SimulatedDisk({ seed, files: { [path]: Buffer.from(content, "latin1") } });
  return { disk, fd: disk.open(path, "r+") };
}

/** All that `crash` can leave of `act`, over many seeds: what the file then holds. */
function outcomes(
  options: CrashOptions,
  content: string,
  act: (disk: SimulatedDisk, fd: number) => void,
): Set<string> {
  const found = new Set<string>();
  for (let seed = 1; seed <= 400; seed++) {
    const { disk, fd } = diskWith(content, seed);
    act(disk, fd);
    disk.crash(options);
    assert.deepEqual(disk.files(), disk.durableFiles(), "after a crash what is seen is what is there");
    found.add(text(disk.files()[path]));
  }
  return found;
}

test("written bytes are seen at once and are lost without a flush, kept with one", () => {
  const { disk, fd } = diskWith("old");
  put(disk, fd, "new", 0);
  assert.equal(text(disk.files()[path]), "new");
  assert.equal(text(disk.durableFiles()[path]), "old");
  disk.crash({ keep: "none" });
  assert.equal(text(disk.files()[path]), "old");
  const again = disk.open(path, "r+");
  put(disk, again, "new", 0);
  disk.flushDataBlocking(again);
  put(disk, again, "later", 3);
  disk.crash({ keep: "none" });
  assert.equal(text(disk.files()[path]), "new");
});

test("a crash may keep, lose, tear at a sector, or leave room without bytes", () => {
  const long = "n".repeat(1024);
  const found = outcomes({}, "", (disk, fd) => put(disk, fd, long, 0));
  const half = "n".repeat(512);
  const zeros = "\0".repeat(512);
  const expected = [long, "", half, zeros + half, half + zeros, zeros + zeros];
  for (const each of expected)
    assert.ok(found.has(each), `${JSON.stringify(each.slice(508, 516))} never came`);
  for (const each of found) assert.ok(expected.includes(each), JSON.stringify(each.slice(0, 20)));
});

test("a torn write over old bytes leaves old bytes, and nothing else", () => {
  const old = "o".repeat(1024);
  const found = outcomes({}, old, (disk, fd) => put(disk, fd, "n".repeat(1024), 0));
  const halves = ["oo", "on", "no", "nn"].map((pair) =>
    pair
      .split("")
      .map((each) => each.repeat(512))
      .join(""),
  );
  assert.deepEqual([...found].toSorted(), halves.toSorted());
});

function writeTen(disk: SimulatedDisk, fd: number): void {
  put(disk, fd, "0123456789", 0);
}

test("by default no write is torn within a sector; in the harsher mode at any byte", () => {
  assert.deepEqual(
    [...outcomes({}, "", writeTen)].toSorted(),
    ["", "0123456789", "\0".repeat(10)].toSorted(),
  );
  const torn = outcomes({ tear: "byte" }, "", writeTen);
  assert.ok(torn.has("012") && torn.has(`${"\0".repeat(6)}6789`), "torn within the sector");
  assert.ok(!outcomes({ tear: "never" }, "", writeTen).has("012"));
});

function writeTwice(disk: SimulatedDisk, fd: number): void {
  put(disk, fd, "aa", 0);
  put(disk, fd, "bb", 1);
}

test("of several writes any subset is kept; in any order, an older one may lie over a newer", () => {
  const made = outcomes({ tear: "never" }, "...", writeTwice);
  for (const each of ["...", "aa.", ".bb", "abb"]) assert.ok(made.has(each), each);
  assert.ok(!made.has("aab"));
  assert.ok(outcomes({ tear: "never", order: "any" }, "...", writeTwice).has("aab"));
});

function cutThenGrow(disk: SimulatedDisk, fd: number): void {
  disk.truncate(fd, 2);
  disk.flushAllBlocking(fd);
  put(disk, fd, "XY", 2);
}

test("a cut is lost or kept; room that never got its bytes is zeros, or what was there before the cut", () => {
  assert.deepEqual([...outcomes({}, "abcd", (disk, fd) => disk.truncate(fd, 2))].toSorted(), ["ab", "abcd"]);
  assert.deepEqual([...outcomes({}, "abcd", cutThenGrow)].toSorted(), ["ab", "ab\0\0", "abXY"]);
  assert.ok(outcomes({ room: "remains" }, "abcd", cutThenGrow).has("abcd"));
});

test("fdatasync alone does not make a smaller size durable, fsync does", () => {
  const { disk, fd } = diskWith("abcd");
  disk.truncate(fd, 2);
  disk.flushDataBlocking(fd);
  assert.equal(text(disk.durableFiles()[path]), "abcd");
  disk.flushAllBlocking(fd);
  assert.equal(text(disk.durableFiles()[path]), "ab");
});

test("names are volatile until their directory is flushed, and that flush is for no other directory", () => {
  const disk = new SimulatedDisk({ directories: ["/a", "/b"] });
  disk.close(disk.open("/a/one", "create"));
  disk.close(disk.open("/b/two", "create"));
  disk.flushDirectoryBlocking("/a");
  disk.rename("/a/one", "/a/three");
  assert.deepEqual(Object.keys(disk.files()), ["/a/three", "/b/two"]);
  disk.crash({ keep: "none" });
  assert.deepEqual(Object.keys(disk.files()), ["/a/one"]);
  disk.remove("/a/one");
  disk.makeDirectory("/c");
  disk.crash({ keep: "none" });
  assert.deepEqual(Object.keys(disk.files()), ["/a/one"]);
  assert.equal(disk.stat("/c").kind, "missing");
});

/** The names that crashes may leave of two new files. */
function namesLeft(names: "prefix" | "any"): Set<string> {
  const all = new Set<string>();
  for (let seed = 1; seed <= 100; seed++) {
    const disk = new SimulatedDisk({ seed });
    for (const name of ["/a", "/b"]) disk.close(disk.open(name, "create"));
    disk.crash({ names });
    all.add(Object.keys(disk.files()).join());
  }
  return all;
}

test("of changed names a crash keeps a prefix, in the harsher mode any of them", () => {
  assert.deepEqual([...namesLeft("prefix")].toSorted(), ["", "/a", "/a,/b"]);
  assert.deepEqual([...namesLeft("any")].toSorted(), ["", "/a", "/a,/b", "/b"]);
});

test("a directory that is renamed takes its files along, and back", () => {
  const disk = new SimulatedDisk({ files: { "/new.tmp/x": bytes(1) } });
  disk.rename("/new.tmp", "/new");
  assert.deepEqual(Object.keys(disk.files()), ["/new/x"]);
  disk.crash({ keep: "none" });
  assert.deepEqual(Object.keys(disk.files()), ["/new.tmp/x"]);
});

test("a flush that fails marks pages clean: reads look right, the disk has the old bytes, for good", () => {
  const { disk, fd } = diskWith("old");
  put(disk, fd, "new", 0);
  disk.inject({ call: "flush", effect: { kind: "fail", errno: "EIO" } });
  assert.throws(() => disk.flushAllBlocking(fd), { code: "EIO" });
  disk.flushAllBlocking(fd);
  assert.equal(text(disk.files()[path]), "new", "from the cache");
  assert.equal(text(disk.durableFiles()[path]), "old", "a later flush says yes and has nothing to do");
  disk.dropCache();
  assert.equal(text(disk.files()[path]), "old");
});

test("with pages left dirty, the next flush does put them there", () => {
  const { disk, fd } = diskWith("old");
  put(disk, fd, "new", 0);
  disk.inject({ call: "flush", effect: { kind: "fail", errno: "EIO", pages: "dirty" } });
  assert.throws(() => disk.flushAllBlocking(fd), { code: "EIO" });
  disk.flushAllBlocking(fd);
  assert.equal(text(disk.durableFiles()[path]), "new");
});

test("each open descriptor is told once of a flush that failed; one opened after somebody was told is not", () => {
  const { disk, fd } = diskWith("old");
  const other = disk.open(path, "r+");
  disk.inject({ call: "flush", effect: { kind: "fail", errno: "EIO" } });
  assert.throws(() => disk.flushDataBlocking(fd), { code: "EIO" });
  const later = disk.open(path, "r+");
  disk.flushDataBlocking(later);
  assert.throws(() => disk.flushDataBlocking(other), { code: "EIO" });
  disk.flushDataBlocking(other);
});

test("a flush that lies, a write that is lost, one that is misdirected: seen, and not on the disk", () => {
  const { disk, fd } = diskWith("........");
  disk.inject({ call: "write", nth: 1, effect: { kind: "lost" } });
  disk.inject({ call: "write", nth: 2, effect: { kind: "misdirected", by: 4 } });
  put(disk, fd, "a", 0);
  put(disk, fd, "b", 1);
  put(disk, fd, "c", 2);
  disk.flushAllBlocking(fd);
  assert.equal(text(disk.files()[path]), "abc.....");
  assert.equal(text(disk.durableFiles()[path]), "..c..b..");
  disk.inject({ call: "flush", effect: { kind: "lie" } });
  put(disk, fd, "d", 3);
  disk.flushAllBlocking(fd);
  disk.flushAllBlocking(fd);
  disk.crash({ keep: "all" });
  assert.equal(text(disk.files()[path]), "..c..b..");
});

test("bits rot, seen or hidden by the cache; a file is forgotten", () => {
  const { disk } = diskWith("abc");
  disk.rot(path, 0, { bit: 1 });
  disk.rot(path, 1, { bit: 0, cached: true });
  assert.equal(text(disk.files()[path]), "cbc");
  disk.crash();
  assert.equal(text(disk.files()[path]), "ccc");
  disk.forget(path);
  assert.equal(text(disk.files()[path]), "ccc");
  disk.crash();
  assert.equal(text(disk.files()[path]), "");
});

test("faults strike the n-th call of their kind, on their path, so often as asked", () => {
  const { disk, fd } = diskWith("abcdef");
  disk.inject({ call: "read", nth: 2, times: 2, effect: { kind: "fail", errno: "EIO" } });
  disk.inject({ call: "write", effect: { kind: "short", most: 2 } });
  disk.inject({ call: "open", path: "/q*", effect: { kind: "fail", errno: "EMFILE" } });
  const into = new Uint8Array(6);
  assert.equal(disk.read(fd, into, 0, 6, 0), 6);
  assert.throws(() => disk.read(fd, into, 0, 6, 0), { code: "EIO" });
  assert.throws(() => disk.read(fd, into, 0, 6, 0), { code: "EIO" });
  assert.equal(disk.read(fd, into, 0, 6, 0), 6);
  disk.inject({ call: "read", effect: { kind: "short", most: 3 } });
  assert.equal(disk.read(fd, into, 0, 6, 0), 3);
  assert.equal(disk.write(fd, bytes(1, 2, 3), 0, 3, 0), 2);
  assert.equal(disk.faultsWaiting, 1);
  assert.throws(() => disk.open("/query", "r"), { code: "EMFILE" });
  assert.equal(disk.faultsWaiting, 0);
});

test("a full disk takes what it has room for, and then says ENOSPC", () => {
  const disk = new SimulatedDisk({ capacity: 10, files: { [path]: bytes(1, 2, 3, 4) } });
  const fd = disk.open(path, "r+");
  assert.equal(disk.write(fd, new Uint8Array(9), 0, 9, 4), 6);
  assert.throws(() => disk.write(fd, bytes(1), 0, 1, 10), { code: "ENOSPC" });
  assert.equal(disk.write(fd, bytes(9), 0, 1, 0), 1, "over what is there, there is room");
});

test("an asynchronous flush takes its turns, speaks for what was written before it, and can be ended by hand", async () => {
  const { disk, fd } = diskWith("");
  disk.flushTurns = 3;
  put(disk, fd, "a", 0);
  const slow = disk.flushData(fd);
  put(disk, fd, "b", 1);
  await turn();
  assert.equal(text(disk.durableFiles()[path]), "");
  await slow;
  assert.equal(text(disk.durableFiles()[path]), "a");
  disk.holdFlushes = true;
  const held = disk.flushData(fd);
  assert.equal(await stateOf(held), "pending");
  disk.heldFlushes[0]?.land();
  await held;
  assert.equal(text(disk.durableFiles()[path]), "ab");
  const failing = disk.flushData(fd);
  disk.heldFlushes[0]?.fail("ENOSPC");
  await assert.rejects(failing, { code: "ENOSPC" });
});

test("a process that was killed or cut off does not go on: its descriptors, locks and flushes are gone", async () => {
  const { disk, fd } = diskWith("old");
  assert.equal(disk.lock(fd, path), true);
  assert.equal(disk.lock(disk.open(path, "r+"), path), false);
  put(disk, fd, "new", 0);
  disk.holdFlushes = true;
  const flush = disk.flushData(fd);
  const refused = assert.rejects(flush, ProcessStopped);
  disk.kill();
  await refused;
  assert.equal(text(disk.durableFiles()[path]), "old");
  assert.equal(text(disk.files()[path]), "new");
  assert.throws(() => disk.write(fd, bytes(1), 0, 1, 0), { code: "EBADF" });
  assert.equal(disk.lock(disk.open(path, "r+"), path), true);
});

test("a process is stopped at its n-th change, or amid that write, and every later call throws", () => {
  const { disk, fd } = diskWith("....");
  disk.stopAt(2, true);
  put(disk, fd, "ab", 0);
  assert.throws(() => disk.write(fd, bytes(120, 120), 0, 2, 2), ProcessStopped);
  assert.equal(text(disk.files()[path]), "abx.");
  assert.ok(disk.stopped);
  assert.throws(() => disk.close(fd), ProcessStopped);
  disk.kill();
  assert.ok(!disk.stopped);
  disk.stopAt(1);
  assert.throws(() => disk.open("/g", "create"), ProcessStopped);
  disk.kill();
  assert.equal(disk.stat("/g").kind, "missing");
});

function refused(code: string, call: () => unknown): void {
  assert.throws(call, { code });
}

test("names keep to the rules of a file system", () => {
  const disk = new SimulatedDisk({ files: { "/d/f": bytes(1) }, directories: ["/e"] });
  refused("ENOENT", () => disk.open("/missing", "r"));
  refused("ENOENT", () => disk.open("/missing/f", "create"));
  refused("EEXIST", () => disk.open("/d/f", "create"));
  refused("EEXIST", () => disk.makeDirectory("/d"));
  refused("EISDIR", () => disk.open("/d", "r+"));
  refused("ENOTDIR", () => disk.list("/d/f"));
  refused("ENOTEMPTY", () => disk.removeDirectory("/d"));
  refused("ENOTEMPTY", () => disk.rename("/e", "/d"));
  refused("EISDIR", () => disk.rename("/d/f", "/e"));
  refused("EISDIR", () => disk.remove("/e"));
  refused("EINVAL", () => disk.rename("/d", "/d/below"));
  refused("ENOTDIR", () => disk.stat("/d/f/g"));
  refused("EFBIG", () => disk.write(disk.open("/d/f", "r+"), bytes(1), 0, 1, 2 ** 40));
  refused("EBADF", () => disk.write(disk.open("/d/f", "r"), bytes(1), 0, 1, 0));
  assert.deepEqual(disk.list("/d"), ["f"]);
});

test("who watches a directory is told of its changes, until he asks no more", async () => {
  const disk = new SimulatedDisk();
  const seen: (string | null)[] = [];
  const stop = disk.watch("/", (name) => seen.push(name));
  const fd = disk.open("/f", "create");
  put(disk, fd, "a", 0);
  await turn();
  assert.deepEqual(seen, ["f", "f"]);
  put(disk, fd, "b", 1);
  stop();
  await turn();
  assert.equal(seen.length, 2);
});

/** Crash after crash; what each generation found. */
async function run(open: (disk: SimulatedDisk) => WalStore, seed: number): Promise<string[]> {
  const disk = new SimulatedDisk({ seed });
  const random = new Random(seed);
  const account: string[] = [];
  let acknowledged: string[] = [];
  for (let generation = 0; generation < 30; generation++) {
    const wal = await Wal.withStore(open(disk));
    const found = Array.from(wal, (record) => record.text());
    assert.deepEqual(found.slice(0, acknowledged.length), acknowledged, `seed ${seed}`);
    account.push(found.join());
    acknowledged = [...found];
    for (let i = random.next(6); i > 0; i--) {
      const text = `${generation}.${i} ${"x".repeat(random.next(900))}`;
      if (random.next(3) > 0) wal.append(text);
      else {
        await wal.appendAndSync(text);
        acknowledged = Array.from(wal, (record) => record.text());
      }
    }
    disk.crash();
  }
  return account;
}

for (const [name, open] of Object.entries({
  file: (disk: SimulatedDisk) => disk.fileStore("/app.wal"),
  segments: (disk: SimulatedDisk) => disk.segmentedStore("/log", 600),
})) {
  test(`a log in ${name}: crash after crash, what was acknowledged is there, and one seed makes one run`, async () => {
    for (const seed of [1, 2, 3]) assert.deepEqual(await run(open, seed), await run(open, seed));
    assert.notDeepEqual(await run(open, 1), await run(open, 2));
  });
}

test("a log whose disk is gone under it says so, and is poisoned", async () => {
  const disk = new SimulatedDisk();
  const wal = await Wal.withStore(disk.fileStore("/app.wal"));
  wal.append("one");
  disk.crash();
  await assert.rejects(wal.sync(), WalError);
  assert.throws(() => wal.append("two"), WalError);
});
