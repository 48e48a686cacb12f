/**
 * Promise 1 and 8 with a real SIGKILL: a log that is appended to and cut at both ends, killed at any
 * moment of either. What append returned for is there, what was cut off is not, the head is one of two.
 * WAL_DB_KILL_ROUNDS sets the number of kills (WAL_DB_LONG=1: 60), WAL_DB_KILL_SEED repeats the choices
 * of a run, as far as a kill can be repeated.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { folder, PowerRounds } from "../power/rounds.ts";
import { distDir, folderOfCopy } from "../support/broken-copy.ts";
import { scratchDir } from "../support/scratch.ts";

const long = process.env["WAL_DB_LONG"] === "1";
const rounds = Number(process.env["WAL_DB_KILL_ROUNDS"] ?? (long ? 60 : 6));
const seed = Number(process.env["WAL_DB_KILL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

for (const kind of ["file", "segments"] as const) {
  test(`killed ${rounds} times while it is appended to and cut at both ends: a log in ${kind}`, async (t) => {
    const runs = new PowerRounds(folder(scratchDir(t)), distDir, kind, seed);
    for (let round = 1; round <= rounds; round++) {
      assert.equal(await runs.run("kill"), null, `WAL_DB_KILL_SEED=${seed}, round ${round}`);
    }
    t.diagnostic(`WAL_DB_KILL_SEED=${seed}: ${JSON.stringify(runs.counts)}`);
  });
}

test("found out: append returns before its bytes are in the page cache", async (t) => {
  const late = folderOfCopy(t, {
    file: "store/positioned-file.js",
    find: /writeFully\(this\.#disk, this\.#fd, bytes, position\);/,
    put: "const late = this.late; this.late = [bytes.slice(), position]; if (late) writeFully(this.#disk, this.#fd, ...late);",
  });
  const runs = new PowerRounds(folder(scratchDir(t)), late, "file", seed);
  let found: string | null = null;
  // The writer may trip over it first, where it reads what it has just appended.
  for (let round = 0; round < 10 && found === null; round++) {
    found = await runs.run("kill", { milliseconds: 20 * (round + 1) }).catch(() => null);
  }
  assert.match(
    found ?? "nothing",
    // By the mark, or where that had not been raised since, by what the writer had told.
    /has lost acknowledged data|the log ends at \d+, though \d+ was acknowledged|record \d+ was appended at/,
  );
});
