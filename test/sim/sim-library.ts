/** The library under the simulator: ours, or a copy of it that was broken on purpose. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { convertOn } from "#internal/convert.js";
import { fileStoresOn } from "#internal/files.js";
import { settingsOf } from "#internal/options.js";
import type { Disk } from "#internal/store/disk.js";
import { type ConvertReport, type SegmentedOptions, Wal } from "wal-db";
import type { Layout } from "./view.ts";

interface Parts {
  readonly Wal: typeof Wal;
  readonly fileStoresOn: typeof fileStoresOn;
  readonly settingsOf: typeof settingsOf;
  readonly convertOn: typeof convertOn;
}

export interface SimLibrary {
  open(disk: Disk, layout: Layout, options: SegmentedOptions, blocking: true): Wal;
  open(disk: Disk, layout: Layout, options: SegmentedOptions, blocking: boolean): Wal | Promise<Wal>;
  convert(disk: Disk, from: Layout, to: Layout): Promise<ConvertReport>;
}

function libraryOf(parts: Parts): SimLibrary {
  // What Wal.open and Wal.openSegmented do, on a disk of ours.
  function open(disk: Disk, layout: Layout, options: SegmentedOptions, blocking: true): Wal;
  function open(disk: Disk, layout: Layout, options: SegmentedOptions, blocking: boolean): Wal | Promise<Wal>;
  function open(disk: Disk, { path, segmentSize }: Layout, options: SegmentedOptions, blocking: boolean) {
    const given = segmentSize === null ? options : { ...options, segmentSize };
    const settings = parts.settingsOf(given);
    const stores = parts.fileStoresOn(disk);
    const store =
      segmentSize === null ? stores.openFile(path, settings) : stores.openSegmented(path, settings);
    return blocking ? parts.Wal.withStoreBlocking(store, given) : parts.Wal.withStore(store, given);
  }
  return {
    open,
    convert: (disk, from, to) =>
      parts.convertOn(disk, from.path, to.path, {
        segmentSize: to.segmentSize ?? undefined,
        sourceSegmentSize: from.segmentSize ?? undefined,
      }),
  };
}

export const simLibrary: SimLibrary = libraryOf({ Wal, fileStoresOn, settingsOf, convertOn });

/** A built copy in another folder. */
export async function simLibraryIn(dist: string): Promise<SimLibrary> {
  const load = (name: string): Promise<unknown> => import(pathToFileURL(join(dist, name)).href);
  const parts = [load("index.js"), load("files.js"), load("options.js"), load("convert.js")];
  return libraryOf(Object.assign({}, ...(await Promise.all(parts))) as Parts);
}
