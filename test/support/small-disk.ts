/** A real file system of a few MiB that can be filled to the last block. */
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { loopDisk } from "./loop-disk.ts";

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
  const disk = loopDisk(t, {
    name: "a small ext4",
    mebibytes,
    make: ["mkfs.ext4", "-q", "-m", "0", "-N", "64"],
    mountOptions: "loop",
  });
  return typeof disk === "string" ? disk : new SmallDisk(disk.dir);
}
