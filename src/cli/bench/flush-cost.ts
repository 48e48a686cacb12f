/**
 * What a flush costs on a device, by ways to ask for it, as pg_test_fsync measures it: a write of one block, and
 * the barrier, again and again.
 *
 *   growing        each write makes the file longer: its size and its new block go to the disk as well
 *   preallocated   zeros were written and flushed before: the block alone does
 *
 * libuv asks for F_FULLFSYNC on macOS and FlushFileBuffers on Windows, for fsync and for fdatasync; O_DSYNC is
 * there on Linux and macOS, where it does not empty the drive's cache.
 */
import { closeSync, constants, fdatasyncSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type Latency, LatencyMeter } from "./latency.ts";

export type FlushWay = "fdatasync" | "fsync" | "O_DSYNC" | "none";
export type FlushFile = "growing" | "preallocated";

export interface FlushMethod {
  readonly file: FlushFile;
  readonly way: FlushWay;
}

export interface FlushCost extends FlushMethod {
  readonly operations: number;
  readonly perSecond: number;
  readonly microseconds: Latency;
}

export interface MeasureOptions {
  /** How long each measurement takes at most. */
  readonly seconds: number;
  readonly signal: AbortSignal;
}

export const blockBytes = 4096;
/** The longest that a file becomes; a measurement that gets there ends. */
export const fileBytesMax: number = 64 * 1024 * 1024;
const preallocatedBytes: number = 16 * 1024 * 1024;
/** How long this thread may be at it before others have their turn. */
const sliceMilliseconds = 50;

/** All that this platform has; the write alone last, to compare. */
export function flushMethods(platform: NodeJS.Platform): FlushMethod[] {
  const ways: readonly FlushWay[] =
    platform === "win32" ? ["fdatasync", "fsync"] : ["fdatasync", "fsync", "O_DSYNC"];
  const files: readonly FlushFile[] = ["growing", "preallocated"];
  return [...files.flatMap((file) => ways.map((way) => ({ file, way }))), { file: "growing", way: "none" }];
}

export async function flushCost(
  folder: string,
  method: FlushMethod,
  options: MeasureOptions,
): Promise<FlushCost> {
  const path = join(folder, `${method.file}-${method.way}`);
  try {
    if (method.file === "preallocated") preallocate(path);
    const { O_WRONLY, O_CREAT, O_DSYNC } = constants;
    const fd = openSync(path, O_WRONLY | O_CREAT | (method.way === "O_DSYNC" ? O_DSYNC : 0), 0o600);
    try {
      return await repeat(fd, method, options);
    } finally {
      closeSync(fd);
    }
  } finally {
    rmSync(path, { force: true });
  }
}

function preallocate(path: string): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    const zeros = new Uint8Array(1024 * 1024);
    for (let at = 0; at < preallocatedBytes; at += zeros.length) writeSync(fd, zeros, 0, zeros.length, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

async function repeat(
  fd: number,
  method: FlushMethod,
  { seconds, signal }: MeasureOptions,
): Promise<FlushCost> {
  const block = new Uint8Array(blockBytes).fill(0x5a);
  const room = method.file === "growing" ? fileBytesMax : preallocatedBytes;
  const meter = new LatencyMeter();
  let spent = 0;
  let restAt = performance.now() + sliceMilliseconds;
  for (let at = 0; spent < seconds * 1000; at += blockBytes) {
    if (at >= fileBytesMax && method.file === "growing") break;
    const begun = performance.now();
    writeSync(fd, block, 0, blockBytes, at % room);
    if (method.way === "fdatasync") fdatasyncSync(fd);
    else if (method.way === "fsync") fsyncSync(fd);
    const ended = performance.now();
    meter.add(ended - begun);
    spent += ended - begun;
    if (ended < restAt) continue;
    await setImmediate();
    signal.throwIfAborted();
    restAt = performance.now() + sliceMilliseconds;
  }
  const perSecond = Math.round((meter.count * 1000) / Math.max(spent, 1e-6));
  return { ...method, operations: meter.count, perSecond, microseconds: meter.latency() };
}
