/** A log on a simulated disk, in one file or in segments, and the ways in which it may end. */
import type { Disk } from "#internal/store/disk.js";
import type { SegmentedOptions, Wal } from "wal-db";
import type { Library } from "./library.ts";
import { RecordingDisk, type RecordingOptions, Stopped } from "./recording-disk.ts";
import type { SimulatedDisk } from "wal-db/testing";
import { Random } from "#internal/testing/random.js";

export const logDir = "/logs/segments";
const logFile = "/logs/app.wal";

/** @param segmentSize Null: one file. */
export function openOn(
  lib: Library,
  disk: Disk,
  segmentSize: number | null,
  options: SegmentedOptions = {},
): Wal {
  if (segmentSize === null) return lib.open(disk, logFile, options);
  return lib.openSegmented(disk, logDir, segmentSize, options);
}

/** What takes the place of the process, and perhaps of the power. */
export interface Ending {
  readonly name: string;
  readonly how: "kill" | "power";
  apply(sim: SimulatedDisk, salt: number): void;
}

export function endings(seeds: number): Ending[] {
  const some: Ending[] = [
    { name: "killed", how: "kill", apply: (sim) => sim.kill() },
    { name: "power cut, all lost", how: "power", apply: (sim) => sim.crash({ keep: "none" }) },
  ];
  for (let seed = 1; seed <= seeds; seed++) {
    const names = seed % 2 === 0 ? "any" : "prefix";
    some.push({
      name: `power cut, seed ${seed}, names: ${names}`,
      how: "power",
      apply: (sim, salt) => sim.crash({ chooser: new Random(seed * 1000 + salt), names }),
    });
  }
  return some;
}

/**
 * Runs `work` on a disk that stops at the n-th changing call from where `work` arms it; with `half`
 * amid that call, if it is a write. True: it was stopped.
 */
export async function runStopped(
  sim: SimulatedDisk,
  stopAt: number,
  half: boolean,
  work: (disk: Disk, arm: () => void) => Promise<void>,
  before?: RecordingOptions["before"],
): Promise<boolean> {
  let armedAt = Number.POSITIVE_INFINITY;
  let halved = false;
  let stopped = false;
  const stop = (): never => {
    stopped = true;
    return recording.stop();
  };
  const recording: RecordingDisk = new RecordingDisk(sim, {
    before(call, number) {
      const nth = number - armedAt;
      if (halved) stop();
      if (nth === stopAt && (!half || call.name !== "write")) stop();
      before?.(call, number);
    },
    writeLength(_call, length) {
      if (!half || recording.changes - armedAt !== stopAt || length < 2) return length;
      halved = true;
      return length >> 1;
    },
  });
  try {
    await work(recording.disk, () => {
      armedAt = recording.changes;
    });
  } catch (error) {
    if (!stopped || !isStop(error)) throw error;
  }
  return stopped;
}

/** The library may have wrapped it; where it swallowed it, later calls threw it again. */
function isStop(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof Stopped) return true;
  return false;
}
