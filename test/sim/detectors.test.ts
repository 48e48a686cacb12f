/**
 * The library broken on purpose, in one place at a time: the simulator must each time find it out,
 * within a few seeds.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { folderOfCopy } from "../support/broken-copy.ts";
import type { Patch } from "../support/patch.ts";
import { simulate } from "./sim-process.ts";

interface FoundMutation extends Patch {
  readonly name: string;
  /** What the simulator says of it: the right thing, and not any. */
  readonly says: RegExp;
}

const mutations: readonly FoundMutation[] = [
  {
    name: "the checksum is not compared",
    file: "record/scan.js",
    find: /return crc32cRange\(window, at \+ lengthOffset, at \+ size\) === readU32\(window, at\);/,
    put: "return true;",
    says: /stands|invented|reports|refuse/,
  },
  {
    name: "a flush leaves out the names of new segments",
    file: "store/segmented-store.js",
    find: /if \(flights\.some\(\(flight\) => flight\.names\)\)/,
    put: "if (false)",
    says: /is not on the disk|was acknowledged/,
  },
  {
    name: "a new log's name is not flushed",
    file: "store/durable-fs.js",
    find: /disk\.flushDirectoryBlocking\(dirname\(path\)\);\s+return fd;/,
    put: "return fd;",
    says: /the mark claims|is not on the disk|refused|was acknowledged|is gone/,
  },
  {
    name: "durable and the mark are raised before the flush",
    file: "commit/group-commit.js",
    find: /await this\.#store\.flush\(\);/,
    put: "this.#succeed(group.target); await this.#store.flush();",
    says: /is not on the disk|the mark claims/,
  },
  {
    name: "durable is set from the tail",
    file: "commit/group-commit.js",
    find: /this\.#state\.raiseDurable\(begin\);/,
    put: "this.#state.raiseDurable(this.#state.tail);",
    says: /is not on the disk|the mark claims/,
  },
  {
    name: "what follows the mark is not written again",
    file: "recovery/recover.js",
    find: /yield\* rewrite\(store, Math/,
    put: "if (false) yield* rewrite(store, Math",
    says: /is not on the disk|the mark claims/,
  },
  {
    name: "the quarantine is not flushed before the cut",
    file: "store/durable-fs.js",
    find: /disk\.open\(path, "create"\);\s+try \{\s+try \{\s+fill\(fd\);\s+disk\.flushAllBlocking\(fd\);/,
    put: 'disk.open(path, "create"); try { try { fill(fd);',
    says: /in no quarantine|what convert made/,
  },
  {
    name: "nothing is saved to quarantine",
    file: "recovery/recover.js",
    find: /mustSave \? saveTail\(store, found\) : null/,
    put: "null",
    says: /quarantine/,
  },
  {
    name: "the head is replaced in place",
    file: "store/head-marker.js",
    find: /replace\(disk, path, \(fd\) => writeFully\(disk, fd, bytes, 0\)\);/,
    put: `const fd = disk.open(path, disk.stat(path).kind === "missing" ? "create" : "r+");
      disk.truncate(fd, 0);
      writeFully(disk, fd, bytes, 0);
      disk.flushAllBlocking(fd);
      disk.close(fd);
      disk.flushDirectoryBlocking(path.replace(/\\/head$/, ""));`,
    says: /torn-head|the head is|the mark claims/,
  },
  {
    name: "a failed flush does not poison",
    file: "commit/group-commit.js",
    find: /this\.#state\.setPoison\(asIoError\(error, "The flush failed"[^;]*;\s*return poisoned\([^;]*;/,
    put: "return poisoned(asIoError(error, ''), path);",
    says: /poisoned|is not on the disk|the mark claims/,
  },
  {
    name: "a write that failed is not taken back",
    file: "append/writer.js",
    find: /checkDone\(store, "truncate", store\.truncate\(start\)\);/,
    put: "",
    says: /./,
  },
  {
    name: "the lock is not taken",
    file: "open-store.js",
    find: /store\.side\?\.lock\?\.\(\);/,
    put: "",
    says: /a second writer/,
  },
  {
    name: "the mark is not lowered before a cut",
    file: "truncation/suffix-cut.js",
    find: /this\.#mark\?\.lower\(end\);/,
    put: "",
    says: /the mark claims|refused/,
  },
  {
    name: "a cut is called through before its flush",
    file: "truncation/suffix-cut.js",
    find: /cut\.flushed = this\.#commit\.barrier\(\);/,
    put: "",
    says: /stands|ends at|the mark|the end is|after power|durable is/,
  },
  {
    name: "a segment is dropped before it is archived",
    file: "truncation/beside.js",
    find: /Math\.min\(this\.#state\.head, this\.archive\?\.position \?\? Infinity\)/,
    put: "this.#state.head",
    says: /never archived|archive/,
  },
  {
    name: "a follower is not told of a cut",
    file: "read/live-tail.js",
    find: /if \(offset > lowest\)\s+this\.#told = [^;]*;/,
    put: "",
    says: /a follower/,
  },
  {
    name: "what was staged is acknowledged before its flush",
    file: "append/stage.js",
    find: /flush\.then\(this\.#settle\.resolve, this\.#settle\.reject\);/,
    put: "flush.catch(() => {}); this.#settle.resolve();",
    says: /was acknowledged|is not on the disk/,
  },
  {
    name: "a stage answers with the place of its first record",
    file: "append/stage.js",
    find: /return \(this\.#start \+ offset\);/,
    put: "return this.#start;",
    says: /appendAndSync answered/,
  },
  {
    name: "records that were staged together are written twice",
    file: "append/writer.js",
    find: /stage\.written\(this\.#write\(bytes, null\)\);/,
    put: "stage.written(this.#write(bytes, null)); if (count > 1) this.#write(bytes, null);",
    says: /was not handed over/,
  },
  {
    name: "a staged record that was refused alone is acknowledged",
    file: "append/stage.js",
    find: /throw outcome \?\? new TypeError\([^;]*;/,
    put: "return this.#start;",
    says: /and not there/,
  },
  {
    name: "a staged record that was written alone is refused",
    file: "append/stage.js",
    find: /if \(typeof outcome === "number"\)\s+return outcome;/,
    put: "",
    says: /appendAndSync threw|was refused and is there|threw 0/,
  },
  {
    name: "staged records that are written one by one change their order",
    file: "append/writer.js",
    find: /for \(let at = 0; at < bytes\.length;\) \{\s+const size = [^;]*;\s+try \{/,
    put: `const starts = [];
      for (let at = 0; at < bytes.length; at += headerBytes + readU32(bytes, at + lengthOffset)) starts.unshift(at);
      for (let at of starts) { const size = headerBytes + readU32(bytes, at + lengthOffset); try {`,
    says: /was not handed over/,
  },
  {
    name: "an append does not write first what is held back",
    file: "append/writer.js",
    find: /append\(record\) \{\s+this\.writeStaged\(\);/,
    put: "append(record) {",
    says: /of a turn|was not handed over|it stands at/,
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
