/** What a durable commit costs in wal-db, by how many callers wait at a time: what sharing a flush is worth. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Wal } from "../../index.ts";
import { fileBytesMax, type MeasureOptions } from "./flush-cost.ts";
import { type Latency, LatencyMeter } from "./latency.ts";

export interface CommitCost {
  readonly callers: number;
  readonly commits: number;
  readonly flushes: number;
  readonly perSecond: number;
  /** Records that a flush made durable, in the mean. */
  readonly perFlush: number;
  readonly microseconds: Latency;
}

export const callersMeasured: readonly number[] = [1, 8, 64, 1000];

export async function commitCost(
  folder: string,
  callers: number,
  recordBytes: number,
  { seconds, signal }: MeasureOptions,
): Promise<CommitCost> {
  const path = join(folder, `commits-${callers}.wal`);
  const wal = await Wal.open(path);
  const record = new Uint8Array(recordBytes).fill(0x5a);
  const meter = new LatencyMeter();
  const begun = performance.now();
  const until = begun + seconds * 1000;
  const call = async (): Promise<void> => {
    do {
      const asked = performance.now();
      await wal.appendAndSync(record);
      meter.add(performance.now() - asked);
    } while (performance.now() < until && wal.end < fileBytesMax && !signal.aborted);
  };
  try {
    await Promise.all(Array.from({ length: callers }, call));
    const took = performance.now() - begun;
    const { commits, flushes } = wal.stats();
    signal.throwIfAborted();
    return {
      callers,
      commits,
      flushes,
      perSecond: Math.round((commits * 1000) / took),
      perFlush: Math.round((10 * commits) / Math.max(1, flushes)) / 10,
      microseconds: meter.latency(),
    };
  } finally {
    await wal.close();
    for (const end of ["", ".mark"]) rmSync(path + end, { force: true });
  }
}
