/**
 * Where the page is written: under a name of its own, then renamed, so that there is never half a page. What
 * stands there already is replaced only if it is a page; a slip of the hand must not cost a log.
 */
import { closeSync, lstatSync, openSync, readSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CliError } from "../failure.ts";
import { exitCode } from "../exit-code.ts";

const beginning = "<!doctype html>";

/** @throws {CliError} when something else than a page has that name. Asked before the work, too. */
export function checkReplaceable(path: string): void {
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
