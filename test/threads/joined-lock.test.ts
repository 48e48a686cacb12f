/**
 * A log was opened in a worker and shared. The worker died idle, and its lock went with it. Another thread opened
 * the log at once, and what it acknowledged was written over by a thread that had joined the dead one, which looks
 * at most every tenth of a second whether its owner lives; where the platform cannot tell, never. So those
 * who joined hold a lock of their own.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { Worker } from "node:worker_threads";
import {
  convert,
  FileStore,
  SegmentedStore,
  Wal,
  type WalOptions,
  type WalShare,
  type WalStore,
} from "wal-db";
import { MappedStore } from "wal-db/mapped";
import { fileStoresOn, nodeFileStores } from "#internal/files.js";
import { provideFileStores } from "#internal/open-store.js";
import { nodeDisk } from "#internal/store/node-disk.js";
import { folderImage } from "../support/folder-image.ts";
import { scratchDir } from "../support/scratch.ts";
import { walFault } from "../support/wal-fault.ts";
import { inTime, isLinux, segmentSize, terminateAll, Writer } from "./crew.ts";

after(terminateAll);
afterEach(() => provideFileStores(nodeFileStores));

const notHere = isLinux ? false : "only Linux tells at once whether a thread lives";
const kinds = ["file", "segmented", "mapped"] as const;
type Kind = (typeof kinds)[number];

const names = { file: "log.wal", segmented: "log", mapped: "log.mapped" } as const;
const pathIn = (kind: Kind, folder: string): string => join(folder, names[kind]);
const lockFileOf = (kind: Kind, path: string): string =>
  kind === "file" ? `${path}.joined` : join(path, "joined");

function open(kind: Kind, path: string, options: WalOptions = {}): Promise<Wal> {
  if (kind === "mapped" && options.readOnly !== true) {
    return Wal.withStore(MappedStore.open(path, segmentSize), options);
  }
  return kind === "file" ? Wal.open(path, options) : Wal.openSegmented(path, { segmentSize, ...options });
}

function openBlocking(kind: Kind, path: string, options: WalOptions = {}): Wal {
  if (kind === "mapped" && options.readOnly !== true) {
    return Wal.withStoreBlocking(MappedStore.open(path, segmentSize), options);
  }
  return kind === "file"
    ? Wal.openBlocking(path, options)
    : Wal.openSegmentedBlocking(path, { segmentSize, ...options });
}

/** From here on this thread cannot tell whether another lives. */
function goBlind(): void {
  const stores = fileStoresOn(nodeDisk);
  provideFileStores({ ...stores, threads: { ...stores.threads, isAlive: () => undefined } });
}

/** A thread that has opened the log at `path`, written one record, and shared it. */
async function ownerOf(path: string): Promise<{ owner: Worker; share: WalShare }> {
  const owner = new Worker(new URL("./owner-thread.js", import.meta.url), { workerData: path });
  const share = await new Promise<WalShare>((resolve, reject) => {
    owner.once("message", resolve);
    owner.once("error", reject);
  });
  return { owner, share };
}

const texts = (wal: Wal): string[] => Array.from(wal, (record) => record.text());
const joinedThreads = walFault("WAL_LOCKED", { reason: "joined-threads" }, /close it in them, or terminate/i);

for (const kind of kinds) {
  test(`${kind}: the owner dies idle: nobody opens the log while one that had joined can write`, async (t) => {
    const path = pathIn(kind, scratchDir(t));
    const { owner, share } = await ownerOf(path);
    goBlind();
    const joined = Wal.attach(share);
    await joined.appendAndSync("0:0");
    await owner.terminate();
    if (kind === "file") await assert.rejects(open(kind, path), joinedThreads);
    else assert.throws(() => openBlocking(kind, path), joinedThreads);
    // It does not know yet, and writes: over nothing.
    await joined.appendAndSync("0:1");
    const looker = await open(kind, path, { readOnly: true });
    assert.deepEqual(texts(looker), ["9:0:", "0:0", "0:1"]);
    await looker.close();
    await joined.close();
    const again = openBlocking(kind, path);
    assert.deepEqual(texts(again), ["9:0:", "0:0", "0:1"]);
    assert.ok(!existsSync(lockFileOf(kind, path)));
    // Shared anew, it is joined anew; the share of before leads nowhere, though the file has the same name.
    const next = Wal.attach(again.share());
    assert.throws(() => Wal.attach(share), walFault("WAL_CLOSED", {}, /closed it, or died/));
    await next.appendAndSync("1:0");
    await next.close();
    await again.close();
  });

  test(`${kind}: the owner dies, and a thread that had joined is terminated: the log can be opened`, async (t) => {
    const path = pathIn(kind, scratchDir(t));
    const { owner, share } = await ownerOf(path);
    const idle = new Writer({ share, id: 0, way: "idle", count: 0 });
    await inTime(idle.says("joined"), "a thread to join");
    await owner.terminate();
    await idle.worker.terminate();
    const again = await open(kind, path);
    assert.deepEqual(texts(again), ["9:0:"]);
    await again.close();
  });

  test(
    `${kind}: the owner dies while others write: the log can be opened once they have noticed`,
    { skip: notHere },
    async (t) => {
      const path = pathIn(kind, scratchDir(t));
      for (const blocking of [false, true]) {
        const { owner, share } = await ownerOf(path);
        const crew = [0, 1].map((id) => new Writer({ share, id, way: "for-ever", count: 0 }));
        await Promise.all(crew.map((writer) => inTime(writer.says("acknowledged"), "a record")));
        await owner.terminate();
        const again = blocking ? openBlocking(kind, path) : await open(kind, path);
        const found = texts(again);
        for (const writer of crew) {
          const { code, reason } = await inTime(writer.says("refused"), "one that wrote");
          assert.deepEqual([code, reason], ["WAL_POISONED", "dead-owner"]);
          const own = found.filter((text) => text.startsWith(`${writer.told[0]?.id}:`));
          assert.ok(own.length >= writer.acknowledged, `${own.length} of ${writer.acknowledged}`);
        }
        await again.close();
        await convert(path, `${path}.${blocking}`, { segmentSize });
      }
    },
  );

  test(
    `${kind}: one that has learned that the owner died lets go by itself`,
    { skip: notHere },
    async (t) => {
      const path = pathIn(kind, scratchDir(t));
      const { owner, share } = await ownerOf(path);
      const joined = [Wal.attach(share), Wal.attach(share)];
      await owner.terminate();
      const told = joined.map(async (wal) => {
        const forEver = async (): Promise<never> => {
          for (;;) await wal.appendAndSync("0:0");
        };
        await assert.rejects(forEver(), walFault("WAL_POISONED", { reason: "dead-owner" }));
      });
      const [again] = await Promise.all([open(kind, path), ...told]);
      assert.equal(texts(again)[0], "9:0:");
      assert.throws(() => Wal.attach(share), walFault("WAL_POISONED", { reason: "dead-owner" }));
      for (const wal of joined) await wal.close();
      await again.close();
    },
  );

  test(`${kind}: an owner that closes in order leaves idle threads that had joined in nobody's way`, async (t) => {
    const path = pathIn(kind, scratchDir(t));
    const owner = await open(kind, path);
    const share = owner.share();
    const joined = Wal.attach(share);
    const idle = new Writer({ share, id: 0, way: "idle", count: 0 });
    await inTime(idle.says("joined"), "a thread to join");
    await joined.appendAndSync("0:0");
    assert.ok(existsSync(lockFileOf(kind, path)));
    await owner.close();
    assert.ok(!existsSync(lockFileOf(kind, path)));
    const next = openBlocking(kind, path);
    assert.throws(() => joined.append("0:1"), walFault("WAL_CLOSED"));
    // Those of the new one are in their way no more than it is in theirs.
    const nextJoined = Wal.attach(next.share());
    await joined.close();
    await nextJoined.appendAndSync("1:0");
    await nextJoined.close();
    next.closeBlocking();
    await idle.worker.terminate();
    const last = openBlocking(kind, path);
    assert.deepEqual(texts(last), ["0:0", "1:0"]);
    last.closeBlocking();
  });

  test(`${kind}: what a killed process left of it is no obstacle; who reads only leaves it alone`, async (t) => {
    const folder = scratchDir(t);
    const path = pathIn(kind, folder);
    openBlocking(kind, path).closeBlocking();
    writeFileSync(lockFileOf(kind, path), "of a process that was killed");
    openBlocking(kind, path, { readOnly: true }).closeBlocking();
    assert.ok(existsSync(lockFileOf(kind, path)));
    openBlocking(kind, path).closeBlocking();
    assert.ok(!existsSync(lockFileOf(kind, path)));
    // What takes no lock makes no file, and looks for none.
    const before = folderImage(folder);
    const owner = await open(kind, path, { lock: false });
    const joined = Wal.attach(owner.share());
    assert.ok(!existsSync(lockFileOf(kind, path)));
    const beside = openBlocking(kind, path);
    for (const wal of [beside, joined, owner]) wal.closeBlocking();
    assert.deepEqual(folderImage(folder)["log.wal"], before["log.wal"]);
  });
}

/** A store that does not look for threads that had joined. */
function unguarded(kind: Kind, path: string): WalStore {
  const stores = { file: FileStore, segmented: SegmentedStore, mapped: MappedStore };
  const store = stores[kind].open(path, segmentSize);
  delete (store.side as { heldByJoined?: unknown }).heldByJoined;
  return store;
}

for (const kind of kinds) {
  test(`${kind}: without the look for those who had joined, what was acknowledged is lost: the detector`, async (t) => {
    const path = pathIn(kind, scratchDir(t));
    const { owner, share } = await ownerOf(path);
    goBlind();
    const joined = Wal.attach(share);
    await joined.appendAndSync("0:0");
    await owner.terminate();
    const again = await Wal.withStore(unguarded(kind, path));
    const lsn = await again.appendAndSync("acknowledged");
    joined.append("over it");
    assert.throws(() => assert.equal(again.read(lsn).text(), "acknowledged"));
    await joined.close();
    await again.close();
  });
}

// Between the try of one who opens and the lock of one who joins there must be no gap: the thread of the owner may
// seem to live a moment longer than its descriptors.
test("one that joins just behind the try finds the name gone, or another's token", async (t) => {
  const path = pathIn("file", scratchDir(t));
  const { owner, share } = await ownerOf(path);
  const late: { tries: (() => void) | null } = { tries: null };
  const stores = fileStoresOn({
    ...nodeDisk,
    lockShared(fd, name) {
      late.tries?.();
      return nodeDisk.lockShared(fd, name);
    },
  });
  provideFileStores({ ...stores, threads: { ...stores.threads, isAlive: () => true } });
  await owner.terminate();
  const gone = walFault("WAL_CLOSED", {}, /closed it, or died/);
  // The file of the share is open already, and the lock is not taken yet.
  const opened: Wal[] = [];
  late.tries = () => opened.push(Wal.openBlocking(path));
  assert.throws(() => Wal.attach(share), gone);
  late.tries = null;
  assert.throws(() => Wal.attach(share), gone, "no such file");
  opened[0]?.share();
  assert.throws(() => Wal.attach(share), gone, "another's");
  assert.notEqual(readFileSync(`${path}.joined`, "utf8"), "");
  for (const wal of opened) wal.closeBlocking();
  assert.equal(opened.length, 1);
});
