/**
 * `wal-db bench` as a process: what it measures and says, when it doubts a flush, and that it leaves nothing. No
 * figure is held to any time.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, statfsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { cheapestFlush, doubtsOf, flushMicrosecondsMin } from "#internal/cli/bench/doubt.js";
import { fileSystemOf } from "#internal/cli/bench/file-system.js";
import { type FlushCost, flushMethods } from "#internal/cli/bench/flush-cost.js";
import { LatencyMeter } from "#internal/cli/bench/latency.js";
import { scratchDir } from "../support/scratch.js";
import { cliPath, plainEnvironment } from "./command-process.js";

const memory = "/dev/shm";
const tmpfs = 0x01021994;

interface Answer {
  readonly folder: string;
  readonly fileSystem: { readonly name: string; readonly kind: string };
  readonly flushes: readonly FlushCost[];
  readonly commits: readonly {
    readonly callers: number;
    readonly commits: number;
    readonly flushes: number;
  }[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}

function bench(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cliPath, "bench", ...words], {
    encoding: "utf8",
    env: plainEnvironment(),
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

function memoryDir(t: TestContext): string | null {
  return existsSync(memory) && statfsSync(memory).type === tmpfs ? scratchDir(t, memory) : null;
}

test("measures every way to flush and every number of callers, and leaves nothing", (t) => {
  const dir = scratchDir(t);
  const { status, stdout, stderr } = bench(dir, "--seconds", "0.02", "--json");
  assert.equal(status, 0, stderr);
  assert.deepEqual(readdirSync(dir), []);
  const answer = JSON.parse(stdout) as Answer;
  assert.equal(answer.folder, dir);
  assert.deepEqual(
    answer.flushes.map(({ file, way }) => `${file} ${way}`),
    flushMethods(process.platform).map(({ file, way }) => `${file} ${way}`),
  );
  for (const { operations, perSecond, microseconds } of answer.flushes) {
    const { mean, p50, p90, p99, p999, max } = microseconds;
    assert.ok(operations > 0 && perSecond > 0 && mean > 0);
    assert.ok(
      0 < p50 && p50 <= p90 && p90 <= p99 && p99 <= p999 && p999 <= max,
      JSON.stringify(microseconds),
    );
  }
  assert.deepEqual(
    answer.commits.map(({ callers }) => callers),
    [1, 8, 64, 1000],
  );
  for (const { callers, commits, flushes } of answer.commits) {
    assert.ok(
      commits >= callers && flushes >= 1 && flushes <= commits,
      `${callers}: ${commits} in ${flushes}`,
    );
  }
});

test("as a table: a line for each measurement", (t) => {
  const dir = scratchDir(t);
  const { status, stdout } = bench(dir, "--seconds", "0.01", "--record-size", "1k");
  assert.equal(status, 0);
  assert.match(stdout, /growing, fdatasync +[\d,]+ /);
  assert.match(stdout, /preallocated, fsync +[\d,]+ /);
  assert.match(stdout, /Commit records of 1 KiB/);
  assert.match(stdout, /1000 callers +[\d,]+ /);
  assert.ok(!stdout.includes("\u001b"), "no colour in a pipe");
});

test("a flush in memory is named, and is too fast to be true", (t) => {
  const dir = memoryDir(t);
  if (dir === null) return t.skip(`no tmpfs at ${memory}`);
  const { status, stdout, stderr } = bench(dir, "--seconds", "0.02", "--json");
  assert.equal(status, 0);
  const { warnings, fileSystem } = JSON.parse(stdout) as Answer;
  assert.deepEqual(fileSystem, { name: "tmpfs", kind: "memory" });
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ["in-memory", "too-fast"],
  );
  assert.match(stderr, /warning: tmpfs keeps files in memory/);
  assert.match(stderr, /warning: a flush takes [\d.]+ µs, and no drive writes in less than 20/);
  assert.deepEqual(readdirSync(dir), []);
});

test("Ctrl-C: all is removed, and 130; twice: at once, and removed as well", async (t) => {
  for (const times of [1, 2]) {
    const dir = scratchDir(t);
    const child = spawn(process.execPath, [cliPath, "bench", dir, "--seconds", "20"]);
    const ended = new Promise<number | null>((resolve) => void child.on("close", (code) => resolve(code)));
    // Only once it is at it is there something to remove.
    await new Promise<void>((resolve) => void child.stdout.once("data", () => resolve()));
    while (readdirSync(dir).length === 0) await setTimeout(10);
    for (let n = 0; n < times; n++) child.kill("SIGINT");
    assert.equal(await ended, 130);
    assert.deepEqual(readdirSync(dir), []);
  }
});

test("a mistake is told, with nothing measured", (t) => {
  const dir = scratchDir(t);
  for (const words of [
    ["--seconds", "0"],
    ["--seconds", "61"],
    ["--seconds", "soon"],
    ["--record-size", "65k"],
  ]) {
    const { status, stdout, stderr } = bench(dir, ...words);
    assert.equal(status, 64, words.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, /^wal-db: --(?:seconds|record-size) is/);
  }
  assert.equal(bench(join(dir, "none")).status, 66);
  assert.deepEqual(readdirSync(dir), []);
});

/* ---- Doubt ---- */

function cost(file: FlushCost["file"], way: FlushCost["way"], p50: number): FlushCost {
  const microseconds = { mean: p50, p50, p90: p50, p99: p50, p999: p50, max: p50 };
  return { file, way, operations: 100, perSecond: 1, microseconds };
}

test("doubts a flush by its median, on a growing file, below 20 microseconds", () => {
  const ext4 = fileSystemOf(0xef53, "linux");
  const codes = (...costs: FlushCost[]): string[] => doubtsOf(ext4, costs).map(({ code }) => code);
  assert.deepEqual(codes(cost("growing", "fdatasync", flushMicrosecondsMin - 0.1)), ["too-fast"]);
  assert.deepEqual(codes(cost("growing", "fdatasync", flushMicrosecondsMin)), []);
  assert.deepEqual(codes(cost("growing", "fdatasync", 300), cost("growing", "fsync", 5)), ["too-fast"]);
  // The write alone, and a file whose room was set aside on a drive with a cache that survives, may be as fast.
  assert.deepEqual(
    codes(cost("growing", "fsync", 300), cost("growing", "none", 3), cost("preallocated", "O_DSYNC", 12)),
    [],
  );
  assert.deepEqual(codes(), []);
  assert.equal(cheapestFlush([{ ...cost("growing", "fsync", 1), operations: 0 }]), null);
});

test("a file system is named by its number, also a negative one; elsewhere, and for others, the number", () => {
  assert.deepEqual(fileSystemOf(tmpfs, "linux"), { name: "tmpfs", kind: "memory" });
  assert.equal(fileSystemOf(0x9123683e | 0, "linux").name, "btrfs");
  assert.deepEqual(fileSystemOf(tmpfs, "darwin"), { name: "type 0x1021994", kind: "unknown" });
  assert.deepEqual(
    doubtsOf(fileSystemOf(0x6969, "linux"), []).map(({ code }) => code),
    ["network"],
  );
});

test("latencies are told by percentile", () => {
  const meter = new LatencyMeter();
  assert.equal(meter.latency().max, 0);
  for (let i = 1; i <= 1000; i++) meter.add(i / 1000);
  const { p50, p90, p99, max } = meter.latency();
  // Three digits of each count.
  for (const [found, expected] of [
    [p50, 500],
    [p90, 900],
    [p99, 990],
    [max, 1000],
  ] as const) {
    assert.ok(Math.abs(found - expected) <= expected / 500, `${found} for ${expected}`);
  }
});
