/** What a figure was measured on: without it, it says nothing. */
import { readFileSync, statfsSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";

/** statfs(2): what Linux calls some file systems. */
const fileSystems = {
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
  0x794c7630: "overlayfs",
  0x2fc12fc1: "zfs",
  0x6969: "nfs",
};

/** How busy it was before the run: above its cores, the figures are those of a machine at other work. */
const load = () => Math.round(loadavg()[0] * 10) / 10;

export function machine(folder) {
  const { type: magic } = statfsSync(folder);
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    runtime: `Node ${process.version}`,
    fileSystem: fileSystems[magic] ?? `0x${magic.toString(16)}`,
    load: load(),
    date: new Date().toISOString(),
  };
}

export function versionOf(manifest) {
  return JSON.parse(readFileSync(manifest, "utf8")).version;
}
