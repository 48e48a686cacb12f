/**
 * Where the page is written: under a name of its own, then renamed, so that there is never half a page. What
 * stands there already is replaced only if it is a page; a slip of the hand must not cost a log.
 */
import { closeSync, lstatSync, openSync, readSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CliError, usageError } from "../failure.ts";
import { exitCode } from "../exit-code.ts";

const beginning = "<!doctype html>";

/**
 * Asked before the work, too.
 *
 * @throws {CliError} when the name is not that of a page (it might be that of a segment, or of a mark, which is not
 *   there and would be one then), or something else than a page has it.
 */
export function checkReplaceable(path: string): void {
  if (!/\.html?$/i.test(path)) {
    throw usageError(
      `report: the name of a page ends in .html; got ${path}.`,
      "Give such a name with -o; -o - writes to standard output.",
    );
  }
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || (stat.isFile() && (stat.size === 0 || beginningOf(path) === beginning))) return;
  throw new CliError(
    exitCode.usage,
    `report: ${path} is there already, and is no page; it is left alone.`,
    "Give another name with -o, or remove it first; -o - writes to standard output.",
  );
}

function beginningOf(path: string): string {
  const bytes = Buffer.alloc(beginning.length);
  const fd = openSync(path, "r");
  try {
    return bytes.toString("latin1", 0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

export function writePage(path: string, page: string): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    writeFileSync(temporary, page, { flag: "wx" });
    checkReplaceable(path);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
