/** Threads that write to one log, and what they have told. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { MemStore, Wal, type WalShare } from "wal-db";
import { MappedStore } from "wal-db/mapped";
import type { FollowerJob, FollowerTold } from "./follower.ts";
import type { Told, WriterJob } from "./writer.ts";

/** So that a test that fails leaves no thread behind that would keep its process. */
const running = new Set<Worker>();

/** For `after` of a test file. */
export async function terminateAll(): Promise<void> {
  await Promise.all([...running].map((worker) => worker.terminate()));
}

export class Writer {
  readonly worker: Worker;
  readonly told: Told[] = [];
  /** Resolves when the thread is gone; rejects with what it threw. */
  readonly gone: Promise<void>;
  #listeners: (() => void)[] = [];

  constructor(job: WriterJob) {
    this.worker = new Worker(new URL("./writer.js", import.meta.url), { workerData: job });
    running.add(this.worker);
    this.worker.on("exit", () => running.delete(this.worker));
    this.worker.on("message", (told: Told) => {
      this.told.push(told);
      this.#changed();
    });
    this.gone = new Promise((resolve, reject) => {
      this.worker.on("error", reject);
      this.worker.on("exit", () => resolve());
    });
    this.gone.catch(() => {}).finally(() => this.#changed());
  }

  /** The first message of that kind. */
  async says(kind: Told["kind"]): Promise<Told> {
    let isGone = false;
    const gone = this.gone.finally(() => (isGone = true));
    gone.catch(() => {});
    for (;;) {
      const found = this.told.find((each) => each.kind === kind);
      if (found !== undefined) return found;
      if (isGone) {
        await gone;
        throw new Error(`gone without saying ${kind}: ${JSON.stringify(this.told)}`);
      }
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
  }

  get acknowledged(): number {
    return Math.max(0, ...this.told.map(({ kind, count }) => (kind === "acknowledged" ? (count ?? 0) : 0)));
  }

  #changed(): void {
    for (const resolve of this.#listeners.splice(0)) resolve();
  }
}

/** A thread that follows a log. */
export class FollowingThread {
  readonly worker: Worker;
  readonly told: FollowerTold[] = [];
  #failure: unknown = null;
  #listeners: (() => void)[] = [];

  constructor(job: FollowerJob) {
    this.worker = new Worker(new URL("./follower.js", import.meta.url), { workerData: job });
    running.add(this.worker);
    this.worker.on("message", (told: FollowerTold) => {
      this.told.push(told);
      this.#changed();
    });
    this.worker.on("error", (error) => {
      this.#failure = error;
      this.#changed();
    });
    this.worker.on("exit", () => {
      running.delete(this.worker);
      this.#failure ??= new Error(`gone: ${JSON.stringify(this.told.slice(-5))}`);
      this.#changed();
    });
  }

  get texts(): string[] {
    return this.told.flatMap((told) => (told.kind === "record" ? [told.text] : []));
  }

  /** Once it has told what is waited for. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
  }

  /** Once it has told that. */
  async says(kind: FollowerTold["kind"]): Promise<FollowerTold> {
    const find = (): FollowerTold | undefined => this.told.find((told) => told.kind === kind);
    await this.until(() => find() !== undefined);
    return find() as FollowerTold;
  }

  #changed(): void {
    for (const resolve of this.#listeners.splice(0)) resolve();
  }
}

export type StoreKind = "file" | "segmented" | "mapped" | "memory";

/** Small, so that threads race to make them. */
export const segmentSize = 4096;

export function openLog(kind: StoreKind, folder: string): Promise<Wal> {
  if (kind === "memory") return Wal.withStore(new MemStore());
  if (kind === "file") return Wal.open(join(folder, "log.wal"));
  if (kind === "mapped") return Wal.withStore(MappedStore.open(join(folder, "log"), segmentSize));
  return Wal.openSegmented(join(folder, "log"), { segmentSize });
}

/** How many records of each writer stand in the log, after a check that each has its own in order. */
export function recordsByWriter(
  wal: Wal,
  firsts: ReadonlyMap<number, number> = new Map(),
): Map<number, number> {
  const next = new Map<number, number>();
  let end = wal.head as number;
  for (const record of wal) {
    assert.equal(record.lsn, end, "records stand back to back");
    end = record.next;
    const [writer = -1, n] = record.text().split(":").map(Number);
    const expected = next.get(writer) ?? firsts.get(writer) ?? n;
    assert.equal(n, expected, `of writer ${writer}, the one at ${record.lsn}`);
    next.set(writer, (expected ?? 0) + 1);
  }
  assert.equal(end, wal.end);
  return next;
}

export function crewOf(share: WalShare, size: number, job: Omit<WriterJob, "share" | "id">): Writer[] {
  return Array.from({ length: size }, (_, id) => new Writer({ ...job, share, id }));
}

export const isLinux: boolean = process.platform === "linux" && existsSync("/proc/thread-self");

/** Far above the second that it may take: a noisy machine must not fail it, a hang must. */
const patienceMilliseconds = 15_000;

export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: still waiting`)), patienceMilliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
