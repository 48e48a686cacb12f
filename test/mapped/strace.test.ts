/** The system calls of a mapped log: none for an append that is not large, the true barrier for a sync. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { scratchDir } from "../support/scratch.ts";
import { straceMissing } from "../support/strace.ts";

/** The calls of the main thread, by what the session said that it was about to do. */
function traced(t: TestContext): ReadonlyMap<string, string[]> {
  const folder = scratchDir(t);
  const trace = join(folder, "trace");
  const session = fileURLToPath(new URL("./session.js", import.meta.url));
  const run = spawnSync(
    "strace",
    ["-f", "-qq", "-y", "-o", trace, process.execPath, session, join(folder, "log")],
    {
      encoding: "utf8",
    },
  );
  assert.equal(run.status, 0, run.stderr);
  const phases = new Map<string, string[]>();
  const lines = readFileSync(trace, "utf8").split("\n");
  const main = lines[0]?.split(" ")[0];
  let calls: string[] = [];
  let unfinished = "";
  for (const line of lines) {
    if (line.split(" ")[0] !== main) continue;
    const call = unfinished + line.replace(/^\d+ +(?:<\.\.\. \w+ resumed>)?/, "");
    unfinished = call.endsWith(" <unfinished ...>") ? call.replace(/ <unfinished.*/, "") : "";
    if (unfinished !== "") continue;
    const said = /^write\(1<.*, "([^"\\]*)\\n"/.exec(call)?.[1];
    if (said === undefined) calls.push(call);
    else phases.set(said, (calls = []));
  }
  return phases;
}

/** What the runtime does for itself: its heap, its own threads, and a turn of its event loop asked for (eventfd). */
const runtimes =
  /^(?:m(?:map|unmap|advise|protect)\(.*(?:ANONYMOUS|= 0$|MADV_DONTNEED)|write\(\d+<anon_inode:\[eventfd\]>|futex|brk|getpid|getrusage|clock_|sched_)/;

const named = (calls: readonly string[] | undefined): string[] =>
  (calls ?? []).filter((call) => !runtimes.test(call)).map((call) => call.split("(")[0] ?? "");

test(
  "an append makes no system call, but for a large one, a sync makes fdatasync on the segment, close cuts and flushes",
  { skip: straceMissing() ?? false },
  (t) => {
    const phases = traced(t);
    assert.deepEqual(named(phases.get("steady")), [], (phases.get("steady") ?? []).join("\n"));
    const flush = phases.get("flush") ?? [];
    assert.ok(
      flush.some((call) => /^fdatasync\(\d+<.*00000\.wal>\) += 0/.test(call)),
      flush.join("\n"),
    );
    assert.deepEqual(named(phases.get("just below a large one")), []);
    assert.deepEqual(named(phases.get("a large one")), ["pwrite64"]);
    const border = phases.get("on, over a border") ?? [];
    const made = border.findIndex((call) => /^openat\(.*O_CREAT/.test(call));
    const room = border.findIndex((call) => /^fallocate\(\d+<.*00001\.wal>, 0, 0, 1048576\) += 0/.test(call));
    const mapped = border.findIndex((call) => /^mmap\(.*MAP_SHARED, \d+<.*00001\.wal>/.test(call));
    assert.ok(0 <= made && made < room && room < mapped, border.join("\n"));
    assert.ok(!named(border).some((call) => /^(?:pwrite|write)/.test(call)), border.join("\n"));
    const closing = phases.get("closing") ?? [];
    const cut = closing.findIndex((call) => /^ftruncate\(\d+<.*00001\.wal>, \d+\) += 0/.test(call));
    const unmapped = closing.findIndex((call) => /^munmap\(.*, 1048576\)/.test(call));
    assert.ok(0 <= unmapped && unmapped < cut, closing.join("\n"));
    assert.ok(
      closing.slice(cut).some((call) => /^fsync\(\d+<.*00001\.wal>/.test(call)),
      closing.join("\n"),
    );
  },
);
