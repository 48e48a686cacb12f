import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Wal } from "wal-db";
import { scratchDir } from "../support/scratch.ts";

const long = process.env["WAL_DB_LONG"] === "1";
const logBytes = (long ? 1024 : 256) * 1024 * 1024;
const grownBytesMax = 64 * 1024 * 1024;

function runProgram(name: string, ...args: string[]): unknown {
  const program = fileURLToPath(new URL(name, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

interface Replay {
  readonly records: number;
  readonly bytes: number;
  readonly grownBytes: number;
}

test(`a replay of ${logBytes / 1024 ** 2} MiB grows the process by less than 64 MiB`, async (t) => {
  const log = join(scratchDir(t), "large.wal");
  const wal = await Wal.open(log);
  // Two and a half chunks of the reader, one record of many chunks, and a great many small ones.
  wal.append(new Uint8Array(640 * 1024).fill(1));
  wal.append(new Uint8Array(8 * 1024 * 1024).fill(2));
  const batch = Array.from({ length: 1024 }, (_, i) => new Uint8Array(i).fill(i));
  while (wal.end < logBytes) wal.appendBatch(batch);
  const { end } = wal;
  const { appends } = wal.stats();
  await wal.close();

  for (const way of ["open", "for-of", "for-await"]) {
    const { records, bytes, grownBytes } = runProgram("./replay.js", log, way) as Replay;
    assert.equal(records, appends, way);
    assert.equal(bytes, way === "open" ? end : end - 8 * appends, way);
    assert.ok(grownBytes < grownBytesMax, `${way}: grown by ${grownBytes} bytes`);
    t.diagnostic(`${way}: ${(grownBytes / 1024 ** 2).toFixed(1)} MiB`);
  }
  const keeping = runProgram("./replay.js", log, "keep") as Replay;
  assert.ok(keeping.grownBytes > logBytes / 2, "a process that keeps all it read was not seen to grow");
});

interface BytesPerAppend {
  readonly bytes: number;
  readonly text: number;
  readonly beyondSmallIntegers: number;
  readonly memory: number;
  readonly file: number;
  readonly bareWrite: number;
  readonly broken: number;
  readonly brokenBeyond: number;
}

/** Less than the smallest object that V8 could make each time. */
const perAppendBytesMax = 12;

/** An offset that is no small integer (from 2 GiB on) is a number on the heap, of 16 bytes at most. */
const numberBytes = 16;

const processesMax = 4;

/**
 * In about one process of twenty V8 settles on code that passes six numbers of those on the heap (96
 * bytes) for two or three: which calls it makes one of is its affair. An object that the library makes
 * is there in each process, so the lowest of a few tells. Each is asked only if those before had too much.
 */
function lowestBeyondSmallIntegers(first: BytesPerAppend, ask: () => BytesPerAppend): number {
  let lowest = first.beyondSmallIntegers;
  for (let n = 1; n < processesMax && lowest >= beyondBytesMax; n++) {
    lowest = Math.min(lowest, ask().beyondSmallIntegers);
  }
  return lowest;
}

// The LSN that is returned, and two on the way: no objects.
const beyondBytesMax = 4 * numberBytes;

test("hundreds of thousands of appends allocate nothing of their own", (t) => {
  const folder = scratchDir(t);
  let asked = 0;
  const ask = (): BytesPerAppend => {
    const log = join(folder, `appended-${asked++}.wal`);
    const found = runProgram("./allocation.js", log) as BytesPerAppend;
    t.diagnostic(`bytes per append: ${JSON.stringify(found)}`);
    return found;
  };
  const found = ask();
  assert.ok(found.bytes < perAppendBytesMax, `bytes: ${found.bytes}`);
  assert.ok(found.text < perAppendBytesMax, `text: ${found.text}`);
  assert.ok(found.memory < perAppendBytesMax, `memory: ${found.memory}`);
  assert.ok(found.file - found.bareWrite < perAppendBytesMax, `file: ${found.file} of ${found.bareWrite}`);
  const beyond = lowestBeyondSmallIntegers(found, ask);
  assert.ok(beyond < beyondBytesMax, `past 2 GiB: ${beyond}`);
  assert.ok(found.broken > 2 * perAppendBytesMax, `one object an append was not seen: ${found.broken}`);
  assert.ok(found.brokenBeyond > beyondBytesMax, `nor past 2 GiB: ${found.brokenBeyond}`);
});
