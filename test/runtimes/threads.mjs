/**
 * One log and several threads, on one runtime: joining, writing, following, waiting, dying. What
 * differs among runtimes is what is looked at: worker threads and how they end, Atomics.waitAsync,
 * what keeps a process alive, and whether /proc shows the threads.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { MemStore, Wal } from "wal-db";

/** Far above what anything here takes: a hang is to be told by name. */
const patienceMilliseconds = 20_000;
/** Shorter than 10 seconds, after which a silent thread is taken for dead where nobody can tell. */
const slowMilliseconds = 1500;
const showsThreads = existsSync("/proc/thread-self");

function inTime(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: nothing for ${patienceMilliseconds} ms`)),
      patienceMilliseconds,
    );
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

class Writer {
  #said = [];
  #listening = () => {};
  /** What a write that is held waits for. */
  holds = new Int32Array(new SharedArrayBuffer(4));
  /** The folder of the thread under /proc. */
  task = null;

  static async begin(id, share) {
    const writer = new Writer(id, share);
    writer.task = (await writer.says("ready")).task;
    return writer;
  }

  constructor(id, share) {
    this.id = id;
    this.worker = new Worker(new URL("./writer.mjs", import.meta.url), {
      workerData: { id, share, holds: this.holds.buffer },
    });
    this.gone = new Promise((resolve) => this.worker.once("exit", resolve));
    this.worker.on("message", (said) => this.#hear(said));
    this.worker.on("error", (error) => this.#hear({ said: "failed", text: String(error) }));
  }

  #hear(said) {
    this.#said.push(said);
    this.#listening();
  }

  /** The next message that is of one of these kinds. */
  async says(...kinds) {
    const next = async () => {
      for (;;) {
        const at = this.#said.findIndex(({ said }) => kinds.includes(said) || said === "failed");
        if (at >= 0) return this.#said.splice(at, 1)[0];
        await new Promise((resolve) => (this.#listening = resolve));
      }
    };
    const heard = await inTime(next(), `writer ${this.id} to say ${kinds.join(" or ")}`);
    assert.ok(kinds.includes(heard.said), `writer ${this.id} failed: ${heard.text}`);
    return heard;
  }

  asks(job, facts = {}) {
    this.worker.postMessage({ job, ...facts });
  }

  async does(job, facts) {
    this.asks(job, facts);
    return (await this.says("done")).facts;
  }

  letGo() {
    Atomics.store(this.holds, 0, 1);
    Atomics.notify(this.holds, 0);
  }

  /** Terminated; false when it lives on all the same. */
  async dies() {
    await this.worker.terminate();
    for (let waited = 0; existsSync(this.task) && waited < 3000; waited += 50) await pause(50);
    return !existsSync(this.task);
  }

  async leaves() {
    await this.does("close");
    await inTime(this.gone, `writer ${this.id} to end`);
  }
}

/** Each writer's records stand in its own order; returns how many there are. */
function countsOf(texts) {
  const counts = new Map();
  for (const text of texts) {
    const [id, number] = text.split(":").map(Number);
    assert.equal(number, counts.get(id) ?? 0, `of writer ${id}`);
    counts.set(id, number + 1);
  }
  return counts;
}

const sorted = (counts) => [...counts].toSorted(([a], [b]) => a - b);

async function writeTogether(open) {
  const wal = await open();
  // One gets the log as its workerData, one in a message.
  const share = wal.share();
  const [one, two] = [await Writer.begin(1, share), await Writer.begin(2)];
  await two.does("attach", { share });
  const followed = [];
  const following = (async () => {
    for await (const record of wal.follow({ until: "durable" })) {
      followed.push(record.text());
      if (followed.length === 1100) break;
    }
  })();
  const working = [one.does("write"), two.does("write")];
  for (let n = 0; n < 100; n++) {
    wal.append(`0:${n}`);
    if (n % 20 === 19) await inTime(wal.sync(), "a sync");
  }
  await Promise.all(working);
  await inTime(following, "the follower");
  const expected = new Map([
    [0, 100],
    [1, 500],
    [2, 500],
  ]);
  assert.deepEqual(sorted(countsOf(followed)), [...expected]);
  assert.deepEqual(sorted(countsOf(Array.from(wal, (record) => record.text()))), [...expected]);
  await one.leaves();
  // Idle: nothing is missing, and its place is free.
  await two.worker.terminate();
  wal.append("0:100");
  await inTime(wal.sync(), "a sync after a thread ended idle");
  assert.equal(wal.durable, wal.end);
  const three = await Writer.begin(3, share);
  await three.does("write_one");
  const { end } = wal;
  await inTime(wal.close(), "close");
  three.asks("write_one");
  assert.equal((await three.says("done", "failed")).code, "WAL_CLOSED");
  await three.leaves();
  return end;
}

/** The owner closes while others sync: they are told. */
async function closeUnderThem(path) {
  const wal = await Wal.open(path);
  const writers = [await Writer.begin(1, wal.share()), await Writer.begin(2, wal.share())];
  for (const writer of writers) writer.asks("until_refused");
  await pause(100);
  await inTime(wal.close(), "close");
  for (const writer of writers) {
    assert.equal((await writer.says("failed")).code, "WAL_CLOSED");
    await writer.leaves();
  }
  const again = await Wal.open(path);
  assert.equal(again.recovery.damage, null);
  countsOf(Array.from(again, (record) => record.text()));
  await again.close();
}

/** Slow is not dead: the others wait for it, in a promise and in a blocking call. */
async function waitForSlow() {
  for (const way of ["sync", "syncBlocking"]) {
    const wal = await Wal.withStore(new MemStore());
    const writer = await Writer.begin(1, wal.share());
    writer.asks("slow", { milliseconds: slowMilliseconds });
    await writer.says("writing");
    wal.append("0:0");
    await inTime(Promise.resolve(wal[way]()), `${way} behind a slow thread`);
    assert.deepEqual(
      Array.from(wal, (record) => record.text()),
      ["1:0", "0:0"],
    );
    await writer.says("done");
    await writer.leaves();
    await wal.close();
  }
}

/**
 * A thread that is terminated within a record: the others are told, and never hang. Where it lives on
 * (Deno ends a thread only when it is back at its event loop), nobody may say that it is dead.
 */
async function dieWithin() {
  const wal = await Wal.withStore(new MemStore());
  const kept = await wal.appendAndSync("0:0");
  const [dying, other] = [await Writer.begin(1, wal.share()), await Writer.begin(2, wal.share())];
  dying.asks("stuck");
  await dying.says("writing");
  other.asks("until_refused");
  const synced = wal.sync().then(
    () => "synced",
    (error) => `${error.code} ${error.cause?.reason}`,
  );
  await pause(300);
  wal.append("0:1");
  const died = await dying.dies();
  if (!died) {
    assert.equal(await Promise.race([synced, pause(500)]), undefined, "nobody is dead");
    dying.letGo();
  }
  assert.equal(await inTime(synced, "the owner's sync"), died ? "WAL_POISONED dead-writer" : "synced");
  if (!died) await inTime(wal.close(), "close");
  const told = await other.says("failed");
  assert.equal(told.code, died ? "WAL_POISONED" : "WAL_CLOSED");
  if (died) assert.equal(wal.read(kept).text(), "0:0");
  await other.leaves();
  await inTime(wal.close(), "close");
  return died;
}

/** Ended in the midst of its work on a file, wherever that is: nothing hangs, nothing acknowledged is lost. */
async function dieBusy(path) {
  for (let round = 0; round < 3; round++) {
    const wal = await Wal.open(path);
    const kept = await wal.appendAndSync(`kept ${round}`);
    const writers = [await Writer.begin(1, wal.share()), await Writer.begin(2, wal.share())];
    for (const writer of writers) writer.asks("until_refused");
    await pause(20 + 7 * round);
    await writers[0].worker.terminate();
    const end = await inTime(
      wal.sync().catch((error) => assert.equal(error.code, "WAL_POISONED", String(error))),
      "a sync after a death",
    );
    assert.equal(end, undefined);
    await inTime(wal.close(), "close");
    await writers[1].says("failed");
    await writers[1].leaves();
    const again = await Wal.open(path);
    assert.equal(again.read(kept).text(), `kept ${round}`);
    await again.close();
  }
}

function tellsOfDeadOwner(error) {
  return error.code === "WAL_POISONED" && error.reason === "dead-owner";
}

/** The thread that opened the log dies: those who joined are told. Returns whether its lock went with it. */
async function ownerDies(path) {
  const owner = await Writer.begin(1);
  const { share, lsn } = await owner.does("open", { path });
  await assert.rejects(Wal.open(path), (error) => error.code === "WAL_LOCKED");
  const wal = Wal.attach(share);
  await wal.appendAndSync("0:0");
  await owner.worker.terminate();
  // Looked for ten times a second at most.
  await pause(200);
  assert.throws(() => wal.append("0:1"), tellsOfDeadOwner);
  await assert.rejects(inTime(wal.sync(), "a sync without an owner"), tellsOfDeadOwner);
  assert.equal(wal.read(lsn).text(), "1:0");
  await wal.close();
  try {
    const again = await Wal.open(path);
    await again.close();
    return true;
  } catch (error) {
    assert.equal(error.code, "WAL_LOCKED");
    return false;
  }
}

export async function threads(dir) {
  const names = {
    file: () => Wal.open(join(dir, "threads.wal")),
    segmented: () => Wal.openSegmented(join(dir, "threads"), { segmentSize: 4096 }),
    memory: () => Wal.withStore(new MemStore()),
  };
  for (const [name, open] of Object.entries(names)) {
    const end = await writeTogether(open);
    if (name === "memory") continue;
    const again = await open();
    assert.equal(again.end, end);
    assert.equal(again.recovery.damage, null);
    await again.close();
  }
  await closeUnderThem(join(dir, "closed.wal"));
  await waitForSlow();
  if (!showsThreads) return;
  const died = await dieWithin();
  console.log(`smoke: a blocked thread that is terminated ${died ? "ends" : "lives on"}`);
  await dieBusy(join(dir, "busy.wal"));
  const lockGoes = await ownerDies(join(dir, "owner.wal"));
  console.log(
    `smoke: the lock of a thread that died ${lockGoes ? "went with it" : "stays until the process ends"}`,
  );
}

/**
 * The last of all: an idle log that is shared, with a thread that is idle too, keeps no process; a sync
 * that waits for a thread does. Nothing else is left that would: without `then` the process ends unheard.
 */
export async function endAlive(then) {
  const idle = await Wal.withStore(new MemStore());
  const idler = await Writer.begin(1, idle.share());
  await idle.appendAndSync("0:0");
  const wal = await Wal.withStore(new MemStore());
  const writer = await Writer.begin(2, wal.share());
  writer.asks("slow", { milliseconds: slowMilliseconds });
  await writer.says("writing");
  idler.worker.unref();
  writer.worker.unref();
  void wal.appendAndSync("0:0").then(then);
}
