/**
 * A thread that joins a log and writes to it; what it is to do, and where it is to stop or fail, comes
 * as its workerData. Tells its parent what it did in messages.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Wal, WalError, type WalShare } from "wal-db";
import { fileStoresOn } from "#internal/files.js";
import type { Disk } from "#internal/store/disk.js";
import { nodeDisk } from "#internal/store/node-disk.js";
import { provideFileStores } from "#internal/open-store.js";

/** Where a writer stops for good, or what fails for it. */
export type Fault =
  | "before-write"
  | "after-write"
  | "within-batch"
  | "before-blocking-flush"
  | "flush-never-lands"
  | "within-roll-back"
  | "after-create"
  | "no-space"
  | "flush-fails";

export interface WriterJob {
  readonly share: WalShare;
  readonly id: number;
  readonly count: number;
  readonly way: "append" | "appendBatch" | "appendAndSync" | "appendAndSyncBlocking" | "idle" | "for-ever";
  readonly fault?: Fault;
  /** The n-th call that the fault concerns; from 1 on. */
  readonly nth?: number;
}

export interface Told {
  readonly kind: "joined" | "acknowledged" | "stopped" | "done" | "refused";
  readonly id: number;
  /** Records that were appended, or are known to be durable. */
  readonly count?: number;
  readonly code?: string;
  readonly reason?: string | undefined;
  readonly offset?: number | undefined;
  readonly errno?: string | undefined;
}

const job = workerData as WriterJob;
const port = parentPort;
if (port === null) throw new Error("this program is for a worker");

function tell(kind: Told["kind"], more: Partial<Told> = {}): void {
  port?.postMessage({ kind, id: job.id, ...more } satisfies Told);
}

/** Blocks this thread until it is terminated. */
function stop(): void {
  tell("stopped");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: made for a test`), { code });
}

let calls = 0;
const isNth = (fault: Fault): boolean => job.fault === fault && ++calls === (job.nth ?? 1);

const disk: Disk = {
  ...nodeDisk,
  open(path, mode) {
    const fd = nodeDisk.open(path, mode);
    if (mode === "create" && isNth("after-create")) stop();
    return fd;
  },
  write(fd, bytes, from, length, position) {
    if (isNth("before-write")) stop();
    if (job.fault === "no-space" && ++calls >= (job.nth ?? 1)) throw failure("ENOSPC");
    if (isNth("within-roll-back")) throw failure("ENOSPC");
    const wrote = nodeDisk.write(fd, bytes, from, length, position);
    if (isNth("after-write")) stop();
    return wrote;
  },
  truncate(fd, length) {
    if (job.fault === "within-roll-back") stop();
    nodeDisk.truncate(fd, length);
  },
  flushData: (fd) => slowly(() => nodeDisk.flushData(fd)),
  flushAll: (fd) => slowly(() => nodeDisk.flushAll(fd)),
  flushDataBlocking: (fd) => (flushFault(), nodeDisk.flushDataBlocking(fd)),
  flushAllBlocking: (fd) => (flushFault(), nodeDisk.flushAllBlocking(fd)),
};

function flushFault(): void {
  if (isNth("before-blocking-flush")) stop();
  if (isNth("flush-fails")) throw failure("EIO");
}

async function slowly(flush: () => Promise<void>): Promise<void> {
  flushFault();
  if (isNth("flush-never-lands")) {
    tell("stopped");
    await new Promise(() => setInterval(() => {}, 1000));
  }
  return flush();
}

provideFileStores(fileStoresOn(disk));
const wal = Wal.attach(job.share);
tell("joined");

/** What record `n` of a writer says; of various lengths. */
const text = (n: number): string => `${job.id}:${n}:${"x".repeat((n * 7) % 40)}`;

/** What each way of writing does; returns how many records it wrote, if it ends. */
const ways: Readonly<Record<WriterJob["way"], (count: number) => number | Promise<number>>> = {
  append(count) {
    for (let n = 0; n < count; n++) wal.append(text(n));
    return count;
  },
  appendBatch(count) {
    for (let n = 0; n < count; n += 10) {
      wal.appendBatch(Array.from({ length: Math.min(10, count - n) }, (_, k) => text(n + k)));
    }
    return count;
  },
  async appendAndSync(count) {
    for (let n = 0; n < count; n += 50) {
      const group = Array.from({ length: Math.min(50, count - n) }, (_, k) => n + k);
      await Promise.all(group.map((each) => acknowledge(each)));
    }
    return count;
  },
  appendAndSyncBlocking(count) {
    for (let n = 0; n < count; n++) {
      const lsn = wal.appendAndSyncBlocking(text(n));
      if (wal.durable <= lsn) throw new Error(`${lsn} was acknowledged, durable is ${wal.durable}`);
      tell("acknowledged", { count: n + 1 });
    }
    return count;
  },
  async "for-ever"() {
    for (let n = 0; ; n++) {
      wal.append(text(n));
      if (n % 20 !== 19) continue;
      await wal.sync();
      tell("acknowledged", { count: n + 1 });
    }
  },
  async idle() {
    await new Promise(() => setInterval(() => {}, 1000));
    return 0;
  },
};

async function acknowledge(n: number): Promise<void> {
  const lsn = await wal.appendAndSync(text(n));
  if (wal.durable <= lsn) throw new Error(`${lsn} was acknowledged, durable is ${wal.durable}`);
}

try {
  const count = await ways[job.way](job.count);
  await wal.close();
  tell("done", { count });
} catch (error) {
  if (!(error instanceof WalError)) throw error;
  const cause = error.cause instanceof WalError ? error.cause : undefined;
  const { code, offset, errno } = error;
  tell("refused", { code, offset, errno, reason: cause?.reason });
}
