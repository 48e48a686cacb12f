import { closeSync, openSync, readSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const readBytes = 64 * 1024;

/** A longer line is logged in pieces of this size: a file need not have lines at all. */
const lineBytesMax = 1024 * 1024;

const newline = 0x0a;

/**
 * The lines of a file as bytes, each with the newline that ends it, if one does. So the lines put
 * together are the file, whatever it holds: CRLF, empty lines, no newline at the end, no UTF-8.
 */
export function* linesOf(path: string): Generator<Uint8Array, undefined, undefined> {
  const fd = openSync(path, "r");
  try {
    let rest = new Uint8Array(0);
    for (;;) {
      const bytes = new Uint8Array(rest.length + readBytes);
      bytes.set(rest);
      const length = rest.length + readSync(fd, bytes, rest.length, readBytes, null);
      const atEnd = length === rest.length;
      let start = 0;
      for (;;) {
        const end = lineEnd(bytes, start, length, atEnd);
        if (end === null) break;
        yield bytes.subarray(start, end);
        start = end;
      }
      if (atEnd) return undefined;
      rest = bytes.slice(start, length);
    }
  } finally {
    closeSync(fd);
  }
}

/** Where the line that begins at `start` ends; null when it is not all there, or none begins. */
function lineEnd(bytes: Uint8Array, start: number, length: number, atEnd: boolean): number | null {
  const at = bytes.subarray(0, length).indexOf(newline, start);
  const end = at === -1 ? length : at + 1;
  if (end - start > lineBytesMax) return start + lineBytesMax;
  if (at !== -1 || (atEnd && end > start)) return end;
  return null;
}

/** What is to be logged: the size of the job. */
export interface Extent {
  readonly lines: number;
  readonly bytes: number;
}

export function extentOf(path: string): Extent {
  let lines = 0;
  let bytes = 0;
  for (const line of linesOf(path)) {
    lines++;
    bytes += line.length;
  }
  return { lines, bytes };
}

/** A large text file that the dev dependencies bring, or null. */
export function defaultSource(): string | null {
  const platform = `@typescript/typescript-${process.platform}-${process.arch}`;
  const candidates = [
    ["lib/lib.dom.d.ts", "typescript", platform],
    ["lib/lib.dom.d.ts", "typescript"],
    ["fs.d.ts", "@types/node"],
  ] as const;
  for (const [file, ...packages] of candidates) {
    const folder = folderOf(packages);
    if (folder !== null && isFile(join(folder, file))) return join(folder, file);
  }
  return null;
}

/** The folder of the last package, each looked up from the one before: npm may nest them. */
function folderOf(packages: readonly string[]): string | null {
  let from = import.meta.url;
  try {
    for (const name of packages) from = createRequire(from).resolve(`${name}/package.json`);
  } catch {
    return null;
  }
  return dirname(from);
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
