import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scratchDir } from "../support/scratch.ts";

const examples = fileURLToPath(new URL("../../examples/", import.meta.url));

for (const name of ["event-sourcing.js", "kv.js", "raft-log.js"]) {
  test(`examples/${name} runs, in a folder given and in one of its own, and its checks hold`, (t) => {
    const dir = scratchDir(t);
    const first = spawnSync(process.execPath, [join(examples, name), join(dir, "a")], { encoding: "utf8" });
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout, /\w/);
    const fresh = spawnSync(process.execPath, [join(examples, name)], { encoding: "utf8" });
    assert.equal(fresh.stdout, first.stdout);
  });
}
