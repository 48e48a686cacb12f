import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Library, libraryIn } from "./library.ts";
import { type Patch, patched } from "./patch.ts";
import { projectDir } from "./project.ts";
import { scratchDir } from "./scratch.ts";

/** The built library. */
export const distDir: string = join(projectDir, "dist");

/** The built library in a folder of the test's own: as it is, or broken on purpose in one place. */
export function copyOfLibrary(t: TestContext, patch?: Patch): Promise<Library> {
  return libraryIn(folderOfCopy(t, patch));
}

/** The folder that it is in: for another process to load it from. */
export function folderOfCopy(t: TestContext, patch?: Patch): string {
  const copy = scratchDir(t);
  cpSync(distDir, copy, { recursive: true });
  // Where it finds koffi, and with it the lock.
  symlinkSync(join(projectDir, "node_modules"), join(copy, "node_modules"));
  writeFileSync(join(copy, "package.json"), '{ "type": "module" }');
  if (patch !== undefined) {
    const file = join(copy, patch.file);
    writeFileSync(file, patched(readFileSync(file, "utf8"), patch));
  }
  return copy;
}
