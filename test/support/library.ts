/**
 * The library as a value, so that one check can be run on it and on a copy that was broken on purpose.
 */
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { openFileStore } from "#internal/store/file-store.js";
import { openMappedStore } from "#internal/store/mapped-store.js";
import { openSegmentedStore } from "#internal/store/segmented-store.js";
import type { Disk } from "#internal/store/disk.js";
import { type SegmentedOptions, Wal, type WalOptions } from "wal-db";
import { simulatedMapper } from "./simulated-map.ts";

type StoreModule = { openFileStore: typeof openFileStore };
type SegmentedModule = { openSegmentedStore: typeof openSegmentedStore };
type MappedModule = { openMappedStore: typeof openMappedStore };
type WalModule = { Wal: typeof Wal };

export interface Library {
  readonly Wal: typeof Wal;
  /** Opens the log at `path` on `disk`, as Wal.openBlocking does on the real one. */
  open(disk: Disk, path: string, options?: WalOptions): Wal;
  openAsync(disk: Disk, path: string, options?: WalOptions): Promise<Wal>;
  openSegmented(disk: Disk, dir: string, segmentSize: number, options?: SegmentedOptions): Wal;
  /** The same with segments in maps, which are simulated over the disk. */
  openMapped(disk: Disk, dir: string, segmentSize: number, options?: SegmentedOptions): Wal;
}

function on(disk: Disk, options?: WalOptions): { disk: Disk; readOnly: boolean } {
  return { disk, readOnly: options?.readOnly ?? false };
}

function libraryOf(
  wal: WalModule,
  stores: StoreModule,
  segmented: SegmentedModule,
  mapped: MappedModule,
): Library {
  return {
    Wal: wal.Wal,
    open: (disk, path, options) =>
      wal.Wal.withStoreBlocking(stores.openFileStore(path, on(disk, options)), options),
    openAsync: (disk, path, options) =>
      wal.Wal.withStore(stores.openFileStore(path, on(disk, options)), options),
    openSegmented: (disk, dir, size, options) =>
      wal.Wal.withStoreBlocking(segmented.openSegmentedStore(dir, size, on(disk, options)), options),
    openMapped(disk, dir, size, options) {
      const store = mapped.openMappedStore(dir, size, { disk, mapper: simulatedMapper(disk) });
      return wal.Wal.withStoreBlocking(store, options);
    },
  };
}

/** The library under test. */
export const library: Library = libraryOf(
  { Wal },
  { openFileStore },
  { openSegmentedStore },
  { openMappedStore },
);

/** A built copy of it, in another folder. */
export async function libraryIn(dist: string): Promise<Library> {
  const load = (name: string): Promise<unknown> => import(pathToFileURL(join(dist, name)).href);
  return libraryOf(
    (await load("index.js")) as WalModule,
    (await load("store/file-store.js")) as StoreModule,
    (await load("store/segmented-store.js")) as SegmentedModule,
    (await load("store/mapped-store.js")) as MappedModule,
  );
}
