/**
 * A process with a log that four threads write to; what they have made durable goes to the standard output, a
 * line `<writer> <records>` each time.
 *
 *   node process.js busy <file|segmented> <folder> <first record of each writer>
 *   node process.js idle <store> <folder>           opens, syncs, says how many timers there are, and does nothing more
 *   node process.js idle-shared <store> <folder>    the same of a log that is shared, and that a worker has joined
 *   node process.js pending <store> <folder>        ends while a sync waits for the disk
 *   node process.js pending-shared <store> <folder> ends while a sync waits for another thread
 *   node process.js idle-archive segmented <folder> as idle, shared, with an archive hook
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { Wal } from "wal-db";
import { crewOf, openLog, segmentSize, type StoreKind, Writer } from "./crew.ts";

const [, , mode, kind = "file", folder = ""] = process.argv;
const wal =
  mode === "idle-archive"
    ? await Wal.openSegmented(join(folder, "log"), { segmentSize, archive: () => {} })
    : await openLog(kind as StoreKind, folder);
/** Of this thread; "Timeout" is what both setTimeout and setInterval are called. */
const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

if (mode === "busy") {
  for (const [id, writer] of crewOf(wal.share(), 4, { way: "for-ever", count: 0 }).entries()) {
    writer.worker.on("message", ({ kind: said, count }: { kind: string; count?: number }) => {
      if (said === "acknowledged") writeSync(1, `${id} ${count}\n`);
    });
  }
} else if (mode === "idle" || mode === "idle-archive") {
  if (mode === "idle-archive") wal.share();
  await wal.appendAndSync("0:0");
  console.log(`${timers()} timers`);
} else if (mode === "idle-shared") {
  const other = new Writer({ share: wal.share(), id: 0, way: "append-and-stay", count: 3 });
  await wal.appendAndSync("9:0");
  await other.gone;
  console.log(`${timers()} timers; the thread ended by itself, with ${other.acknowledged} records`);
} else if (mode === "pending") {
  void wal.appendAndSync("9:0").then(() => console.log("resolved"));
  process.on("beforeExit", () => console.log("nothing left to do"));
} else {
  const share = wal.share();
  // The other thread holds the lead for ever; it does not keep the process alive, nor is it dead.
  const leader = new Writer({ share, id: 0, way: "for-ever", count: 0, fault: "flush-never-lands" });
  await leader.says("stopped");
  leader.worker.unref();
  void wal.appendAndSync("9:0").then(() => console.log("resolved"));
  process.on("beforeExit", () => console.log("nothing left to do"));
  setTimeout(() => void leader.worker.terminate(), 700).unref();
}
