/** The protocol, broken on purpose: each must be found by the program that is named with it. */
import type { Patch } from "../support/patch.js";
import type { Program } from "./search.js";

export interface SeededBug {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly program: Program;
  /** What the search says of it. */
  readonly breach: RegExp;
}

const state = "commit/log-state.js";
const group = "commit/group-commit.js";

/** Patches of log-state.js, or of the file that is named. */
function put(find: string | RegExp, instead: string, file: string = state): Patch {
  return { file, find, put: instead };
}

const twoAppend: Program = { name: "two append", threads: ["append", "append"] };
const oneSyncs: Program = {
  name: "one syncs",
  threads: ["appendAndSyncBlocking", "append"],
  preemptions: 2,
};
const bothSync: Program = {
  name: "both sync",
  threads: ["appendAndSync", "appendAndSyncBlocking"],
  preemptions: 2,
};

export const seededBugs: readonly SeededBug[] = [
  {
    name: "the slot is published after the reservation",
    patches: [
      put("cells.store(this.#slot, start);\n            const found", "const found"),
      put(
        "if (found === start)\n                return start;",
        "if (found === start) { cells.store(this.#slot, start); return start; }",
      ),
    ],
    program: twoAppend,
    breach: /committed is \d+; written is all below/,
  },
  {
    name: "the tail is read after the slots",
    patches: [
      put("let lowest = this.tail;", "let lowest = Infinity;"),
      put(
        "return lowest;\n    }\n    /**\n     * Until all below",
        "return Math.min(lowest, this.tail);\n    }\n    /**\n     * Until all below",
      ),
    ],
    program: oneSyncs,
    breach: /thread 0 flushes is \d+; written is all below/,
  },
  {
    name: "a range that was taken back is counted as written",
    patches: [put("this.#cells.load(loweredCell) === lowered", "lowered >= 0")],
    program: {
      name: "one syncs, one fails",
      threads: ["appendThenSync", "failingAppend"],
      preemptions: 3,
    },
    breach: /thread 0 flushes is \d+; written is all below/,
  },
  {
    name: "the reservation is not of the tail that was published",
    patches: [
      put(
        "const found = cells.compareExchange(tailCell, start, start + size);",
        "const found = cells.add(tailCell, size) + (start = 0);",
      ),
      put("if (found === start)\n                return start;", "return found;"),
    ],
    program: {
      name: "one fails and goes on",
      threads: ["failingThenAppend", "append"],
      preemptions: 3,
    },
    breach: /committed is \d+; written is all below/,
  },
  {
    name: "the reservation is a load and a store",
    patches: [
      put(
        "const found = cells.compareExchange(tailCell, start, start + size);",
        "const found = cells.load(tailCell); if (found === start) cells.store(tailCell, start + size);",
      ),
    ],
    program: twoAppend,
    breach: /over thread 0's at 24/,
  },
  {
    name: "the slot is cleared before the bytes are written",
    patches: [
      put(
        "if (found === start)\n                return start;",
        "if (found === start) { this.release(); return start; }",
      ),
    ],
    program: twoAppend,
    breach: /committed is \d+; written is all below/,
  },
  {
    name: "durable is set from the tail",
    patches: [put("this.#state.raiseDurable(begin);", "this.#state.raiseDurable(this.#state.tail);", group)],
    program: oneSyncs,
    breach: /durable is \d+; on stable storage is all below/,
  },
  {
    name: "durable is what is committed when the flush ends",
    patches: [
      put("this.#state.raiseDurable(begin);", "this.#state.raiseDurable(this.#state.committed);", group),
    ],
    program: oneSyncs,
    breach: /durable is \d+; on stable storage is all below/,
  },
  {
    name: "a flush is not told what others have written",
    patches: [put("if (this.#state.isShared)", "if (false)", group)],
    program: oneSyncs,
    breach: /durable is \d+; on stable storage is all below/,
  },
  {
    name: "a writer that is through wakes nobody",
    patches: [
      put(
        "this.#cells.store(this.#slot, slotIdle);\n        if (this.#cells.load(behindCell) !== 0)\n            this.wake();",
        "this.#cells.store(this.#slot, slotIdle);",
      ),
    ],
    program: oneSyncs,
    breach: /all who live wait for each other/,
  },
  {
    name: "who gives up the lead wakes nobody",
    patches: [
      put(
        "this.#cells.compareExchange(leadCell, this.#writer + 1, nobody);\n        this.wake();\n    }",
        "this.#cells.compareExchange(leadCell, this.#writer + 1, nobody);\n    }",
      ),
    ],
    program: bothSync,
    breach: /all who live wait for each other/,
  },
  {
    name: "a waiter is counted in after the look, not before",
    patches: [
      put(
        "this.#cells().add(waitingCell, 1);\n        return false;",
        "this.#cells().add(waitingCell, 1);\n        return true;",
      ),
    ],
    program: bothSync,
    breach: /all who live wait for each other/,
  },
  {
    name: "the epoch is read after the look",
    patches: [
      put("this.#cells.wait(epochCell, seen, deathLook", "this.#cells.wait(epochCell, this.epoch, deathLook"),
    ],
    program: bothSync,
    breach: /all who live wait for each other/,
  },
  {
    name: "two have the lead",
    patches: [
      put(
        "if (this.#cells.compareExchange(leadCell, nobody, this.#writer + 1) !== nobody)\n            return false;",
        "if (this.#cells.load(leadCell) !== nobody) return false; this.#cells.store(leadCell, this.#writer + 1);",
      ),
    ],
    program: bothSync,
    breach: /flushes while thread \d does/,
  },
  {
    name: "the lead of a dead thread is not taken away",
    patches: [put("this.#cells.compareExchange(leadCell, writer + 1, nobody);", "")],
    program: {
      name: "one dies that syncs",
      threads: ["appendAndSyncBlocking", "appendAndSyncBlocking"],
      mortal: [1],
      preemptions: 1,
    },
    breach: /looked \d times for dead threads/,
  },
  {
    name: "a dead writer is buried without poison",
    patches: [put("this.setPoison(deadWriter(where));", "")],
    program: {
      name: "one dies that appends",
      threads: ["appendAndSyncBlocking", "append"],
      mortal: [1],
      preemptions: 2,
    },
    breach: /looked \d times for dead threads/,
  },
  {
    name: "poison is not read again",
    patches: [
      put(
        "this.#poison === null && this.#cells.load(phaseCell) === phasePoisoned",
        "this.#poison === undefined",
      ),
    ],
    program: {
      name: "a flush fails",
      threads: ["appendAndSyncBlocking", "appendAndSync"],
      failingFlush: 1,
      preemptions: 1,
    },
    breach: /all who live wait for each other/,
  },
  {
    name: "the note is written by two",
    patches: [put("if (writer === nobody || writer === mine)", "if (writer >= nobody)")],
    program: {
      name: "two fail, one after them",
      threads: ["failingAppend", "failingAppend", "append"],
      preemptions: 2,
    },
    breach: /read half-written/,
  },
  {
    name: "the gate opens for a cut before those within are through",
    patches: [put('this.waitBlocking("writer", () => !this.#othersWrite());', "")],
    program: { name: "a cut", threads: ["cutBlocking", "append"], preemptions: 2 },
    breach: /writes \d+ bytes at \d+; the log ends at 8/,
  },
  {
    name: "the cut does not wait for the flush of another",
    patches: [
      put(
        "if (this.#leading !== null || state.leads || state.leadIsOfThisThread)",
        "if (state.durable >= 0)",
        group,
      ),
    ],
    program: {
      name: "a cut beside a sync",
      threads: ["cutBlocking", "appendAndSync"],
      preemptions: 2,
    },
    breach: /thread 1 flushes is 32; written is all below 8/,
  },
  {
    name: "a write that fails takes back what came after it",
    patches: [
      put(
        "cells.compareExchange(tailCell, start + size, start - gateClosed) !== start + size",
        "(cells.store(tailCell, start - gateClosed), false)",
      ),
    ],
    program: {
      name: "one fails",
      threads: ["failingAppend", "append"],
      preemptions: 2,
    },
    breach: /the log ends at 24/,
  },
  {
    name: "what fails while the log is closing does not poison it",
    patches: [put("if (phase !== phaseOpen && phase !== phaseClosing)", "if (phase !== phaseOpen)")],
    program: {
      name: "close, and one fails",
      threads: ["appendThenClose", "failingAppend"],
      preemptions: 2,
    },
    breach: /refused with WAL_POISONED, and the log is closing/,
  },
  {
    name: "the gate is not closed for good when the owner closes",
    patches: [
      put("const held = this.#cells.compareExchange(gateCell, nobody, sealed);", "return true; let held;"),
    ],
    program: { name: "close", threads: ["close", "append"], preemptions: 2 },
    breach: /is closed, and its gate stands open/,
  },
  {
    name: "the owner lets go of a poisoned log before those within are through",
    patches: [put(/this\.#trySeal\(\)\);\s+this\.drain\(\);/, "this.#trySeal());")],
    program: {
      name: "close, and its flush fails",
      threads: ["appendThenClose", "append"],
      preemptions: 2,
      failingFlush: 1,
    },
    breach: /thread 1 writes after the owner has let go/,
  },
  {
    name: "who finds the log poisoned does not close its gate when it lets go of it",
    patches: [put(/!== phaseOpen\)\s+this\.#trySeal\(\);/, "!== phaseOpen) {}")],
    program: {
      name: "two fail",
      threads: ["failingAppend", "failingAppend", "append"],
      preemptions: 2,
    },
    breach: /is poisoned, and its gate stands open/,
  },
  {
    name: "the gate that a dead thread had begun to close stays half closed",
    patches: [put(/=== writer \+ 1\)\s+this\.#trySeal\(\);/, "!== 0) {}")],
    program: {
      name: "a cut, and who cuts dies",
      threads: ["cut", "append"],
      preemptions: 1,
      mortal: [0, 1],
    },
    breach: /is poisoned, and its gate stands open/,
  },
];
