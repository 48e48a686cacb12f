/** The library with MappedStore in the place of SegmentedStore. */
import type { Library } from "./library.ts";

/** @param others Of every so many opens one is by SegmentedStore all the same; 0: none. */
export function mappedLibrary(library: Library, others: number): Library {
  let opens = 0;
  return {
    ...library,
    openSegmented(disk, dir, size, options) {
      const isOther = others > 0 && opens++ % others === others - 1;
      if (isOther) return library.openSegmented(disk, dir, size, options);
      return library.openMapped(disk, dir, size, options);
    },
  };
}
