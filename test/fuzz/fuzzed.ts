/** The library as the fuzzer calls it: the one under test, or a copy that was broken on purpose. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { distDir } from "../support/broken-copy.ts";
import { libraryIn } from "../support/library.ts";
import type { Fuzzed } from "./check.ts";

export async function fuzzedIn(dist: string = distDir): Promise<Fuzzed> {
  const load = (name: string): Promise<unknown> => import(pathToFileURL(join(dist, name)).href);
  return {
    library: await libraryIn(dist),
    ...((await load("convert.js")) as Pick<Fuzzed, "convertOn">),
    ...((await load("recovery/cut-notes.js")) as Pick<Fuzzed, "CutNotes">),
  };
}
