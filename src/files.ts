/**
 * How Wal opens what a path names: the binding between wal.ts, which knows nothing of files, and
 * the stores on files. index.ts puts the two together.
 */
import { invalidArgument, WalError } from "./errors.ts";
import { Lsn } from "./lsn.ts";
import type { OpenSettings } from "./options.ts";
import { Mark } from "./recovery/mark.ts";
import type { Disk } from "./store/disk.ts";
import { FileMark } from "./store/file-side.ts";
import { attachFileStore, type FileShare, openError, openFileStore, pathOf } from "./store/file-store.ts";
import { attachSegmentedStore, openSegmentedStore, type SegmentedShare } from "./store/segmented-store.ts";
import { attachMappedStore, type MappedShare } from "./store/mapped-store.ts";
import { nodeDisk } from "./store/node-disk.ts";
import { threadsOn } from "./store/threads.ts";
import type { FileStores } from "./open-store.ts";

export function fileStoresOn(disk: Disk): FileStores {
  return {
    pathOf,
    openFile(path, settings) {
      refuseMark(pathOf(path));
      refuseWhereOnlyTheMarkIsLeft(disk, pathOf(path), settings);
      return openFileStore(path, { disk, readOnly: settings.readOnly });
    },
    openSegmented: (dir, settings) =>
      openSegmentedStore(dir, settings.segmentSize, { disk, readOnly: settings.readOnly }),
    attach(share) {
      const kind = typeof share === "object" && share !== null && "kind" in share ? share.kind : undefined;
      if (kind === "file") return attachFileStore(share as FileShare, disk);
      if (kind === "mapped") return attachMappedStore(share as MappedShare, { disk });
      return kind === "segmented" ? attachSegmentedStore(share as SegmentedShare, disk) : null;
    },
    threads: threadsOn(nodeDisk),
  };
}

/** Opened as a log, a mark would be taken for damage and moved away, and its log lose its protection. */
function refuseMark(path: string): void {
  if (!path.endsWith(".mark")) return;
  throw invalidArgument(`${path} bears the name of a log's mark. Open the log itself, without the ".mark".`, {
    path,
  });
}

/** A log that is gone while its mark is there: a new, empty one must not take its place unasked. */
function refuseWhereOnlyTheMarkIsLeft(disk: Disk, path: string, settings: OpenSettings): void {
  const accepted = settings.onDamage === "quarantine" || settings.onDamage === "truncate";
  if (accepted || settings.readOnly || !isMissing(disk, path)) return;
  const file = new FileMark(disk, `${path}.mark`, true);
  let mark: Mark;
  try {
    mark = new Mark(file);
  } catch {
    // Opening the log will say what is wrong with this place.
    return;
  } finally {
    file.close();
  }
  if (mark.lsn === null || mark.lsn === 0) return;
  throw new WalError(
    "WAL_CORRUPT",
    `The log ${path} is gone, but its mark (${path}.mark) says that ${mark.lsn} bytes of it were on stable ` +
      "storage. Nothing was changed. Restore the log; or, to begin an empty one, remove the mark too or open with " +
      "onDamage: 'truncate'.",
    { path, offset: Lsn(0), mark: mark.lsn, reason: "shorter-than-mark" },
  );
}

function isMissing(disk: Disk, path: string): boolean {
  try {
    return disk.stat(path).kind === "missing";
  } catch (error) {
    throw openError(error, path);
  }
}

export const nodeFileStores: FileStores = fileStoresOn(nodeDisk);
