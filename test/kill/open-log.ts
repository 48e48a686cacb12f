import { type SegmentedOptions, Wal } from "wal-db";

export type LogKind = "file" | "segments";

/** A prime: no record and no header is spared a border. */
export const segmentBytes = 50_021;

export function openLog(kind: LogKind, path: string, options: SegmentedOptions = {}): Promise<Wal> {
  if (kind === "file") return Wal.open(path, options);
  return Wal.openSegmented(path, { ...options, segmentSize: segmentBytes });
}
