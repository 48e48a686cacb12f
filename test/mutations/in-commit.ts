import type { Mutation } from "./mutation.ts";

/** Counters, group commit, poison; and the calls of the log that use them. */
export const inCommit: readonly Mutation[] = [
  {
    name: "durable is set from the tail",
    file: "commit/group-commit.js",
    find: "this.#state.raiseDurable(begin);",
    put: "this.#state.raiseDurable(this.#state.tail);",
    foundBy: [{ file: "commit/group-commit" }],
  },
  {
    name: "committed ignores who is still writing",
    file: "commit/log-state.js",
    find: "if (bound < lowest)",
    put: "if (false)",
    foundBy: [{ file: "commit/log-state" }],
  },
  {
    name: "the gate is not closed",
    file: "commit/log-state.js",
    find: /this\.#closeTail\(\);\s+return true;\s+\}\s+#closeTail/,
    put: "return true; } #closeTail",
    foundBy: [{ file: "commit/log-state" }],
  },
  {
    name: "the gate opens before those within are through",
    file: "commit/log-state.js",
    find: 'this.waitBlocking("writer", () => !this.#othersWrite());',
    put: "",
    foundBy: [{ file: "commit/log-state" }],
  },
  {
    name: "poison is not sticky",
    file: "commit/log-state.js",
    find: "this.onPoison?.();",
    put: `this.onPoison?.();
        setImmediate(() => {
            const tail = this.tail;
            this.#poison = null;
            this.#cells.store(phaseCell, phaseOpen);
            this.#cells.store(gateCell, nobody);
            this.#cells.store(tailCell, tail);
        });`,
    foundBy: [{ file: "commit/group-commit" }, { file: "wal/failing-store" }],
  },
  {
    name: "those who wait for a flush that failed are told that all is well",
    file: "commit/group-commit.js",
    find: "group.reject(error)",
    put: "group.resolve()",
    foundBy: [{ file: "commit/group-commit" }],
  },
  {
    name: "a flush that failed is tried again",
    file: "commit/group-commit.js",
    find: "await this.#store.flush();",
    put: "await Promise.resolve().then(() => this.#store.flush()).catch(() => void this.#store.flush());",
    foundBy: [{ file: "commit/group-commit" }],
  },
  {
    name: "a blocking flush that failed is tried again",
    file: "commit/group-commit.js",
    find: 'checkDone(this.#store, "flushBlocking", this.#store.flushBlocking());',
    put: "try { this.#store.flushBlocking(); } catch { this.#store.flushBlocking(); }",
    foundBy: [{ file: "recovery/poison-reopen" }],
  },
  {
    name: "a flight that lands after the log was poisoned is believed",
    file: "commit/group-commit.js",
    find: /if \(state\.poison !== null\)\s+throw this\.#refusal\(\);/,
    put: "",
    foundBy: [{ file: "commit/group-commit" }],
  },
  {
    name: "the tail stays up after a write that failed",
    file: "append/writer.js",
    find: "state.openGate(start);",
    put: "state.openGate(start + size);",
    foundBy: [{ file: "wal/failing-store" }],
  },
  {
    name: "what a failed write has left is not cut off",
    file: "append/writer.js",
    find: 'checkDone(store, "truncate", store.truncate(start));',
    put: "",
    foundBy: [{ file: "wal/failing-store" }],
  },
  {
    name: "a write that cannot be taken back does not poison",
    file: "append/writer.js",
    find: /state\.setPoison\(cut\);\s+return poisoned\(cut, store\.path\);/,
    put: "state.openGate(start); return cut;",
    foundBy: [{ file: "wal/failing-store" }],
  },
  {
    name: "appendAndSync does not wait for the flush",
    file: "append/stage.js",
    find: "flush.then(this.#settle.resolve, this.#settle.reject);",
    put: "flush.catch(() => {}); this.#settle.resolve();",
    foundBy: [{ file: "commit/group-commit" }],
  },
  {
    name: "the first record of a stage that follows a full one is told another LSN",
    file: "append/writer.js",
    find: "const at = this.#frames.length;",
    put: "const at = this.#written.length > 0 && this.#frames.length === 0 ? 8 : this.#frames.length;",
    foundBy: [{ file: "append/stage", title: "the next begins behind it" }],
  },
  {
    name: "only the last stage of a turn waits for the flush",
    file: "append/writer.js",
    find: /for \(const stage of this\.#written\.splice\(0\)\)\s+stage\.wait\(flush\);/,
    put: "for (const [i, stage] of this.#written.splice(0).entries()) stage.wait(i === 0 ? Promise.resolve() : flush);",
    foundBy: [{ file: "append/stage" }],
  },
  {
    name: "appendAndSync of a large record does not wait for the flush",
    file: "wal.js",
    find: "await this.#commit.sync(this.#writer.lastEnd);",
    put: "",
    foundBy: [{ file: "commit/group-commit" }],
  },
  {
    name: "close does not sync",
    file: "wal.js",
    find: /get #syncsAtClose\(\) \{/,
    put: "get #syncsAtClose() { return false;",
    foundBy: [{ file: "commit/group-commit" }, { file: "wal/open-and-close" }],
  },
  {
    name: "a large payload in shared memory is not copied",
    file: "append/writer.js",
    find: "const payload = shared ? new Uint8Array(checked) : checked;",
    put: "const payload = checked;",
    foundBy: [{ file: "wal/append" }],
  },
  {
    name: "appendAll does not wait for the disk",
    file: "commit/append-all.js",
    find: /if \(log\.end - log\.durable > appendAllAheadBytesMax\)\s+await flight;/,
    put: "",
    foundBy: [{ file: "read/streams" }],
  },
];
