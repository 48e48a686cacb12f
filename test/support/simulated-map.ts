/**
 * Maps over a simulated disk: what is written through one is seen at once, and lost in a power cut as any
 * write is that was not flushed. What would end a process with SIGBUS is noted, and fails the test.
 */
import type { Disk } from "#internal/store/disk.js";
import type { Mapper, MemoryMap } from "#internal/store/memory-map.js";
import { writeFully } from "#internal/store/positioned-file.js";

/** Where processes would have ended that touched what was not theirs, or not there. */
export const busErrors: string[] = [];

function busError(what: string): never {
  busErrors.push(what);
  throw new Error(`SIGBUS: ${what}`);
}

export function simulatedMapper(disk: Disk): Mapper {
  return {
    pushes: false,
    reserve(fd, length) {
      const { size } = disk.statOpen(fd);
      if (size < length) writeFully(disk, fd, new Uint8Array(length - size), size);
    },
    map(fd, length) {
      let mapped = true;
      const map: MemoryMap = {
        write(position, bytes) {
          if (!mapped) busError("a write after munmap");
          if (position + bytes.length > length) throw new RangeError("past the end of the view");
          if (disk.statOpen(fd).size < length) busError("a write through the map of a file that was cut");
          writeFully(disk, fd, bytes, position);
        },
        prefault: () => length,
        push: () => Promise.resolve(),
        pushBlocking: () => {},
        unmap: () => void (mapped = false),
      };
      return map;
    },
  };
}
