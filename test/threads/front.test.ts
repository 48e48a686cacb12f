/** What belongs to the thread that opened a segmented log, while another makes segments. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Wal } from "wal-db";
import { fileStoresOn } from "#internal/files.js";
import { attachSegmentedStore, openSegmentedStore } from "#internal/store/segmented-store.js";
import { provideFileStores } from "#internal/open-store.js";
import { type OpenMode, SimulatedDisk } from "wal-db/testing";
import { systemError } from "../support/wal-fault.ts";

const segmentSize = 64;
const sixty = "x".repeat(60);

/** Another thread's step, put before one of this thread's calls: once. */
class Interruption {
  step: (() => void) | null = null;

  run(): void {
    const { step } = this;
    this.step = null;
    step?.();
  }
}

// Each thread kept the spare of the head marker, beside the first segment that it made. The owner had
// none left and made its marker in a new file of that name; a worker found it empty, took it away and put
// its own there; and the owner renamed that one. The marker then held an offset that there cannot be, the
// segments before it were gone, and the log could not be opened any more.
test("a worker that makes a segment while the owner moves the head leaves the new head marker alone", () => {
  const marker = new Interruption();
  class InterruptedDisk extends SimulatedDisk {
    override open(path: string, mode: OpenMode): number {
      const fd = super.open(path, mode);
      if (path.endsWith("head.tmp") && mode === "create") marker.run();
      return fd;
    }
  }
  const sim = new InterruptedDisk();
  provideFileStores(fileStoresOn(sim));
  const owner = Wal.openSegmentedBlocking("/log", { segmentSize });
  owner.append(sixty);
  const worker = Wal.attach(owner.share());
  for (let n = 0; n < 4; n++) owner.append(sixty);
  const head = owner.append("stays");
  sim.remove("/log/head.tmp");
  let interrupted = false;
  marker.step = () => {
    worker.append(sixty);
    worker.append(sixty);
    interrupted = true;
  };
  owner.truncateBeforeBlocking(head);
  assert.ok(interrupted);
  worker.closeBlocking();
  owner.closeBlocking();
  const again = Wal.openSegmentedBlocking("/log", { segmentSize });
  assert.equal(again.head, head);
  assert.deepEqual(
    Array.from(again, (record) => record.text()),
    ["stays", sixty, sixty],
  );
  again.closeBlocking();
});

test("a log that was shared before its first record has a spare, whoever makes the first segment", () => {
  const sim = new SimulatedDisk();
  provideFileStores(fileStoresOn(sim));
  const owner = Wal.openSegmentedBlocking("/log", { segmentSize });
  const worker = Wal.attach(owner.share());
  const first = worker.append(sixty);
  const next = worker.append(sixty);
  assert.equal(sim.files()["/log/head.tmp"]?.length, 8);
  worker.syncBlocking();
  sim.capacity = Object.values(sim.files()).reduce((bytes, file) => bytes + file.length, 0);
  assert.throws(() => worker.append(sixty), { errno: "ENOSPC" });
  assert.equal(owner.truncateBeforeBlocking(next), next);
  assert.ok(next > first);
  worker.closeBlocking();
  owner.closeBlocking();
});

// A thread made a segment, and could not open the second descriptor that it needs (EMFILE): it removed
// the file, as is right for one that nobody else can have seen. Another thread had found it meanwhile,
// and written into it: its record was acknowledged, and gone with the file.
test("a segment that could not be made ready is not removed: another thread may have written into it", () => {
  const second = new Interruption();
  let made = false;
  class InterruptedDisk extends SimulatedDisk {
    override open(path: string, mode: OpenMode): number {
      if (made && second.step !== null) {
        second.run();
        throw systemError("EMFILE");
      }
      made ||= mode === "create" && path.endsWith("1.wal");
      return super.open(path, mode);
    }
  }
  const disk = new InterruptedDisk();
  const owner = openSegmentedStore("/log", segmentSize, { disk });
  const share = owner.side.share?.(owner);
  const log = { cuts: () => 0, failed: () => {} };
  const [first, other] = [share, share].map((each) => attachSegmentedStore(each as never, disk));
  for (const store of [owner, first, other]) store?.side.join?.(log);
  second.step = () => other?.writeAt(segmentSize, Uint8Array.of(1, 2, 3));
  assert.throws(() => first?.writeAt(segmentSize + 3, Uint8Array.of(4)), { code: "EMFILE" });
  const found = new Uint8Array(3);
  assert.equal(owner.readAt(segmentSize, found), 3);
  assert.deepEqual([...found], [1, 2, 3]);
  // Tried again, it uses the file that is there.
  first?.writeAt(segmentSize + 3, Uint8Array.of(4));
  assert.equal(owner.length, segmentSize + 4);
  for (const store of [owner, first, other]) store?.close();
});
