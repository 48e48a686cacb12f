import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What ends some time, and then cleans up: a test of node:test, a check of the conformance suite. */
export interface Scope {
  after(cleanUp: () => void): void;
}

const memoryDir = "/dev/shm";

/** A folder for one test, removed when the test ends. */
export function scratchDir(t: Scope, parent: string = tmpdir()): string {
  const dir = mkdtempSync(join(parent, "wal-db-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The same in memory where there is such a place: for very many files, which a disk would be slow at. */
export function fastScratchDir(t: Scope): string {
  return scratchDir(t, existsSync(memoryDir) ? memoryDir : tmpdir());
}
