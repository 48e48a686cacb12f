/**
 * What MappedStore must never do: writes through a map of a file whose blocks were not allocated (`sparse`),
 * or that was cut since it was mapped (`cut`).
 *
 *   node bus-error.js sparse|cut <file>
 */
import { nativeMapper } from "#internal/store/memory-map.js";
import { nodeDisk } from "#internal/store/node-disk.js";

const bytes = 1024 * 1024;
const [, , way = "", path = ""] = process.argv;
const fd = nodeDisk.open(path, nodeDisk.stat(path).kind === "missing" ? "create" : "r+");
nodeDisk.truncate(fd, bytes);
const map = nativeMapper().map(fd, bytes);
if (way === "cut") nodeDisk.truncate(fd, 0);
for (let at = 0; at < bytes; at += 4096) map.write(at, Uint8Array.of(1));
