/**
 * Counts what appends allocate on the heap of JavaScript, with V8's sampling heap profiler: a
 * sample about every KiB, of what was collected meanwhile too. Counted is everything that came into
 * being while the appends ran, by whomever: the profiler books what an inlined function allocates
 * on its caller, so what is "in dist/" cannot be told apart.
 *
 *   node allocation.js <file for a log>      prints bytes per append, by case, as JSON
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { Session } from "node:inspector";
import { type RecordInput, Wal, MemStore, type WalStore } from "wal-db";
import { FrameBuffer } from "#internal/record/frame.js";

const sampleBytes = 1024;
const warmUpCalls = 50_000;
const rounds = 10;

/** Of the profiler's tree of callers. */
interface ProfileNode {
  readonly selfSize: number;
  readonly children: readonly ProfileNode[];
}

const session = new Session();
session.connect();

function sampled(work: () => void): ProfileNode {
  let head: ProfileNode | undefined;
  const options = {
    samplingInterval: sampleBytes,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  };
  session.post("HeapProfiler.startSampling", options);
  work();
  session.post("HeapProfiler.stopSampling", (_error, answer) => {
    head = answer.profile.head;
  });
  if (head === undefined) throw new Error("the heap profiler gave no profile");
  return head;
}

function bytesIn(node: ProfileNode): number {
  return node.children.reduce((bytes, child) => bytes + bytesIn(child), node.selfSize);
}

/**
 * Bytes allocated per call, in the round that allocated least. Code that is not optimised yet makes
 * three times as many numbers (145 bytes an append past 2 GiB, for 32 to 48), and on a busy machine the
 * thread that optimises it may come to it only half a memoryCalls calls later. What each call allocates of
 * itself is there in every round.
 */
function perCall(calls: number, call: () => void): number {
  for (let i = 0; i < warmUpCalls; i++) call();
  const perRound = calls / rounds;
  const found = Array.from({ length: rounds }, () => {
    const head = sampled(() => {
      for (let i = 0; i < perRound; i++) call();
    });
    return bytesIn(head) / perRound;
  });
  return Math.min(...found);
}

/** Holds nothing: what is left is the log's own. Begins at `at`, as a log whose head was cut off. */
function emptyStore(at: number): WalStore {
  return {
    length: at,
    head: at,
    writeAt: () => {},
    readAt: () => 0,
    truncate: () => {},
    truncateBefore: () => at,
    flush: () => Promise.resolve(),
    flushBlocking: () => {},
    close: () => {},
  };
}

function perAppend(wal: Wal, record: RecordInput, calls: number): number {
  const bytes = perCall(calls, () => wal.append(record));
  wal.closeBlocking();
  return bytes;
}

const [, , log = ""] = process.argv;
const record = new Uint8Array(256).fill(7);
const text = "credit account 4711 with 100 units, as ordered";
const beyondSmallIntegers = 4 * 1024 ** 3;
const memoryCalls = 300_000;
const fileCalls = 100_000;

const emptyLog = (at: number): Wal => Wal.withStoreBlocking(emptyStore(at));
const bytesByCase: Record<string, number> = {
  bytes: perAppend(emptyLog(0), record, memoryCalls),
  text: perAppend(emptyLog(0), text, memoryCalls),
  beyondSmallIntegers: perAppend(emptyLog(beyondSmallIntegers), record, memoryCalls),
  memory: perAppend(Wal.withStoreBlocking(new MemStore()), record, memoryCalls),
  file: perAppend(Wal.openBlocking(log), record, fileCalls),
};

// fs.writeSync of Node 20 makes an object at each call.
const fd = openSync(`${log}.bare`, "w");
const frame = new Uint8Array(264);
let at = 0;
const writeBare = (): void => {
  at += writeSync(fd, frame, 0, frame.length, at);
};
bytesByCase["bareWrite"] = perCall(fileCalls, writeBare);
closeSync(fd);

// What the test must notice: one small object for each append.
FrameBuffer.prototype.view = function (this: FrameBuffer) {
  return this.bytes.subarray(0, this.length);
};
bytesByCase["broken"] = perAppend(emptyLog(0), record, memoryCalls);
bytesByCase["brokenBeyond"] = perAppend(emptyLog(beyondSmallIntegers), record, memoryCalls);

console.log(JSON.stringify(bytesByCase));
