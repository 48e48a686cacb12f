import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Library, libraryIn } from "./library.ts";
import { type Patch, patched } from "./patch.ts";
import { projectDir } from "./project.ts";
import { scratchDir } from "./scratch.ts";

/** The built library in a folder of the test's own: as it is, or broken on purpose in one place. */
export async function copyOfLibrary(t: TestContext, patch?: Patch): Promise<Library> {
  const copy = scratchDir(t);
  cpSync(join(projectDir, "dist"), copy, { recursive: true });
  writeFileSync(join(copy, "package.json"), '{ "type": "module" }');
  if (patch !== undefined) {
    const file = join(copy, patch.file);
    writeFileSync(file, patched(readFileSync(file, "utf8"), patch));
  }
  return libraryIn(copy);
}
