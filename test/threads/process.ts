/**
 * A process with a log that four threads write to; what they have made durable goes to the standard output, a
 * line `<writer> <records>` each time.
 *
 *   node process.js busy <file|segmented|mapped> <folder> <first record of each writer>
 *   node process.js idle <file|segmented> <folder>      opens, shares, syncs, and does nothing more
 *   node process.js pending <file> <folder>             ends while a sync waits for another thread
 */
import { writeSync } from "node:fs";
import { crewOf, openLog, type StoreKind, Writer } from "./crew.ts";

const [, , mode, kind = "file", folder = ""] = process.argv;
const wal = await openLog(kind as StoreKind, folder);
const share = wal.share();

if (mode === "busy") {
  for (const [id, writer] of crewOf(share, 4, { way: "for-ever", count: 0 }).entries()) {
    writer.worker.on("message", ({ kind: said, count }: { kind: string; count?: number }) => {
      if (said === "acknowledged") writeSync(1, `${id} ${count}\n`);
    });
  }
} else if (mode === "idle") {
  await wal.appendAndSync("0:0");
} else {
  // The other thread holds the lead for ever; it does not keep the process alive, nor is it dead.
  const leader = new Writer({ share, id: 0, way: "for-ever", count: 0, fault: "flush-never-lands" });
  await leader.says("stopped");
  leader.worker.unref();
  void wal.appendAndSync("9:0").then(() => console.log("resolved"));
  process.on("beforeExit", () => console.log("nothing left to do"));
  setTimeout(() => void leader.worker.terminate(), 700).unref();
}
