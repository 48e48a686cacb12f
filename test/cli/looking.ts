import assert from "node:assert/strict";
import { type Scope, scratchDir } from "../support/scratch.js";
import { runCommand } from "./command-process.js";
import { holdGolden, transcript } from "./golden.js";
import { allStates, states } from "./states.js";
import { treeImage } from "./tree-image.js";

/** Runs a command on each of these logs; its output is that of the golden file, and nothing has changed. */
export async function holdLooking(
  t: Scope,
  name: string,
  words: readonly string[],
  logs: readonly string[] = allStates,
): Promise<void> {
  const dir = scratchDir(t);
  for (const log of logs) states[log]?.(dir);
  const before = treeImage(dir);
  let text = "";
  for (const log of logs) {
    text += transcript([...words, log], await runCommand([...words, log], { cwd: dir }), dir);
  }
  holdGolden(name, text);
  assert.deepEqual(treeImage(dir), before, `${name} has changed something`);
}
