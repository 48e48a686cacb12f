/**
 * The process that gets killed: logs the lines of a file, going on where the log ends, and tells
 * its parent what is acknowledged.
 *
 *   node writer.js <file> <log>
 */
import { performance } from "node:perf_hooks";
import { Wal } from "wal-db";
import { inFlight } from "./job.ts";
import type { WriterReport } from "./report.ts";
import { linesOf } from "./source.ts";

const [, , file = "", log = ""] = process.argv;

const wal = await Wal.open(log);
const lines = linesOf(file);

let logged = 0;
for (const _ of wal) {
  logged++;
  lines.next();
}

const begun = performance.now();
let acknowledged = logged;
let told = false;

function tell(): void {
  told = false;
  const { commits, flushes } = wal.stats();
  const report: WriterReport = { acknowledged, commits, flushes, milliseconds: performance.now() - begun };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

/** One of many that share the lines, and so their flushes. */
async function writeLines(): Promise<void> {
  for (const line of lines) {
    const number = ++logged;
    await wal.appendAndSync(line);
    acknowledged = Math.max(acknowledged, number);
    if (told) continue;
    told = true;
    setImmediate(tell);
  }
}

await Promise.all(Array.from({ length: inFlight }, writeLines));
await wal.close();
