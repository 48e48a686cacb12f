import { type SegmentedOptions, Wal } from "wal-db";
import { MappedStore } from "wal-db/mapped";

export type LogKind = "file" | "segments" | "mapped";

/** A prime: no record and no header is spared a border. */
export const segmentBytes = 50_021;

export function openLog(kind: LogKind, path: string, options: SegmentedOptions = {}): Promise<Wal> {
  if (kind === "file") return Wal.open(path, options);
  if (kind === "mapped") return Wal.withStore(MappedStore.open(path, segmentBytes), options);
  return Wal.openSegmented(path, { ...options, segmentSize: segmentBytes });
}
