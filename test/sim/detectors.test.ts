/**
 * The library broken on purpose, in one place at a time: the simulator must each time find it out,
 * within a few seeds.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mutationNamed } from "../mutations/list.ts";
import { folderOfCopy } from "../support/broken-copy.ts";
import type { Patch } from "../support/patch.ts";
import { simulate } from "./sim-process.ts";

interface FoundMutation extends Patch {
  readonly name: string;
  /** What the simulator says of it: the right thing, and not any. */
  readonly says: RegExp;
  /** Where the first seed that finds it is far out. */
  readonly seeds?: string;
}

const mutations: readonly FoundMutation[] = [
  { ...mutationNamed("the checksum is not compared"), says: /stands|invented|reports|refuse/ },
  {
    ...mutationNamed("a flush leaves out the names of new segments"),
    says: /is not on the disk|was acknowledged/,
  },
  {
    ...mutationNamed("a new log's name is not flushed"),
    says: /the mark claims|is not on the disk|refused|was acknowledged|is gone/,
  },
  {
    name: "durable and the mark are raised before the flush",
    file: "commit/group-commit.js",
    find: /await this\.#store\.flush\(\);/,
    put: "this.#succeed(group.target); await this.#store.flush();",
    says: /is not on the disk|the mark claims/,
  },
  { ...mutationNamed("durable is set from the tail"), says: /is not on the disk|the mark claims/ },
  {
    ...mutationNamed("the bytes past the mark are not written again"),
    says: /is not on the disk|the mark claims/,
  },
  { ...mutationNamed("the quarantine file is not flushed"), says: /in no quarantine|what convert made/ },
  { ...mutationNamed("nothing is saved to quarantine"), says: /quarantine/ },
  { ...mutationNamed("the head is written in place"), says: /torn-head|the head is|the mark claims/ },
  { ...mutationNamed("a failed flush does not poison"), says: /poisoned|is not on the disk|the mark claims/ },
  {
    ...mutationNamed("what a failed write has left is not cut off"),
    says: /what convert made/,
    seeds: "1970..6000",
  },
  { ...mutationNamed("the lock is not taken"), says: /a second writer/ },
  { ...mutationNamed("the mark is not lowered before the cut"), says: /the mark claims|refused/ },
  {
    ...mutationNamed("a cut resolves without its flush"),
    says: /stands|ends at|the mark|the end is|after power|durable is/,
  },
  {
    ...mutationNamed("a segment is removed before the archive has taken it"),
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
    put: "stage.written(this.#write(bytes, null)); if (stage.records > 1) this.#write(bytes, null);",
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

/** Enough for each. */
const seedsDefault = "1..6000";

for (const mutation of mutations) {
  test(`found out: ${mutation.name}`, (t) => {
    const folder = folderOfCopy(t, mutation);
    const seeds = mutation.seeds ?? seedsDefault;
    const { code, output } = simulate("--seeds", seeds, "--jobs", "1", "--no-shrink", "--library", folder);
    const said = /FAILED: (.*)/.exec(output)?.[1] ?? "";
    t.diagnostic(said.slice(0, 200));
    assert.equal(code, 1, output);
    assert.match(said, mutation.says);
  });
}
