/**
 * `wal-db report` of a large log: one pass, in memory that does not grow with it. 256 MiB; WAL_DB_LONG=1: 1 GiB, in
 * a file, in segments, and of records of one byte. What it took is told, not held to a time.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Wal } from "wal-db";
import { scratchDir } from "../support/scratch.js";
import { cliPath, plainEnvironment } from "./command-process.js";

const long = process.env["WAL_DB_LONG"] === "1";
const mebibyte = 1024 * 1024;
const logBytes = (long ? 1024 : 256) * mebibyte;
/** A process of Node alone has some 50 MiB; a log held in memory would be past this in any layout. */
const peakBytesMax = 160 * mebibyte;

const layouts = [
  { name: "a file", recordBytes: 1000, isSegmented: false },
  { name: "segments", recordBytes: 70_000, isSegmented: true },
  // Records so small are nearly all header: as many as there can be in a log of that size.
  { name: "a file of the smallest records", recordBytes: 1, isSegmented: false, share: 1 / 4 },
] as const;

/** Runs it, and tells the most memory that it held. */
function runMeasured(words: readonly string[]): { status: number | null; peak: number; stderr: string } {
  const tell = `process.on("exit", () => console.error("peak " + process.resourceUsage().maxRSS))`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(tell)}`, ...words];
  const { status, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: plainEnvironment(),
    timeout: 300_000,
  });
  return { status, peak: Number(/^peak (\d+)$/m.exec(stderr)?.[1] ?? NaN) * 1024, stderr };
}

async function largeLog(
  path: string,
  recordBytes: number,
  bytes: number,
  isSegmented: boolean,
): Promise<number> {
  const wal = isSegmented ? await Wal.openSegmented(path) : await Wal.open(path);
  const batch = Array.from({ length: Math.ceil(mebibyte / (recordBytes + 8)) }, (_, i) =>
    new Uint8Array(recordBytes).fill(i),
  );
  let records = 0;
  while (wal.end < bytes) records += wal.appendBatch(batch).length;
  await wal.close();
  return records;
}

for (const { name, recordBytes, isSegmented, ...rest } of long ? layouts : layouts.slice(0, 1)) {
  const bytes = logBytes * ("share" in rest ? rest.share : 1);
  test(`${bytes / mebibyte} MiB in ${name}, in less than ${peakBytesMax / mebibyte} MiB of memory`, async (t) => {
    const dir = scratchDir(t);
    const log = join(dir, "log");
    const records = await largeLog(log, recordBytes, bytes, isSegmented);
    const page = join(dir, "page.html");
    const begun = performance.now();
    const { status, peak, stderr } = runMeasured([cliPath, "report", log, "-o", page]);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    assert.equal(status, 0, stderr);
    t.diagnostic(`${records} records in ${seconds} s, ${Math.round(peak / mebibyte)} MiB at most`);
    assert.ok(peak < peakBytesMax, `${Math.round(peak / mebibyte)} MiB`);
    assert.ok(stderr.startsWith(`${records.toLocaleString("en")} records, 0 damages: whole.`), stderr);
    assert.ok(statSync(page).size < 3 * mebibyte);
    assert.match(readFileSync(page, "utf8"), /one in\s[\d,]+, evenly/);
  });
}

test("the meter sees a process that holds what it reads", () => {
  const hoard = `globalThis.held = Buffer.alloc(${peakBytesMax}, 1)`;
  assert.ok(runMeasured(["-e", hoard]).peak > peakBytesMax);
});
