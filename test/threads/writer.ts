/**
 * A thread that joins a log and writes to it; what it is to do, and where it is to stop or fail, comes
 * as its workerData. Tells its parent what it did in messages.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Wal, WalError, type WalShare, type WalStats } from "wal-db";
import { fileStoresOn } from "#internal/files.js";
import type { Disk } from "#internal/store/disk.js";
import { nodeDisk } from "#internal/store/node-disk.js";
import { SharedCells } from "#internal/commit/cells.js";
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
  readonly way:
    | "append"
    | "appendBatch"
    | "appendAndSync"
    | "appendAndSyncBlocking"
    | "look"
    | "idle"
    | "for-ever"
    | "append-and-stay";
  readonly fault?: Fault;
  /** The n-th call that the fault concerns; from 1 on. */
  readonly nth?: number;
  /** Where a writer that has stopped waits for anything but 0; without it, for good. */
  readonly resume?: SharedArrayBuffer;
  /** Ends before this operation on the shared cells, counted from 1 once it has joined. */
  readonly endsAt?: number;
  /** How it ends there: it waits to be terminated, or leaves by itself. */
  readonly ends?: "waits" | "exits";
  /** With `flush-never-lands`: throws what nobody catches, once the flush is under way. */
  readonly throwsThen?: boolean;
  /** Bytes of padding in each record; else they are of various lengths, all short. */
  readonly padding?: number;
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
  /** What one who only looks has seen. */
  readonly seen?: Seen;
}

export interface Seen {
  readonly head: number;
  readonly end: number;
  readonly durable: number;
  readonly isEmpty: boolean;
  readonly texts: readonly string[];
  readonly textsAhead: readonly string[];
  readonly last: string;
  readonly stats: WalStats;
}

const job = workerData as WriterJob;
const port = parentPort;
if (port === null) throw new Error("this program is for a worker");

function tell(kind: Told["kind"], more: Partial<Told> = {}): void {
  port?.postMessage({ kind, id: job.id, ...more } satisfies Told);
}

/** Blocks this thread until it is terminated, or told to go on. */
function stop(): void {
  tell("stopped");
  Atomics.wait(new Int32Array(job.resume ?? new SharedArrayBuffer(4)), 0, 0);
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
    if (job.throwsThen) setImmediate(() => void Promise.reject(new Error("made for a test")));
    await new Promise(() => setInterval(() => {}, 1000));
  }
  return flush();
}

/** Counts the operations of this thread on the shared cells, and ends it before one of them. */
function endAt(nth: number): void {
  let operations = 0;
  const enter = (): void => {
    if (++operations !== nth) return;
    if (job.ends === "exits") process.exit();
    stop();
  };
  for (const name of ["load", "store", "add", "compareExchange", "notify"] as const) {
    const shipped: (...numbers: number[]) => unknown = Reflect.get(SharedCells.prototype, name);
    const counted = function (this: SharedCells, ...numbers: number[]): unknown {
      enter();
      return shipped.apply(this, numbers);
    };
    Reflect.set(SharedCells.prototype, name, counted);
  }
}

provideFileStores(fileStoresOn(disk));
const wal = Wal.attach(job.share);
tell("joined");
if (job.endsAt !== undefined) endAt(job.endsAt);

/** What record `n` of a writer says; of various lengths. */
const text = (n: number): string => `${job.id}:${n}:${"x".repeat(job.padding ?? (n * 7) % 40)}`;

/** What each way of writing does; returns how many records it wrote, if it ends. */
const ways: Readonly<Record<WriterJob["way"], (count: number) => number | Promise<number>>> = {
  /** Does not close the log, nor do anything that would keep the thread. */
  async "append-and-stay"(count) {
    for (let n = 0; n < count; n++) wal.append(text(n));
    await wal.sync();
    tell("acknowledged", { count });
    return new Promise(() => {});
  },
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
  /** Appends one record, and syncs; what it sees from there. */
  async look() {
    const lsn = await wal.appendAndSync(text(0));
    const textsAhead: string[] = [];
    for await (const record of wal.iter({ from: wal.head })) textsAhead.push(record.text());
    tell("acknowledged", {
      seen: {
        head: wal.head,
        end: wal.end,
        durable: wal.durable,
        isEmpty: wal.isEmpty,
        texts: Array.from(wal, (record) => record.text()),
        textsAhead,
        last: wal.read(lsn).text(),
        stats: wal.stats(),
      },
    });
    return 1;
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
  const { code, offset, errno, reason } = error;
  tell("refused", { code, offset, errno, reason });
}
