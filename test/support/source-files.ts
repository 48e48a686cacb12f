import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { projectDir } from "./project.js";

/** The text of files by their path, which has slashes and begins at the package. */
export type Texts = ReadonlyMap<string, string>;

/** The files under `folder` whose names end in one of `endings`, in order. */
export function textsUnder(folder: string, ...endings: readonly string[]): Texts {
  const found = readdirSync(join(projectDir, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name).slice(projectDir.length).split(sep).join("/"))
    .toSorted();
  return textsOf(...found);
}

export function textsOf(...files: readonly string[]): Texts {
  return new Map(files.map((file) => [file, readFileSync(join(projectDir, file), "utf8")]));
}
