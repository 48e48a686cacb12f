import type { Mutation } from "./mutation.ts";

/** Files: short reads and writes, names, what is beside the log. */
export const inStore: readonly Mutation[] = [
  {
    name: "who opens does not look for threads that had joined an owner that died",
    file: "store/joined-lock.js",
    find: "if (!this.#disk.lock(fd, this.#path))",
    put: "if (false)",
    foundBy: [{ file: "threads/joined-lock", title: "the owner dies idle" }],
  },
  {
    name: "who opens leaves the name to those who join late",
    file: "store/joined-lock.js",
    find: /(return true;\s+\/\/ Before[^\n]*\s+)removeIfThere\(this\.#disk, this\.#path\);/,
    put: "return true;",
    foundBy: [{ file: "threads/joined-lock", title: "joins just behind the try" }],
  },
  {
    name: "who joins does not hold the log",
    file: "store/joined-lock.js",
    find: "this.#disk.lockShared(fd, this.#path) &&",
    put: "",
    foundBy: [{ file: "threads/joined-lock", title: "the owner dies idle" }],
  },
  {
    name: "who joins does not look which share the file is of",
    file: "store/joined-lock.js",
    find: /&& this\.#isTheOne\(fd, token\)\)/,
    put: ")",
    foundBy: [{ file: "threads/joined-lock", title: "joins just behind the try" }],
  },
  {
    name: "one that has learned of the poison does not let go",
    file: "wal.js",
    find: "this.#store.side?.letGo?.();",
    put: "",
    foundBy: [{ file: "threads/joined-lock", title: "lets go by itself" }],
  },
  {
    name: "a short write is not completed",
    file: "store/positioned-file.js",
    find: "while (done < bytes.length) {",
    put: "if (done < bytes.length) {",
    foundBy: [{ file: "store/file-store", title: "a short write is completed" }],
  },
  {
    name: "a short read is taken for the end",
    file: "store/positioned-file.js",
    find: /export function readFully([^]*?)while \(done < into\.length\) \{/,
    put: `export function readFully(disk, fd, into, position) {
    let done = 0;
    for (let once = true; once && done < into.length; once = false) {`,
    foundBy: [{ file: "store/file-store", title: "moves few bytes at a time" }],
  },
  {
    name: "an interrupted write is given up",
    file: "store/positioned-file.js",
    find: /(const wrote[^]*?)if \(errnoOf\(error\) !== "EINTR"\)\s+throw error;\s+\}\s+\}\s+\}\s+\/\*\* Fills/,
    put: `const wrote = disk.write(fd, bytes, done, length, position + done);
            if (wrote === 0) throw new Error("none");
            done += wrote;
        } catch (error) { throw error; } } }
/** Fills`,
    foundBy: [{ file: "store/file-store", title: "moves few bytes at a time" }],
  },
  {
    name: "the folder of a log that was there is not flushed at open",
    file: "store/file-store.js",
    find: "disk.flushDirectoryBlocking(dirname(path));",
    put: "",
    foundBy: [{ file: "store/file-store", title: "the folder of a file that is there" }],
  },
  {
    name: "the name of a new directory of segments is not flushed",
    file: "store/durable-fs.js",
    find: /(throw error;\s+\}\s+\}\s+)disk\.flushDirectoryBlocking\(dirname\(path\)\);\s+\}\s+\/\*\*\s+\* Puts/,
    put: "throw error; } } } /** Puts",
    foundBy: [{ file: "store/durable-fs" }],
  },
  {
    name: "a removal is not flushed",
    file: "store/durable-fs.js",
    find: /removeIfThere\(disk, path\);\s+disk\.flushDirectoryBlocking\(dirname\(path\)\);/,
    put: "removeIfThere(disk, path);",
    foundBy: [{ file: "store/durable-fs" }],
  },
  {
    name: "the name of a converted log is not flushed",
    file: "store/durable-fs.js",
    find: "disk.flushDirectoryBlocking(dirname(to));",
    put: "",
    foundBy: [{ file: "convert/convert", title: "stopped at any call" }],
  },
  {
    name: "what was saved to quarantine before is written over",
    file: "store/file-side.js",
    find: 'disk.stat(path).kind === "missing"',
    put: "true",
    foundBy: [{ file: "recovery/quarantine" }],
  },
  {
    name: "what stands in a quarantine file is taken for the same without a look",
    file: "store/file-side.js",
    find: "if (logged[i] !== 0 && saved[i] !== logged[i])",
    put: "if (false)",
    foundBy: [{ file: "recovery/quarantine" }],
  },
  {
    name: "what stands in a quarantine file is held against its first chunk alone",
    file: "store/file-side.js",
    find: "at < to; at += saved.length) {",
    put: "at < to; at = to) {",
    foundBy: [{ file: "recovery/quarantine", title: "chunk after chunk" }],
  },
  {
    name: "the name of a quarantine file that is found again is not flushed",
    file: "store/file-side.js",
    find: /disk\.flushDirectoryBlocking\(dirname\(path\)\);\s+return true;/,
    put: "return true;",
    foundBy: [{ file: "recovery/quarantine", title: "before it flushed the name" }],
  },
  {
    name: "a blocking flush leaves out what a pending one has taken",
    file: "store/segmented-store.js",
    find: "[this.#takeFlight(), ...this.#inFlight]",
    put: "[this.#takeFlight()]",
    foundBy: [{ file: "store/segmented-store", title: "a blocking flush beside a pending one" }],
  },
  {
    name: "a file that took the log's place before the lock is not noticed",
    file: "store/file-store.js",
    find: /if \(!this\.#file\.isInPlace\)\s+throw replacedError\(this\.path\);/,
    put: "",
    foundBy: [{ file: "lock/lock", title: "a file put in the log's place" }],
  },
  {
    name: "the kernel's lock is not asked for",
    file: "store/file-lock.js",
    find: "export function lockFile(fd, path) {",
    put: "export function lockFile() { return true;",
    foundBy: [{ file: "lock/lock" }],
  },
  {
    name: "bytes are written in memory where the caller's stand",
    file: "store/mem-store.js",
    find: "this.#chunkFor(offset).set(bytes, at);",
    put: "this.#chunks[this.#indexOf(offset)] = at === 0 ? bytes : this.#chunkFor(offset);",
    foundBy: [{ file: "store/store-contract" }],
  },
  {
    name: "recovery sets room aside for what is there",
    file: "store/segmented-store.js",
    find: "this.#isThereAlready(index, position + count) &&",
    put: "false &&",
    foundBy: [{ file: "mapped/mapped-store", title: "recovery of what a killed process of segmented left" }],
  },
  {
    name: "what a failed write left past the end of a mapped segment stays",
    file: "store/segmented-store.js",
    find: /if \(position \+ count > this\.#sizeOf\(index\)\)\s+this\.#sizes\.set\(index, position \+ count\);\s+file\.writeAt\(position, part\);/,
    put: "file.writeAt(position, part); this.#sizes.set(index, Math.max(this.#sizeOf(index), position + count));",
    foundBy: [{ file: "mapped/mapped-store", title: "a large write that fails half-way" }],
  },
  {
    name: "a mapped segment that was cut by others is not noticed",
    file: "store/mapped-file.js",
    find: /if \(size >= bytes\)\s+return;/,
    put: "return;",
    foundBy: [{ file: "mapped/mapped-store", title: "a segment that another program has cut" }],
  },
];
