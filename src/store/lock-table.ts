/**
 * Who holds the lock on a file, as the kernel of Linux shows it in /proc/locks (proc(5)):
 *
 *   1: FLOCK  ADVISORY  WRITE 30967 fe:00:2146527 0 EOF
 *                             |     device and inode
 *                             the process
 *
 * Asking so takes no lock, so whoever wants it meanwhile gets it. Not shown there: a holder on another
 * host, or outside the container that this process is in. The device that a file system names there may
 * differ from that of stat(2) (btrfs, overlayfs); then the inode must do, and the descriptors of the process.
 */
import type { Disk } from "./disk.ts";

/** Who holds a lock, as far as it can be seen from here. */
export interface LockSeen {
  /** `unknown`: this platform does not show it. */
  readonly state: "held" | "free" | "unknown";
  /** The process that holds it; null where it is not told. */
  readonly pid: number | null;
}

const line = /^\d+: FLOCK\s+ADVISORY\s+(?:WRITE|READ)\s+(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /;
const tableBytesMax: number = 4 * 1024 * 1024;

/** @param path Resolved: of the file or directory that the lock is on. */
export function lockSeenOn(disk: Disk, path: string): LockSeen {
  const table = process.platform === "linux" ? readTable(disk) : null;
  if (table === null) return { state: "unknown", pid: null };
  const [device, inode] = identityOf(disk.stat(path).identity);
  for (const entry of table.split("\n")) {
    const [, process, major = "", minor = "", number] = line.exec(entry) ?? [];
    if (number === undefined || number !== inode) continue;
    const pid = Number(process);
    const isSameDevice = deviceOf(parseInt(major, 16), parseInt(minor, 16)) === device;
    if (isSameDevice || hasOpen(disk, pid, path)) return { state: "held", pid: pid > 0 ? pid : null };
  }
  return { state: "free", pid: null };
}

function identityOf(identity: string): [bigint, string] {
  const [device = "0", inode = ""] = identity.split(":");
  return [BigInt(device), inode];
}

/** As glibc's makedev(3). */
function deviceOf(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return ((a & 0xffff_f000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffff_ff00n) << 12n) | (b & 0xffn);
}

function hasOpen(disk: Disk, pid: number, path: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return disk.list(folder).some((fd) => leadsTo(disk, `${folder}/${fd}`, path));
  } catch {
    // It has ended, or belongs to somebody else.
    return false;
  }
}

function leadsTo(disk: Disk, link: string, path: string): boolean {
  try {
    return disk.resolve(link) === path;
  } catch {
    return false;
  }
}

/** Null where there is none, or none for this process. */
function readTable(disk: Disk): string | null {
  let fd: number;
  try {
    fd = disk.open("/proc/locks", "r");
  } catch {
    return null;
  }
  try {
    const bytes = new Uint8Array(64 * 1024);
    let text = "";
    for (let at = 0; at < tableBytesMax;) {
      const got = disk.read(fd, bytes, 0, bytes.length, at);
      if (got === 0) break;
      text += new TextDecoder().decode(bytes.subarray(0, got));
      at += got;
    }
    return text;
  } catch {
    return null;
  } finally {
    disk.close(fd);
  }
}
