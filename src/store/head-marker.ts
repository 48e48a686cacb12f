/**
 * The head marker: a file `head` in a segmented directory that holds the offset of the first
 * surviving record after a prefix was dropped. Absent: 0.
 *
 *        +0                      +8
 *        +-----------------------+
 *        | offset u64            |
 *        +-----------------------+
 *
 * Replaced atomically, and durable before any segment below it goes. The Rust crate rewrites it in
 * place, which can tear: a marker that is not 8 bytes says nothing, which means 0 where segment 0
 * is still there, and damage where it is gone.
 *
 * A new file needs a block, and a full disk has none: just when the log must free some, it could not
 * write where it begins. So a spare, `head.tmp`, is kept from the day the first segment is made. It
 * holds an offset that there cannot be, and means nothing until it is renamed.
 */
import { readU64, writeU64 } from "../bytes.ts";
import type { Disk } from "./disk.ts";
import { hasSpare, keepSpare, replaceBySpareDurably, replaceDurably } from "./durable-fs.ts";
import { readFully, writeFully } from "./positioned-file.ts";

const markerBytes = 8;

/** The offset; "absent" when there is no marker, "torn" when it says nothing. */
export function readHeadMarker(disk: Disk, path: string): number | "absent" | "torn" {
  if (disk.stat(path).kind === "missing") return "absent";
  const fd = disk.open(path, "r");
  try {
    const bytes = new Uint8Array(markerBytes + 1);
    if (readFully(disk, fd, bytes, 0) !== markerBytes) return "torn";
    const offset = readU64(bytes, 0);
    return Number.isSafeInteger(offset) ? offset : "torn";
  } finally {
    disk.close(fd);
  }
}

export function replaceHeadMarker(disk: Disk, path: string, offset: number): void {
  const bytes = new Uint8Array(markerBytes);
  writeU64(bytes, 0, offset);
  const replace = hasSpare(disk, path, markerBytes) ? replaceBySpareDurably : replaceDurably;
  replace(disk, path, (fd) => writeFully(disk, fd, bytes, 0));
}

/** Keeps a file from which the next marker is made without new room; false when it cannot be had. */
export function keepSpareHeadMarker(disk: Disk, path: string): boolean {
  // Not zeros: a file system may store those as a hole, which is no room.
  return keepSpare(disk, path, new Uint8Array(markerBytes).fill(0xff));
}
