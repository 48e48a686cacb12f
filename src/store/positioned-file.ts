/**
 * Reading and writing in full at a position: a system call may do less than it was asked, or be
 * interrupted, and neither is an error.
 */
import { errnoOf } from "../errors.ts";
import type { Disk } from "./disk.ts";

/** Linux moves at most 0x7ffff000 bytes in one call, and Node takes no length above 2^31 - 1. */
const transferBytesMax = 0x4000_0000;

/** Writes all of `bytes` at `position`, or throws what the disk threw. */
export function writeFully(disk: Disk, fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(bytes.length - done, transferBytesMax);
    try {
      const wrote = disk.write(fd, bytes, done, length, position + done);
      if (wrote === 0) throw new Error(`the disk took none of ${length} bytes and gave no reason`);
      done += wrote;
    } catch (error) {
      if (errnoOf(error) !== "EINTR") throw error;
    }
  }
}

/** Fills `into` from `position`; fewer bytes than asked = the file ends there. */
export function readFully(disk: Disk, fd: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(into.length - done, transferBytesMax);
    try {
      const got = disk.read(fd, into, done, length, position + done);
      if (got === 0) break;
      done += got;
    } catch (error) {
      if (errnoOf(error) !== "EINTR") throw error;
    }
  }
  return done;
}

/** As {@link readFully}, without blocking the thread. */
export async function readFullyAhead(
  disk: Disk,
  fd: number,
  into: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(into.length - done, transferBytesMax);
    try {
      const got = await disk.readAhead(fd, into, done, length, position + done);
      if (got === 0) break;
      done += got;
    } catch (error) {
      if (errnoOf(error) !== "EINTR") throw error;
    }
  }
  return done;
}
