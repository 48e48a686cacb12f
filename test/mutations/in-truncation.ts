import type { Mutation } from "./mutation.ts";

/** Cutting the end, dropping the front, archive, readers. */
export const inTruncation: readonly Mutation[] = [
  {
    name: "the mark is not lowered before the cut",
    file: "truncation/suffix-cut.js",
    find: /this\.#mark\?\.lower\(end\);/,
    put: "",
    foundBy: [{ file: "truncation/crash", title: "stopped at any call: truncateAfter" }],
  },
  {
    name: "a cut resolves without its flush",
    file: "truncation/suffix-cut.js",
    find: /cut\.flushed = this\.#commit\.barrier\(\);/,
    put: "",
    foundBy: [{ file: "truncation/crash", title: "stopped at any call: truncateAfter, the other way round" }],
  },
  {
    name: "the segment that is cut is not flushed before those above it go",
    file: "store/segmented-store.js",
    find: /file\.truncate\(position\);([^]*?)file\.flushBlocking\(\);/,
    put: "file.truncate(position); this.#sizes.set(keep, position); this.#files.markDirty(keep);",
    foundBy: [{ file: "truncation/crash", title: "stopped at any call: truncateAfter" }],
  },
  {
    name: "segments above the cut go low to high, before the cut of the first",
    file: "store/segmented-store.js",
    find: /const position = length - keep \* this\.segmentSize;\n/,
    put: `const position = length - keep * this.segmentSize;
        for (const index of [...this.#sizes.keys()].filter((k) => k > keep).sort((a, b) => a - b)) this.#removeSegment(index);
        this.#last = Math.min(this.#last, keep);`,
    foundBy: [{ file: "truncation/crash", title: "stopped at any call: truncateAfter" }],
  },
  {
    name: "the head is written after the segments are gone",
    file: "truncation/prefix-drop.js",
    find: /segments\.setHead\(at\);\s+state\.setHead\(at\);\s+beside\.reclaim\(\);/,
    put: "state.setHead(at); beside.reclaim(); segments.setHead(at);",
    foundBy: [{ file: "truncation/crash", title: "stopped at any call: truncateBefore" }],
  },
  {
    name: "the head is written in place",
    file: "store/head-marker.js",
    find: /replace\(disk, path, \(fd\) => writeFully\(disk, fd, bytes, 0\)\);/,
    put: `const fd = disk.open(path, disk.stat(path).kind === "missing" ? "create" : "r+");
      disk.truncate(fd, 0);
      writeFully(disk, fd, bytes, 0);
      disk.flushAllBlocking(fd);
      disk.close(fd);
      disk.flushDirectoryBlocking(path.replace(/\\/head$/, ""));`,
    foundBy: [
      { file: "truncation/crash", title: "stopped at any call: the head replaced twice, then the end cut" },
    ],
  },
  {
    name: "a spare is renamed over the head before it is flushed",
    file: "store/durable-fs.js",
    find: /disk\.flushAllBlocking\(fd\);\s+\}\s+finally \{\s+disk\.close\(fd\);\s+\}\s+renameOver\(disk, spare, path\);/,
    put: "} finally { disk.close(fd); } renameOver(disk, spare, path);",
    foundBy: [
      { file: "truncation/crash", title: "stopped at any call: the head replaced twice, then the end cut" },
    ],
  },
  {
    name: "a segment goes before the name of the spare, now the head, is flushed",
    file: "store/durable-fs.js",
    find: /(renameOver\(disk, spare, path\);\s+\}\s+catch \(error\) \{[^}]*\})\s+disk\.flushDirectoryBlocking\(dirname\(path\)\);/,
    put: `renameOver(disk, spare, path);
    } catch (error) { throw error; }`,
    foundBy: [{ file: "truncation/crash", title: "stopped at any call: truncateBefore" }],
  },
  {
    name: "a prefix is dropped before what stays is synced",
    file: "truncation/prefix-drop.js",
    find: /if \(at > state\.head\)\s+commit\.syncBlocking\(at\);/,
    put: "",
    foundBy: [
      {
        file: "truncation/crash",
        title: "stopped at any call: truncateBefore past what was synced, up to the end",
      },
    ],
  },
  {
    name: "a flush leaves out the names of new segments",
    file: "store/segmented-store.js",
    find: /if \(flights\.some\(\(flight\) => flight\.names\)\)/,
    put: "if (false)",
    foundBy: [
      { file: "truncation/crash", title: "stopped at any call: an append that makes several segments" },
    ],
  },
  {
    name: "an asynchronous flush leaves out the names of new segments",
    file: "store/segmented-store.js",
    find: /if \(flight\.names && !flight\.covered\)/,
    put: "if (false)",
    foundBy: [
      { file: "truncation/crash", title: "stopped at any call: an append that makes several segments" },
    ],
  },
  {
    name: "a flush leaves out all segments but the last",
    file: "store/segmented-store.js",
    find: /const segments = new Set\(flights\.flatMap\(\(flight\) => there\(flight\)\)\);/,
    put: "const segments = new Set(flights.flatMap((flight) => there(flight).slice(-1)));",
    foundBy: [{ file: "truncation/crash", title: "stopped at any call: a new log" }],
  },
  {
    name: "the first mark is not flushed",
    file: "recovery/mark.js",
    find: /#keep\(\) \{\s+this\.#file\.flush\(\);/,
    put: "#keep() {",
    foundBy: [
      {
        file: "truncation/crash",
        title: "stopped at any call: truncateAfter in a log that was never synced",
      },
    ],
  },
  {
    name: "an append does not wait for a cut that is pending",
    file: "commit/log-state.js",
    find: "this.#cells.store(tailCell, end - gateClosed);",
    put: "this.#cells.store(tailCell, end);",
    foundBy: [{ file: "truncation/suffix" }],
  },
  {
    name: "a segment is removed before the archive has taken it",
    file: "truncation/beside.js",
    find: "Math.min(this.#state.head, this.archive?.position ?? Infinity)",
    put: "this.#state.head",
    foundBy: [{ file: "truncation/archive" }],
  },
  {
    name: "a segment is handed to the archive before it is durable",
    file: "truncation/archive.js",
    find: /if \(end > this\.#durable\(\)\)\s+return null;([^]*?)sealed\.end <= this\.#durable\(\)/,
    put: "const sealed = this.#segments.list().find((segment) => segment.end > position); return sealed !== undefined && sealed.end - sealed.start === this.#segments.size",
    foundBy: [{ file: "truncation/archive" }],
  },
  {
    name: "a segment that was cut while the hook was at it counts as taken",
    file: "truncation/archive.js",
    find: "if (this.#cuts !== cuts)",
    put: "if (false)",
    foundBy: [{ file: "truncation/archive" }],
  },
  {
    name: "retain ignores the readers",
    file: "truncation/prefix-drop.js",
    find: "return Math.min(limit, this.#log.beside.lowestNeeded);",
    put: "return limit;",
    foundBy: [{ file: "truncation/retain" }],
  },
  {
    name: "retain drops under a reader that came meanwhile",
    file: "truncation/prefix-drop.js",
    find: "at > beside.lowestNeeded",
    put: "false",
    foundBy: [{ file: "truncation/retain" }],
  },
  {
    name: "retain drops the record that a reader stands within",
    file: "truncation/prefix-drop.js",
    find: "return record.next <= limit ? record.next : record.lsn;",
    put: "return record.next;",
    foundBy: [{ file: "truncation/retain", title: "stands within a record" }],
  },
  {
    name: "a segment goes whose last bytes are still the log's",
    file: "store/segmented-store.js",
    find: "(index + 1) * this.segmentSize <= offset && index",
    put: "(index + 1) * this.segmentSize < offset + 8 && index",
    foundBy: [{ file: "truncation/prefix", title: "one byte of it is the log's" }],
  },
  {
    name: "what counts as archived is not lowered where the log has lost it",
    file: "truncation/archive.js",
    find: /if \(archive\.position > end\)\s+archive\.cut\(end\);/,
    put: "",
    foundBy: [{ file: "truncation/archive", title: "loss that was accepted" }],
  },
  {
    name: "a reader past a cut stays where it was",
    file: "truncation/reader-position.js",
    find: "this.#mark.lower(end);",
    put: "",
    foundBy: [{ file: "truncation/reader" }],
  },
  {
    name: "the front is dropped within a record",
    file: "truncation/prefix-drop.js",
    find: "at <= state.head || at === standing.writtenUpTo(at) ? at : view.read(at).lsn",
    put: "at",
    foundBy: [{ file: "truncation/prefix" }],
  },
];
