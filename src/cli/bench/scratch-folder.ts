/**
 * A folder for files that are measured with, gone again in any case: at the end, after an error, after Ctrl-C,
 * also where a second Ctrl-C ends the process at once. Only kill -9 and a power cut leave it; its name tells then.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

export async function inScratchFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(parent, "wal-db-bench-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    return await work(folder);
  } finally {
    process.off("exit", remove);
    remove();
  }
}
