/** The conformance suite as an author of a store runs it under Vitest. Run by vitest.mjs. */
import { expect, test } from "vitest";
import { FileStore, MemStore, Wal } from "wal-db";
import { FaultStore, SimulatedDisk, storeConformance } from "wal-db/testing";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

storeConformance(() => new MemStore(), { test, name: "MemStore" });

storeConformance(
  (scope) => {
    const dir = mkdtempSync(join(tmpdir(), "wal-db-vitest-"));
    scope.after(() => rmSync(dir, { recursive: true }));
    return FileStore.open(join(dir, "log.wal"));
  },
  { test, name: "FileStore", reopen: (closed) => FileStore.open(closed.path) },
);

class DeafStore extends MemStore {
  truncate() {}
}

if (process.env["WAL_DB_WRONG_STORE"]) storeConformance(() => new DeafStore(), { test, name: "DeafStore" });

test("a FaultStore and a SimulatedDisk work here", async () => {
  const wal = await Wal.withStore(new FaultStore(new MemStore()));
  await wal.appendAndSync("one");
  const disk = new SimulatedDisk({ seed: 1 });
  const onDisk = await Wal.withStore(disk.fileStore("/app.wal"));
  await onDisk.appendAndSync("one");
  disk.crash();
  const again = await Wal.withStore(disk.fileStore("/app.wal"));
  expect(Array.from(again, (record) => record.text())).toEqual(["one"]);
});
