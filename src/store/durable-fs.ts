/**
 * The only door to the disk for anything that changes a directory: create, replace, remove, each
 * with the flush of its directory. A name is on stable storage only after that flush; the flush of
 * the file itself does not cover it (etcd#6368, KAFKA-3968: files that vanished after an
 * acknowledgement).
 *
 *   create    open new -> flush file -> flush directory
 *   replace   write temporary -> flush it -> rename over -> flush directory
 *   remove    unlink -> flush directory
 *
 * After a crash within any of them the directory shows the state before or the state after, and
 * at most a temporary file, which the next replace overwrites.
 */
import { dirname } from "node:path";
import { errnoOf } from "../errors.ts";
import type { Disk } from "./disk.ts";

/** The name of the file in which a replacement is prepared. */
export function temporaryName(path: string): string {
  return `${path}.tmp`;
}

/** Makes an empty file and returns its descriptor; file and name are on stable storage. */
export function createDurably(disk: Disk, path: string): number {
  const fd = disk.open(path, "create");
  try {
    disk.flushAllBlocking(fd);
    disk.flushDirectoryBlocking(dirname(path));
    return fd;
  } catch (error) {
    disk.close(fd);
    throw error;
  }
}

/** Makes a directory if there is none; its name is on stable storage either way. */
export function ensureDirectoryDurably(disk: Disk, path: string): void {
  if (disk.stat(path).kind === "missing") {
    try {
      disk.makeDirectory(path);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  }
  disk.flushDirectoryBlocking(dirname(path));
}

/**
 * Puts a file with the bytes that `fill` writes in the place of `path`, whole or not at all.
 * On failure the temporary file is removed and what stood at `path` is as it was.
 */
export function replaceDurably(disk: Disk, path: string, fill: (fd: number) => void): void {
  const temporary = temporaryName(path);
  removeIfThere(disk, temporary);
  const fd = disk.open(temporary, "create");
  try {
    try {
      fill(fd);
      disk.flushAllBlocking(fd);
    } finally {
      disk.close(fd);
    }
    renameOver(disk, temporary, path);
  } catch (error) {
    removeIfThere(disk, temporary);
    throw error;
  }
  disk.flushDirectoryBlocking(dirname(path));
}

/** Removes a file; its absence is on stable storage. A file that is not there is no error. */
export function removeDurably(disk: Disk, path: string): void {
  removeIfThere(disk, path);
  disk.flushDirectoryBlocking(dirname(path));
}

function removeIfThere(disk: Disk, path: string): void {
  try {
    disk.remove(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** Virus scanners and indexers on Windows hold a file for moments; everywhere else once is enough. */
const renameAttemptsMax = process.platform === "win32" ? 10 : 1;
const renamePauseMilliseconds = 20;

function renameOver(disk: Disk, from: string, to: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      disk.rename(from, to);
      return;
    } catch (error) {
      const errno = errnoOf(error);
      const passing = errno === "EPERM" || errno === "EBUSY" || errno === "EACCES";
      if (!passing || attempt >= renameAttemptsMax) throw error;
      pause(renamePauseMilliseconds * attempt);
    }
  }
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
