/**
 * A real file system of a test's own: an image on a loop device, mounted for as long as the test
 * runs. Its power can be cut: FS_IOC_SHUTDOWN ends it where it stands, what was not flushed is
 * dropped, and the next mount replays the journal as after a crash of the machine. Where the file
 * system knows no such request, the image is copied while the process is stopped, and the copy is
 * mounted in its place: that is what the block device had got.
 *
 *        <tmp>/wal-db-disk-<pid>-XXXXXX/disk.img     the image
 *        <tmp>/wal-db-disk-<pid>-XXXXXX/mounted/     where it is mounted
 *
 * What is told so is what the block device got: the loop device keeps all of it. A drive that loses
 * its own cache is not shown by this; that the file system sends a barrier down is its word.
 */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { koffi } from "#internal/store/native.js";

/** What is mounted, and how. */
export interface FileSystem {
  readonly name: string;
  readonly mebibytes: number;
  readonly make: readonly [command: string, ...args: string[]];
  readonly mountOptions: string;
  /** How its power is cut. Default: shutdown. */
  readonly power?: "shutdown" | "copy";
  /**
   * After a power cut a file may show what its blocks held before: an intact record, once cut off, in
   * the place of one that was not flushed. No checksum tells the two apart.
   */
  readonly showsOldBlocks?: boolean;
}

const ext4 = ["mkfs.ext4", "-q", "-m", "0"] as const;

export const fileSystems = {
  ext4: { name: "ext4", mebibytes: 64, make: ext4, mountOptions: "loop" },
  ext4Writeback: {
    name: "ext4, data=writeback",
    mebibytes: 64,
    make: ext4,
    mountOptions: "loop,data=writeback",
    showsOldBlocks: true,
  },
  // Its mkfs makes none smaller.
  xfs: { name: "xfs", mebibytes: 300, make: ["mkfs.xfs", "-q"], mountOptions: "loop" },
  btrfs: {
    name: "btrfs",
    mebibytes: 128,
    make: ["mkfs.btrfs", "-q"],
    mountOptions: "loop",
    power: "copy",
  },
} as const satisfies Record<string, FileSystem>;

/** What a power cut takes: all that is not flushed; or all of that but the names and sizes in the journal. */
export type PowerCut = "drop" | "keep-journal";

const prefix = "wal-db-disk-";
const shutdownRequest = 0x8004587d;
const shutdownFlags: Readonly<Record<PowerCut, number>> = { "keep-journal": 1, drop: 2 };
const writeRangeFlag = 2;

function run(command: string, ...args: string[]): string | null {
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined) return `${command} is not installed`;
  return status === 0 ? null : `${command} is not permitted here (${stderr.trim().split("\n")[0]})`;
}

/** Null when `dir` is mounted no more. */
function unmount(dir: string): string | null {
  // What has a file open there keeps it; then the mount is taken from the tree now (-l), and goes when
  // the last file is closed. The loop device goes with the mount, since mount made it.
  return run("umount", dir) && run("umount", "-l", dir);
}

export class LoopDisk {
  readonly dir: string;
  readonly #image: string;
  readonly #system: FileSystem;
  #mounted = false;

  constructor(base: string, system: FileSystem) {
    this.dir = join(base, "mounted");
    this.#image = join(base, "disk.img");
    this.#system = system;
  }

  get showsOldBlocks(): boolean {
    return this.#system.showsOldBlocks ?? false;
  }

  /** A reason in words where it cannot be mounted. */
  mount(): string | null {
    const failure = run("mount", "-o", this.#system.mountOptions, this.#image, this.dir);
    this.#mounted = failure === null;
    return failure;
  }

  unmount(): void {
    if (!this.#mounted) return;
    const failure = unmount(this.dir);
    if (failure !== null) throw new Error(`${this.dir} is still mounted: ${failure}`);
    this.#mounted = false;
  }

  /** Ends the file system where it stands, under the process `pid`, which is stopped then. Null: done. */
  cutPower(how: PowerCut, pid: number | null): string | null {
    if (this.#system.power !== "copy") return this.#shutDown(how);
    if (pid !== null) stop(pid);
    return run("cp", "--sparse=always", this.#image, `${this.#image}.cut`);
  }

  /** Every call on it fails from now on. */
  #shutDown(how: PowerCut): string | null {
    const native = koffi();
    const ioctl = native.load(null).func("int ioctl(int fd, unsigned long request, const uint32_t *flags)");
    const fd = openSync(this.dir, constants.O_RDONLY);
    try {
      if (ioctl(fd, shutdownRequest, new Uint32Array([shutdownFlags[how]])) === 0) return null;
      return `this file system cannot be shut down (errno ${native.errno()})`;
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Unmounts what is left after a power cut, and mounts it again: the journal is replayed. Nobody may
   * have a file open there: the file system that was shut down would still be the one that is mounted.
   */
  restart(): void {
    const left = run("umount", this.dir);
    if (left !== null) throw new Error(`after the power cut: ${left}`);
    this.#mounted = false;
    if (this.#system.power === "copy") renameSync(`${this.#image}.cut`, this.#image);
    const failure = this.mount();
    if (failure !== null) throw new Error(`after the power cut: ${failure}`);
  }
}

/** Stops a process: on return none of its threads is within a call any more. */
function stop(pid: number): void {
  process.kill(pid, "SIGSTOP");
  const tasks = `/proc/${pid}/task`;
  const isStopped = (task: string): boolean =>
    /^\d+ \(.*\) T/s.test(readFileSync(join(tasks, task, "stat"), "latin1"));
  while (!readdirSync(tasks).every(isStopped)) continue;
}

/** Has the system begin to write back some pages of a file, as it does on its own at any time. */
export function writeBack(path: string, offset: number, length: number): void {
  const call = koffi()
    .load(null)
    .func("int sync_file_range(int fd, int64_t offset, int64_t length, unsigned int flags)");
  const fd = openSync(path, constants.O_RDONLY);
  try {
    call(fd, offset, length, writeRangeFlag);
  } finally {
    closeSync(fd);
  }
}

/** Unmounts and removes what a test run left that was killed: its pid stands in the name. */
export function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(/^wal-db-disk-(\d+)-/.exec(name)?.[1] ?? 0);
    if (pid === 0 || isAlive(pid)) continue;
    const base = join(tmpdir(), name);
    unmount(join(base, "mounted"));
    // Never through a mount that is still there.
    if (run("mountpoint", "-q", join(base, "mounted")) === null) continue;
    rmSync(base, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH";
  }
}

/** Makes and mounts one; a reason in words where that cannot be done. Gone when the test ends, however it does. */
export function loopDisk(t: TestContext, system: FileSystem): LoopDisk | string {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "needs Linux and root";
  removeLeftovers();
  const base = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  const disk = new LoopDisk(base, system);
  // One hook, in this order: nothing may be removed through a mount that is still there.
  t.after(() => {
    disk.unmount();
    rmSync(base, { recursive: true, force: true });
  });
  mkdirSync(disk.dir);
  const image = join(base, "disk.img");
  const fd = openSync(image, "w");
  ftruncateSync(fd, system.mebibytes * 1024 * 1024);
  closeSync(fd);
  const [command, ...args] = system.make;
  return run(command, ...args, image) ?? disk.mount() ?? disk;
}
