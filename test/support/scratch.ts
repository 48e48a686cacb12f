import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A folder for one test, removed when the test ends. */
export function scratchDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "wal-db-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
