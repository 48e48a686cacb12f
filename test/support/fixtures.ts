import { copyFileSync, cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The golden images of an independent writer stand beside the repository. */
export const fixturesDir: string = fileURLToPath(new URL("../../../../shared/fixtures/", import.meta.url));

export interface ExpectedRecord {
  readonly lsn: number;
  readonly length: number;
  readonly crc32c: number;
}

export interface ExpectedImage {
  readonly note: string;
  readonly end: number;
  readonly records: readonly ExpectedRecord[];
  readonly intact_after?: number | null;
  readonly segmentSize?: number;
  readonly head?: number;
}

export const expectedImages: Readonly<Record<string, ExpectedImage>> = JSON.parse(
  readFileSync(join(fixturesDir, "expected.json"), "utf8"),
);

/** The images that are one file each, by name. */
export const fileImages: readonly string[] = Object.keys(expectedImages).filter((name) =>
  name.endsWith(".wal"),
);

/** Copies an image into `dir`, since opening may repair, and returns the path of the copy. */
export function copyFixture(name: string, dir: string): string {
  const path = join(dir, name);
  if (name.endsWith(".wal")) copyFileSync(join(fixturesDir, name), path);
  else cpSync(join(fixturesDir, name), path, { recursive: true });
  return path;
}
