/**
 * The library broken on purpose, in one place at a time: the simulator must each time find it out,
 * within a few seeds.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { folderOfCopy, type Mutation } from "../support/broken-copy.ts";
import { simulate } from "./sim-process.ts";

interface FoundMutation extends Mutation {
  /** What the simulator says of it: the right thing, and not any. */
  readonly says: RegExp;
}

const mutations: readonly FoundMutation[] = [
  {
    name: "the checksum is not compared",
    file: "record/scan.js",
    from: /crc32cRange\(window, at \+ lengthOffset, at \+ size\) !== readU32\(window, at\)/,
    to: "false",
    says: /stands|invented|reports|refuse/,
  },
  {
    name: "a flush leaves out the names of new segments",
    file: "store/segmented-store.js",
    from: /if \(flights\.some\(\(flight\) => flight\.names\)\)/,
    to: "if (false)",
    says: /is not on the disk|was acknowledged/,
  },
  {
    name: "a new log's name is not flushed",
    file: "store/durable-fs.js",
    from: /disk\.flushDirectoryBlocking\(dirname\(path\)\);\s+return fd;/,
    to: "return fd;",
    says: /the mark claims|is not on the disk|refused|was acknowledged|is gone/,
  },
  {
    name: "durable and the mark are raised before the flush",
    file: "commit/group-commit.js",
    from: /await this\.#store\.flush\(\);/,
    to: "this.#succeed(group.target); await this.#store.flush();",
    says: /is not on the disk|the mark claims/,
  },
  {
    name: "durable is set from the tail",
    file: "commit/group-commit.js",
    from: /this\.#state\.raiseDurable\(begin\);/,
    to: "this.#state.raiseDurable(this.#state.tail);",
    says: /is not on the disk|the mark claims/,
  },
  {
    name: "what follows the mark is not written again",
    file: "recovery/recover.js",
    from: /yield\* rewrite\(store, Math/,
    to: "if (false) yield* rewrite(store, Math",
    says: /is not on the disk|the mark claims/,
  },
  {
    name: "the quarantine is not flushed before the cut",
    file: "store/durable-fs.js",
    from: /disk\.open\(path, "create"\);\s+try \{\s+try \{\s+fill\(fd\);\s+disk\.flushAllBlocking\(fd\);/,
    to: 'disk.open(path, "create"); try { try { fill(fd);',
    says: /in no quarantine|what convert made/,
  },
  {
    name: "nothing is saved to quarantine",
    file: "recovery/recover.js",
    from: /mustSave \? saveTail\(store, found\) : null/,
    to: "null",
    says: /quarantine/,
  },
  {
    name: "the head is replaced in place",
    file: "store/head-marker.js",
    from: /replace\(disk, path, \(fd\) => writeFully\(disk, fd, bytes, 0\)\);/,
    to: `const fd = disk.open(path, disk.stat(path).kind === "missing" ? "create" : "r+");
      disk.truncate(fd, 0);
      writeFully(disk, fd, bytes, 0);
      disk.flushAllBlocking(fd);
      disk.close(fd);
      disk.flushDirectoryBlocking(path.replace(/\\/head$/, ""));`,
    says: /torn-head|the head is/,
  },
  {
    name: "a failed flush does not poison",
    file: "commit/group-commit.js",
    from: /this\.#state\.setPoison\(asIoError\(error, "The flush failed"[^;]*;\s*return poisoned\([^;]*;/,
    to: "return poisoned(asIoError(error, ''), path);",
    says: /poisoned|is not on the disk|the mark claims/,
  },
  {
    name: "a write that failed is not taken back",
    file: "wal.js",
    from: /checkDone\(this\.#store, "truncate", this\.#store\.truncate\(start\)\);/,
    to: "",
    says: /./,
  },
  {
    name: "the lock is not taken",
    file: "wal.js",
    from: /store\.side\?\.lock\?\.\(\);/,
    to: "",
    says: /a second writer/,
  },
  {
    name: "the mark is not lowered before a cut",
    file: "truncation/suffix-cut.js",
    from: /this\.#mark\?\.lower\(end\);/,
    to: "",
    says: /the mark claims|refused/,
  },
  {
    name: "a cut is called through before its flush",
    file: "truncation/suffix-cut.js",
    from: /cut\.flushed = this\.#commit\.barrier\(\);/,
    to: "",
    says: /stands|ends at|the mark|the end is|after power/,
  },
  {
    name: "a segment is dropped before it is archived",
    file: "wal.js",
    from: /Math\.min\(this\.head, this\.#archive\?\.position \?\? Infinity\)/,
    to: "this.head",
    says: /never archived|archive/,
  },
  {
    name: "a follower is not told of a cut",
    file: "read/live-tail.js",
    from: /if \(offset > lowest\)\s+this\.#told = [^;]*;/,
    to: "",
    says: /a follower/,
  },
];

/** Enough for each: the last of them is found by seed 1500 or so. */
const seeds = "1..6000";

for (const mutation of mutations) {
  test(`found out: ${mutation.name}`, (t) => {
    const folder = folderOfCopy(t, mutation);
    const { code, output } = simulate("--seeds", seeds, "--jobs", "1", "--no-shrink", "--library", folder);
    const said = /FAILED: (.*)/.exec(output)?.[1] ?? "";
    t.diagnostic(said.slice(0, 200));
    assert.equal(code, 1, output);
    assert.match(said, mutation.says);
  });
}
