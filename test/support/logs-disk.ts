import { SimulatedDisk } from "wal-db/testing";

/** A simulated disk with the directory in which the tests keep their logs, and perhaps files in it. */
export function logsDisk(files: Readonly<Record<string, Uint8Array>> = {}): SimulatedDisk {
  return new SimulatedDisk({ files, directories: ["/logs"] });
}
