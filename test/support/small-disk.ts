/** A real file system of a few MiB: an ext4 image on a loop device, for as long as a test runs. */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

function run(command: string, ...args: string[]): string | null {
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined) return `${command} is not installed`;
  return status === 0 ? null : `${command} is not permitted here (${stderr.trim().split("\n")[0]})`;
}

export class SmallDisk {
  readonly dir: string;
  readonly #filler: string;
  #filled = false;

  constructor(dir: string) {
    this.dir = dir;
    this.#filler = join(dir, "filler");
  }

  /** Takes all the room there is, to the last block. */
  fill(): void {
    const fd = openSync(this.#filler, "a");
    this.#filled = true;
    const chunk = new Uint8Array(1024 * 1024).fill(0xee);
    try {
      for (let size = chunk.length; size > 0;) {
        try {
          writeSync(fd, chunk, 0, size);
        } catch (error) {
          if ((error as { code?: string }).code !== "ENOSPC") throw error;
          size = size >> 1;
        }
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Gives it back. */
  free(): void {
    if (!this.#filled) return;
    unlinkSync(this.#filler);
    this.#filled = false;
  }
}

/** Mounts one; a reason in words where that cannot be done. Unmounted and detached when the test ends. */
export function smallDisk(t: TestContext, mebibytes: number): SmallDisk | string {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "needs Linux and root";
  const base = mkdtempSync(join(tmpdir(), "wal-db-disk-"));
  const image = join(base, "disk.img");
  const dir = join(base, "mounted");
  let mounted = false;
  // One hook, in this order: nothing may be removed through a mount that is still there. A test that
  // failed may have left a log open: then the mount is taken from the tree now (-l), and goes when
  // the process does. The loop device goes with the mount, since mount made it.
  t.after(() => {
    const left = mounted ? run("umount", dir) && run("umount", "-l", dir) : null;
    if (left !== null) throw new Error(`${dir} is still mounted: ${left}`);
    rmSync(base, { recursive: true, force: true });
  });
  mkdirSync(dir);
  const fd = openSync(image, "w");
  ftruncateSync(fd, mebibytes * 1024 * 1024);
  closeSync(fd);
  const failure =
    run("mkfs.ext4", "-q", "-m", "0", "-N", "64", image) ?? run("mount", "-o", "loop", image, dir);
  if (failure !== null) return failure;
  mounted = true;
  return new SmallDisk(dir);
}
