/**
 * The disk that Node, Bun and Deno give: node:fs, one system call a method.
 *
 * fdatasync is the platform's true barrier as libuv makes it (unix/fs.c, `uv__fs_fsync` and
 * `uv__fs_fdatasync`; win/fs.c, `fs__sync_impl`): fdatasync(2) on Linux, fcntl(F_FULLFSYNC) on
 * macOS, which alone empties the drive's cache there (fsync does not), FlushFileBuffers on Windows.
 */
import * as fs from "node:fs";
import { dirname, basename, join } from "node:path";
import { errnoOf } from "../errors.ts";
import { lockFile, lockFileShared, unlockFile } from "./file-lock.ts";
import type { Disk, FileKind, FileStat, OpenMode } from "./disk.ts";

/** Windows keeps its directories in the journal of the file system, and can flush or open none (EPERM). */
const isWindows = process.platform === "win32";

const openFlags: Readonly<Record<OpenMode, number>> = {
  "r+": fs.constants.O_RDWR,
  r: fs.constants.O_RDONLY,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

function statOf(stats: fs.BigIntStats): FileStat {
  const kind: FileKind = stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other";
  return { kind, size: Number(stats.size), identity: `${stats.dev}:${stats.ino}` };
}

function settle(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

/** A file system that has no barrier for directories says EINVAL; there is no other to ask for. */
function hasNoDirectoryBarrier(error: unknown): boolean {
  return errnoOf(error) === "EINVAL";
}

export const nodeDisk: Disk = {
  resolve(path) {
    try {
      return fs.realpathSync.native(path);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      return join(fs.realpathSync.native(dirname(path)), basename(path));
    }
  },
  stat(path) {
    const stats = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? { kind: "missing", size: 0, identity: "" } : statOf(stats);
  },
  list: (directory) => fs.readdirSync(directory),

  open: (path, mode) => fs.openSync(path, openFlags[mode], 0o644),
  openDirectory: (path) =>
    isWindows ? fs.openSync(join(path, "lock"), "a+") : fs.openSync(path, fs.constants.O_RDONLY),
  close: (fd) => fs.closeSync(fd),
  statOpen: (fd) => statOf(fs.fstatSync(fd, { bigint: true })),
  read: (fd, into, from, length, position) => fs.readSync(fd, into, from, length, position),
  readAhead: (fd, into, from, length, position) =>
    new Promise((resolve, reject) => {
      fs.read(fd, into, from, length, position, (error, got) =>
        error === null ? resolve(got) : reject(error),
      );
    }),
  write: (fd, bytes, from, length, position) => fs.writeSync(fd, bytes, from, length, position),
  truncate: (fd, length) => fs.ftruncateSync(fd, length),

  flushData: (fd) => settle((done) => fs.fdatasync(fd, done)),
  flushDataBlocking: (fd) => fs.fdatasyncSync(fd),
  flushAll: (fd) => settle((done) => fs.fsync(fd, done)),
  flushAllBlocking: (fd) => fs.fsyncSync(fd),
  async flushDirectory(directory) {
    if (isWindows) return;
    const fd = fs.openSync(directory, fs.constants.O_RDONLY);
    try {
      await settle((done) => fs.fsync(fd, done));
    } catch (error) {
      if (!hasNoDirectoryBarrier(error)) throw error;
    } finally {
      fs.closeSync(fd);
    }
  },
  flushDirectoryBlocking(directory) {
    if (isWindows) return;
    const fd = fs.openSync(directory, fs.constants.O_RDONLY);
    try {
      fs.fsyncSync(fd);
    } catch (error) {
      if (!hasNoDirectoryBarrier(error)) throw error;
    } finally {
      fs.closeSync(fd);
    }
  },

  lock: lockFile,
  lockShared: lockFileShared,
  unlock: unlockFile,

  fileSystem: (path) => (process.platform === "linux" ? fs.statfsSync(path).type : null),

  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.unlinkSync(path),
  makeDirectory: (path) => fs.mkdirSync(path),
  removeDirectory: (path) => fs.rmdirSync(path),

  watch(directory, changed) {
    const watcher = fs.watch(directory, { persistent: false }, (_event, name) => changed(name));
    // The directory was removed, or the system gave up: whoever watches polls as well.
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  },
};
