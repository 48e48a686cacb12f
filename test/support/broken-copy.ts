import assert from "node:assert/strict";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Library, libraryIn } from "./library.ts";
import { projectDir } from "./project.ts";
import { scratchDir } from "./scratch.ts";

/** The built library. */
export const distDir: string = join(projectDir, "dist");

/** One place of the built library, and what is to stand there in its stead. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** What stands there now. Exactly once; change it here when the code changes. */
  readonly from: RegExp;
  readonly to: string;
}

/** The built library in a folder of the test's own: as it is, or broken on purpose in one place. */
export function copyOfLibrary(t: TestContext, mutation?: Mutation): Promise<Library> {
  return libraryIn(folderOfCopy(t, mutation));
}

/** The folder that it is in: for another process to load it from. */
export function folderOfCopy(t: TestContext, mutation?: Mutation): string {
  const copy = scratchDir(t);
  cpSync(distDir, copy, { recursive: true });
  // Where it finds koffi, and with it the lock.
  symlinkSync(join(projectDir, "node_modules"), join(copy, "node_modules"));
  writeFileSync(join(copy, "package.json"), '{ "type": "module" }');
  if (mutation !== undefined) breakIn(join(copy, mutation.file), mutation);
  return copy;
}

function breakIn(file: string, mutation: Mutation): void {
  const source = readFileSync(file, "utf8");
  assert.match(source, mutation.from, `${mutation.file} has nothing like ${mutation.from} any more`);
  writeFileSync(
    file,
    source.replace(mutation.from, () => mutation.to),
  );
}
