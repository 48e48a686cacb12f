/** The inputs that have found something, or lead somewhere that others do not: one file each. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectDir } from "../support/project.ts";
import { caseOf, type FuzzCase, textOf } from "./case.ts";

const corpusDir = join(projectDir, "test/fuzz/corpus");

export function corpus(): [name: string, given: FuzzCase][] {
  const names = readdirSync(corpusDir).filter((name) => name.endsWith(".json"));
  return names.toSorted().map((name) => [name, caseOf(readFileSync(join(corpusDir, name), "utf8"))]);
}

/** Writes a case as a file of the corpus; returns its path. */
export function keep(given: FuzzCase): string {
  const text = `${textOf(given)}\n`;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  mkdirSync(corpusDir, { recursive: true });
  const path = join(corpusDir, `${given.target}-${hash}.json`);
  writeFileSync(path, text);
  return path;
}
