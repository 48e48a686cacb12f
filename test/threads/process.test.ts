/** A process with many threads on one log: killed at any moment, idle, or with a sync pending. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Random } from "#internal/testing/random.js";
import { scratchDir } from "../support/scratch.ts";
import { isLinux, openLog, recordsByWriter, type StoreKind } from "./crew.ts";

const program = fileURLToPath(new URL("./process.js", import.meta.url));
const long = process.env["WAL_DB_LONG"] === "1";
const seed = Number(process.env["WAL_DB_THREADS_SEED"] ?? Math.floor(Math.random() * 0x1_0000_0000));
const rounds = long ? 50 : 8;
const runMillisecondsMax = 20_000;

/** Runs four busy threads and kills their process; returns what each had acknowledged. */
async function killed(kind: string, folder: string, milliseconds: number): Promise<Map<number, number>> {
  const child = spawn(process.execPath, [program, "busy", kind, folder], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  let complaint = "";
  let timer: NodeJS.Timeout | undefined;
  child.stderr.setEncoding("utf8").on("data", (more: string) => (complaint += more));
  child.stdout.setEncoding("utf8").on("data", (more: string) => {
    text += more;
    timer ??= setTimeout(() => child.kill("SIGKILL"), milliseconds);
  });
  const signal = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (_code, how) => resolve(how));
  });
  assert.equal(signal, "SIGKILL", `it ended by itself:\n${complaint}`);
  const acknowledged = new Map<number, number>();
  // What follows the last line feed is part of a line.
  for (const line of text.split("\n").slice(0, -1)) {
    const [writer = -1, count = 0] = line.split(" ").map(Number);
    acknowledged.set(writer, Math.max(count, acknowledged.get(writer) ?? 0));
  }
  return acknowledged;
}

test(`killed with four busy threads, ${rounds} times: all that was acknowledged is there`, async (t) => {
  t.diagnostic(`WAL_DB_THREADS_SEED=${seed}`);
  const random = new Random(seed);
  let records = 0;
  for (let round = 0; round < rounds; round++) {
    const kind = (["segmented", "file", "mapped"] as const)[round % 3] ?? "file";
    const folder = scratchDir(t);
    const acknowledged = await killed(kind, folder, 20 + random.next(200));
    const wal = await openLog(kind, folder);
    const found = recordsByWriter(wal, new Map([0, 1, 2, 3].map((id) => [id, 0])));
    for (const [id, count] of acknowledged) {
      assert.ok((found.get(id) ?? 0) >= count, `round ${round}, writer ${id}: ${found.get(id)} of ${count}`);
      records += count;
    }
    await wal.close();
  }
  t.diagnostic(`${records} acknowledged records`);
  assert.ok(records > rounds * 20);
});

test("the check of what was acknowledged finds a record that is gone", async (t) => {
  const wal = await openLog("memory", scratchDir(t));
  wal.appendBatch(["1:0:", "2:0:", "1:2:"]);
  assert.throws(() => recordsByWriter(wal, new Map([[1, 0]])), /of writer 1, the one at 24/);
  await wal.close();
});

function ran(mode: string, kind: string, folder: string): string {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program, mode, kind, folder], {
    timeout: runMillisecondsMax,
    encoding: "utf8",
  });
  assert.deepEqual([status, signal, stderr], [0, null, ""]);
  return stdout;
}

for (const kind of ["file", "segmented", "mapped", "memory"] satisfies StoreKind[]) {
  test(`${kind}: an idle log has no timer, and does not keep its process alive; shared, nor its threads`, (t) => {
    assert.equal(ran("idle", kind, scratchDir(t)), "0 timers\n");
    const shared = ran("idle-shared", kind, scratchDir(t));
    assert.equal(shared, "0 timers; the thread ended by itself, with 3 records\n");
  });

  test(`${kind}: a pending sync keeps the process alive until it resolves`, (t) => {
    assert.equal(ran("pending", kind, scratchDir(t)), "resolved\nnothing left to do\n");
  });
}

test("segmented, with an archive hook: an idle log that was shared has no timer, and does not keep its process alive", (t) => {
  assert.equal(ran("idle-archive", "segmented", scratchDir(t)), "0 timers\n");
});
test(
  "a sync that waits for another thread keeps the process alive until it resolves",
  { skip: isLinux ? false : "only Linux tells at once whether a thread lives" },
  (t) => {
    // Everything but the sync is unreferenced: without it the process would have ended before the thread did.
    assert.equal(ran("pending-shared", "file", scratchDir(t)), "resolved\nnothing left to do\n");
  },
);
