import type { Mutation } from "./mutation.ts";

/** Iteration and following. */
export const inReading: readonly Mutation[] = [
  {
    name: "iteration goes past what was committed",
    file: "read/log-view.js",
    find: "const end = (state.committed + beyond);",
    put: "const end = store.length;",
    foundBy: [{ file: "wal/failing-store" }],
  },
  {
    name: "iteration goes past its bound",
    file: "read/iterate.js",
    find: "this.#cursor.offset >= this.#stretch.to",
    put: "false",
    foundBy: [{ file: "wal/iterate" }],
  },
  {
    name: "bytes that went missing are taken for the end",
    file: "read/iterate.js",
    find: 'step === "end" && this.#cursor.offset < this.#end',
    put: "false",
    foundBy: [{ file: "wal/iterate" }],
  },
  {
    name: "an iteration is not told of a cut",
    file: "read/iterate.js",
    find: "log.cutCount !== this.#cutsSeen",
    put: "false",
    foundBy: [{ file: "truncation/suffix" }],
  },
  {
    name: "an iteration is not told that the front was dropped",
    file: "read/iterate.js",
    find: "this.#cursor.offset < log.head",
    put: "false",
    foundBy: [{ file: "truncation/prefix" }],
  },
  {
    name: "the data of a record is a view into memory that is used again",
    file: "read/cursor.js",
    find: "new Window(false, readFirstChunkBytes)",
    put: "new Window(true, readFirstChunkBytes)",
    foundBy: [{ file: "wal/iterate" }],
  },
  {
    name: "a follower of what is durable reads past it",
    file: "read/live-tail.js",
    find: "const reached = progress[until];",
    put: "const reached = progress.appended;",
    foundBy: [{ file: "read/follow" }],
  },
  {
    name: "a follower of what is durable in another process reads past the mark",
    file: "read/disk-tail.js",
    find: 'until === "durable" ? Math.min(this.#mark, this.#length) : this.#length',
    put: "this.#length",
    foundBy: [{ file: "read/follow-disk" }],
  },
  {
    name: "a follower gives what it had read ahead before a cut",
    file: "read/live-tail.js",
    find: "this.#cursor = this.#cursorAt(this.#end);",
    put: "",
    foundBy: [{ file: "read/follow", title: "random lives" }],
  },
  {
    name: "a follower in another process does not read the notes of cuts again",
    file: "read/disk-tail.js",
    find: /else\s+this\.#heedCuts\(notes\);\s+\}\s+\/\*\* The first look/,
    put: "} /** The first look",
    foundBy: [{ file: "read/follow-disk" }],
  },
];
