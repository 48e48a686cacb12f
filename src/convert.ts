/**
 * Converting: the same records in another layout. One file to segments and back, or from one segment
 * size to another. LSNs stay, since the bytes of the log do.
 *
 *   1  lock the source; nobody writes to it meanwhile
 *   2  read it, every record verified, and write what was verified to `<to>.converting`
 *   3  read that back, every record verified; flush it
 *   4  rename it to `to`, flush the folder
 *
 * A crash before 4 leaves the source and perhaps `<to>.converting`, which the next attempt begins
 * anew; after 4 the source and the whole result. The source is never changed.
 */
import { join } from "node:path";
import { asIoError, invalidArgument, WalError } from "./errors.ts";
import { readChunkBytes } from "./limits.ts";
import type { Lsn } from "./lsn.ts";
import { outwaitJoined } from "./open-store.ts";
import { settingsOf } from "./options.ts";
import { Scan } from "./record/scan.ts";
import { Window } from "./record/window.ts";
import { recover } from "./recovery/recover.ts";
import type { Disk } from "./store/disk.ts";
import { renameDurably } from "./store/durable-fs.ts";
import { openFileStore, pathOf } from "./store/file-store.ts";
import { nodeDisk } from "./store/node-disk.ts";
import { segmentSizeShown } from "./store/segment-size.ts";
import { openSegmentedStore } from "./store/segmented-store.ts";
import { readAheadChecked, runAsync } from "./store/store-io.ts";
import type { WalStore } from "./store/store.ts";

export interface ConvertOptions {
  /** Bytes per segment of the result. Default: one file, without segments. */
  readonly segmentSize?: number | undefined;
  /** Bytes per segment of a source that has segments. Default: as its files show. */
  readonly sourceSegmentSize?: number | undefined;
  /**
   * Let LSNs begin at 0 in the result, for a source whose front was dropped: every LSN goes down by
   * its head. Without it such a source can only become segments again. Default false.
   */
  readonly rebase?: boolean | undefined;
  /** As in WalOptions: must be what the log was written with, or more. Default 64 MiB. */
  readonly maxRecordSize?: number | undefined;
  /** Bytes dealt with so far, and in all: each is read once to copy and once to verify. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Aborts: rejects with its reason, leaves nothing of the result. */
  readonly signal?: AbortSignal | undefined;
}

export interface ConvertReport {
  /** Records in the result. */
  readonly records: number;
  /** Where the result begins and ends. */
  readonly head: Lsn;
  readonly end: Lsn;
  /** Bytes past the last intact record of the source, which a crash left there; not taken along. */
  readonly left: number;
}

/**
 * Writes the log at `from` anew at `to`, in another layout. The result appears under its name at once
 * and whole; the source stays as it is.
 *
 * @throws {WalError} WAL_CORRUPT when the source is damaged, or has lost acknowledged data;
 *   WAL_LOCKED when it is open; WAL_INVALID_ARGUMENT when `to` is there already, an option is not of its
 *   kind, or a dropped front asks for `rebase`; WAL_IO when the system refuses.
 * @example
 * const report = await convert("app.wal", "app-segments", { segmentSize: 16 * 1024 * 1024 });
 */
export async function convert(
  from: string | URL,
  to: string | URL,
  options: ConvertOptions = {},
): Promise<ConvertReport> {
  return convertOn(nodeDisk, pathOf(from), pathOf(to), options);
}

/** @internal */
export async function convertOn(
  disk: Disk,
  from: string,
  to: string,
  options: ConvertOptions,
): Promise<ConvertReport> {
  try {
    checkFree(disk, to);
    const source = openSource(disk, from, options);
    try {
      source.side?.lock?.();
      await outwaitJoined(source, options);
      return await buildAndRename(disk, source, to, options);
    } finally {
      source.close();
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    throw asIoError(error, `Converting ${from} to ${to} failed`, { path: from });
  }
}

/** With the source locked: what another attempt is building from it is not thrown away. */
async function buildAndRename(
  disk: Disk,
  source: WalStore,
  to: string,
  options: ConvertOptions,
): Promise<ConvertReport> {
  const building = `${to}.converting`;
  try {
    const report = await build(disk, source, building, options);
    // It took a while, and a rename replaces what is there.
    checkFree(disk, to);
    renameDurably(disk, building, to);
    return report;
  } catch (error) {
    discard(disk, building);
    throw error;
  }
}

function checkFree(disk: Disk, to: string): void {
  for (const path of [to, `${to}.mark`]) {
    if (disk.stat(path).kind === "missing") continue;
    throw invalidArgument(`${path} is there already. Convert to another name, or move it away first.`, {
      path,
    });
  }
}

function openSource(disk: Disk, from: string, options: ConvertOptions): WalStore {
  if (disk.stat(from).kind !== "directory") return openFileStore(from, { disk, readOnly: true });
  const size = options.sourceSegmentSize ?? segmentSizeOf(disk, from);
  return openSegmentedStore(from, size, { disk, readOnly: true });
}

function segmentSizeOf(disk: Disk, dir: string): number {
  const size = segmentSizeShown(disk, dir);
  if (size !== null) return size;
  throw invalidArgument(`${dir} does not show its segment size. Give it as sourceSegmentSize.`, {
    path: dir,
  });
}

async function build(
  disk: Disk,
  source: WalStore,
  building: string,
  options: ConvertOptions,
): Promise<ConvertReport> {
  const settings = settingsOf({
    readOnly: true,
    verify: "tail",
    onDamage: "refuse",
    maxRecordSize: options.maxRecordSize,
  });
  const { report } = await runAsync(recover(source, settings), source);
  const shift = options.rebase === true ? report.head : 0;
  if (options.segmentSize === undefined && report.head > shift) {
    throw invalidArgument(
      `The front of this log was dropped: it begins at ${report.head}, and a single file begins at 0. ` +
        "Convert it to segments, or give rebase: true to let its LSNs begin at 0.",
    );
  }
  discard(disk, building);
  const target =
    options.segmentSize === undefined
      ? openFileStore(building, { disk })
      : openSegmentedStore(building, options.segmentSize, { disk });
  try {
    const head = report.head - shift;
    if (head > 0) {
      target.side.segments?.setHead(head);
      // Without a record, a byte below the head tells where the log ends.
      if (report.end === report.head) target.writeAt(head - 1, new Uint8Array(1));
    }
    const total = 2 * (report.end - report.head);
    const copied = await walk(
      source,
      report.head,
      report.end,
      settings.maxRecordBytes,
      options,
      0,
      total,
      (at, bytes) => target.writeAt(at - shift, bytes),
    );
    await target.flush();
    const end = report.end - shift;
    const kept = await walk(target, head, end, settings.maxRecordBytes, options, total / 2, total, () => {});
    if (kept !== copied)
      throw new WalError("WAL_IO", `Wrote ${copied} records and read ${kept} of them back.`);
    return { records: copied, head: head as Lsn, end: end as Lsn, left: report.discarded };
  } finally {
    target.close();
  }
}

/** Verifies `[from, end)`, hands on what was verified chunk by chunk, and counts the records. */
async function walk(
  store: WalStore,
  from: number,
  end: number,
  maxRecordBytes: number,
  options: ConvertOptions,
  done: number,
  total: number,
  take: (offset: number, bytes: Uint8Array) => void,
): Promise<number> {
  const scan = new Scan(from as Lsn, end, maxRecordBytes);
  const window = new Window(true, readChunkBytes);
  let records = 0;
  let taken = from;
  const hand = (): void => {
    if (scan.offset > taken)
      take(taken, window.bytes.subarray(taken - window.start, scan.offset - window.start));
    taken = scan.offset;
    options.onProgress?.(done + taken - from, total);
  };
  for (;;) {
    const step = scan.step();
    if (step === "record") {
      records++;
      continue;
    }
    hand();
    if (step === "end" && scan.offset === end) return records;
    if (step !== "need") {
      throw new WalError(
        "WAL_CORRUPT",
        `The log ${store.path ?? ""} is damaged at ${scan.offset} (${scan.reason}).`,
        {
          path: store.path,
          offset: scan.offset,
          reason: scan.reason,
        },
      );
    }
    options.signal?.throwIfAborted();
    const into = window.prepare(scan.offset, scan.want, end);
    window.accept(await readAheadChecked(store, window.end, into));
    if (window.end < scan.offset + scan.want) scan.end = window.end;
    scan.show(window.bytes, window.start, window.length);
  }
}

/** Removes what an attempt has built so far. */
function discard(disk: Disk, building: string): void {
  const { kind } = disk.stat(building);
  if (kind === "file") disk.remove(building);
  if (kind !== "directory") return;
  for (const name of disk.list(building)) disk.remove(join(building, name));
  disk.removeDirectory(building);
}
