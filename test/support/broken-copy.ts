import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type Library, libraryIn } from "./library.ts";
import { scratchDir } from "./scratch.ts";

const dist = fileURLToPath(new URL("../../../dist/", import.meta.url));

/** One place of the built library, and what is to stand there in its stead. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** What stands there now. Exactly once; change it here when the code changes. */
  readonly from: RegExp;
  readonly to: string;
}

/** The built library in a folder of the test's own: as it is, or broken on purpose in one place. */
export async function copyOfLibrary(t: TestContext, mutation?: Mutation): Promise<Library> {
  return libraryIn(folderOfCopy(t, mutation));
}

/** The same, as a folder. */
export function folderOfCopy(t: TestContext, mutation?: Mutation): string {
  const copy = scratchDir(t);
  cpSync(dist, copy, { recursive: true });
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
