/**
 * The only door to the disk for anything that changes a directory: create, replace, remove, each
 * with the flush of its directory. A name is on stable storage only after that flush; the flush of
 * the file itself does not cover it (etcd#6368, KAFKA-3968: files that vanished after an
 * acknowledgement).
 *
 *   create    open new -> flush file -> flush directory
 *   replace   write temporary -> flush it -> rename over -> flush directory
 *   remove    unlink -> flush directory
 *   spare     write a temporary file of the right size ahead of time, flush it
 *   replace   by a spare: overwrite it -> flush it -> rename over -> flush directory
 *
 * After a crash within any of them the directory shows the state before or the state after, and
 * at most a temporary file, which the next replace overwrites. A spare is such a file, kept on
 * purpose: it has its room on the disk already, so that a full one can be replaced on. What it holds
 * counts for nothing before it is renamed.
 */
import { dirname } from "node:path";
import { errnoOf } from "../errors.ts";
import type { Disk } from "./disk.ts";
import { writeFully } from "./positioned-file.ts";

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
  fillNew(disk, temporary, fill);
  try {
    renameOver(disk, temporary, path);
  } catch (error) {
    removeIfThere(disk, temporary);
    throw error;
  }
  disk.flushDirectoryBlocking(dirname(path));
}

/** Whether a file of `size` bytes waits to take the place of `path`. */
export function hasSpare(disk: Disk, path: string, size: number): boolean {
  const spare = disk.stat(temporaryName(path));
  return spare.kind === "file" && spare.size === size;
}

/**
 * Sees to it that a spare of the size of `bytes` waits to take the place of `path`. Its bytes are on
 * stable storage, and so have their room; its name need not be. False when it cannot be had.
 */
export function keepSpare(disk: Disk, path: string, bytes: Uint8Array): boolean {
  const spare = temporaryName(path);
  try {
    if (hasSpare(disk, path, bytes.length)) return true;
    removeIfThere(disk, spare);
    fillNew(disk, spare, (fd) => writeFully(disk, fd, bytes, 0));
    return true;
  } catch {
    // A reserve for bad days; today there may be no room for it.
    return false;
  }
}

/**
 * As {@link replaceDurably}, by the spare: `fill` writes over what is in it, and no more than that.
 * On failure what stood at `path` is as it was, and the spare is kept if all that failed was that
 * there is no room: one that cannot be written for another reason would be in the way for ever.
 */
export function replaceBySpareDurably(disk: Disk, path: string, fill: (fd: number) => void): void {
  const spare = temporaryName(path);
  try {
    const fd = disk.open(spare, "r+");
    try {
      fill(fd);
      disk.flushAllBlocking(fd);
    } finally {
      disk.close(fd);
    }
    renameOver(disk, spare, path);
  } catch (error) {
    if (errnoOf(error) !== "ENOSPC") removeIfThere(disk, spare);
    throw error;
  }
  disk.flushDirectoryBlocking(dirname(path));
}

/** Gives what stands at `from` the name `to`, which nothing has; the name is on stable storage. */
export function renameDurably(disk: Disk, from: string, to: string): void {
  renameOver(disk, from, to);
  disk.flushDirectoryBlocking(dirname(to));
}

/** Removes a file; its absence is on stable storage. A file that is not there is no error. */
export function removeDurably(disk: Disk, path: string): void {
  removeIfThere(disk, path);
  disk.flushDirectoryBlocking(dirname(path));
}

/** Makes a file with the bytes that `fill` writes, flushed; on failure it is removed. */
function fillNew(disk: Disk, path: string, fill: (fd: number) => void): void {
  const fd = disk.open(path, "create");
  try {
    try {
      fill(fd);
      disk.flushAllBlocking(fd);
    } finally {
      disk.close(fd);
    }
  } catch (error) {
    removeIfThere(disk, path);
    throw error;
  }
}

/** Removes a file that may be gone already. The caller flushes the directory, once for many. */
export function removeIfThere(disk: Disk, path: string): void {
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
