/** What kind of file system a folder is on, as far as the system tells. */
import { statfsSync } from "node:fs";

export interface FileSystem {
  /** `ext4`; `type 0x...` where the number is not known here. */
  readonly name: string;
  /** `memory`: it is gone with the power. `network`: a flush is as good as the other end. */
  readonly kind: "disk" | "memory" | "network" | "unknown";
}

/** statfs(2) on Linux: the numbers of linux/magic.h, and of file systems that bring their own. */
const onLinux: Readonly<Record<number, FileSystem>> = {
  0xef53: { name: "ext2, ext3 or ext4", kind: "disk" },
  0x58465342: { name: "xfs", kind: "disk" },
  0x9123683e: { name: "btrfs", kind: "disk" },
  0x2fc12fc1: { name: "zfs", kind: "disk" },
  0xf2f52010: { name: "f2fs", kind: "disk" },
  0xca451a4e: { name: "bcachefs", kind: "disk" },
  0x4d44: { name: "fat", kind: "disk" },
  0x2011bab0: { name: "exfat", kind: "disk" },
  0x5346544e: { name: "ntfs", kind: "disk" },
  0x01021994: { name: "tmpfs", kind: "memory" },
  0x858458f6: { name: "ramfs", kind: "memory" },
  0x794c7630: { name: "overlayfs", kind: "unknown" },
  0x65735546: { name: "fuse", kind: "unknown" },
  0x6969: { name: "nfs", kind: "network" },
  0xff534d42: { name: "cifs", kind: "network" },
  0xfe534d42: { name: "smb2", kind: "network" },
  0x01021997: { name: "9p", kind: "network" },
  0x00c36400: { name: "ceph", kind: "network" },
};

/** The number may come as a negative one, where it does not fit into 31 bits. */
export function fileSystemOf(type: number, platform: NodeJS.Platform): FileSystem {
  const magic = type >>> 0;
  const known = platform === "linux" ? onLinux[magic] : undefined;
  return known ?? { name: `type 0x${magic.toString(16)}`, kind: "unknown" };
}

export function fileSystemAt(folder: string): FileSystem {
  return fileSystemOf(statfsSync(folder).type, process.platform);
}
