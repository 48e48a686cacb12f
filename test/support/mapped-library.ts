/** The library with MappedStore in the place of SegmentedStore, over simulated maps. */
import type { Disk } from "#internal/store/disk.js";
import { openMappedStore } from "#internal/store/mapped-store.js";
import { Wal } from "wal-db";
import { type Library, library } from "./library.ts";
import { simulatedMapper } from "./simulated-map.ts";

/** @param others How often, of every so many opens, it is SegmentedStore that opens; 0: never. */
export function mappedLibrary(others: number): Library {
  let opens = 0;
  return {
    ...library,
    openSegmented(disk: Disk, dir, size, options) {
      if (others > 0 && opens++ % others === others - 1)
        return library.openSegmented(disk, dir, size, options);
      return Wal.withStoreBlocking(
        openMappedStore(dir, size, { disk, mapper: simulatedMapper(disk) }),
        options,
      );
    },
  };
}
