/**
 * A large log is read in bounded memory: 64 MiB, and 1 GiB in the long form. The most that a process held at
 * any time is the kernel's to say (VmHWM), and is compared with that of a log of 1 MiB.
 */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Wal } from "wal-db";
import { scratchDir } from "../support/scratch.js";
import { startCommand } from "./command-process.js";

const mebibyte: number = 1024 * 1024;
const isLong = process.env["WAL_DB_LONG"] === "1";
const largeMebibytes: number = isLong ? 1024 : 64;
/** Beyond what a small log takes: the collector lets what was read lie for a while. */
const growthMebibytesMax: number = isLong ? 128 : 40;

async function logOf(path: string, mebibytes: number): Promise<void> {
  const wal = await Wal.open(path);
  const records = Array.from({ length: 256 }, () => new Uint8Array(4088).fill(0x61));
  for (let done = 0; done < mebibytes; done++) {
    wal.appendBatch(records);
    if (isLong && done % 128 === 127) console.log(`${done + 1} MiB written`);
  }
  await wal.close();
}

/** The exit code, and the most memory it held, in MiB. */
async function peakOf(words: readonly string[], cwd: string): Promise<{ exit: number; peak: number }> {
  const child = startCommand(words, { cwd });
  child.stdin.end();
  child.stdout.resume();
  child.stderr.resume();
  let peak = 0;
  const look = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      peak = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? peak * 1024) / 1024;
    } catch {
      // It has just ended.
    }
  }, 5);
  const exit = await new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? -1)));
  clearInterval(look);
  return { exit, peak };
}

for (const words of [["verify"], ["stat"], ["dump"], ["dump", "--reverse-last", "3"], ["tail"], ["export"]]) {
  test(`${words.join(" ")}: ${largeMebibytes} MiB take no more memory than 1 MiB`, async (t) => {
    if (process.platform !== "linux") return t.skip("the kernel of Linux tells it");
    const dir = scratchDir(t);
    await logOf(join(dir, "small.wal"), 1);
    await logOf(join(dir, "large.wal"), largeMebibytes);
    assert.equal(statSync(join(dir, "large.wal")).size, largeMebibytes * mebibyte);
    const small = await peakOf([...words, "small.wal"], dir);
    const large = await peakOf([...words, "large.wal"], dir);
    assert.deepEqual([small.exit, large.exit], [0, 0]);
    t.diagnostic(`${Math.round(small.peak)} MiB, ${Math.round(large.peak)} MiB`);
    assert.ok(large.peak - small.peak < growthMebibytesMax, `${large.peak} MiB against ${small.peak} MiB`);
  });
}
