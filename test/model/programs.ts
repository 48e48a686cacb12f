/**
 * The programs that are searched: a few calls for each thread.
 *
 * `preemptions` bounds the short form; a program without one is searched in every order. The long form
 * goes one preemption further, or as `long` says.
 */
import type { Program } from "./search.js";

export interface ModelProgram extends Program {
  /** How the log must be found at the end: each of these in some order, and no other. */
  readonly ends: readonly ("open" | "poisoned" | "closed")[];
  readonly long?: Partial<Program>;
}

export const programs: readonly ModelProgram[] = [
  { name: "two append", threads: ["append", "append"], ends: ["open"] },
  { name: "two append twice", threads: ["append2", "append2"], ends: ["open"] },
  { name: "three append", threads: ["append", "append", "append"], ends: ["open"] },
  { name: "a batch beside two appends", threads: ["batch", "append2"], ends: ["open"] },
  {
    name: "one joins while others append",
    threads: ["append", "appendAndSyncBlocking", "append"],
    joined: 2,
    preemptions: 2,
    ends: ["open"],
  },
  {
    name: "two append, either may die",
    threads: ["append", "append"],
    mortal: [0, 1],
    ends: ["open", "poisoned"],
  },
  {
    name: "three append, one may die",
    threads: ["append", "append", "append"],
    mortal: [1],
    ends: ["open", "poisoned"],
  },
  {
    name: "a write fails beside an append",
    threads: ["failingThenAppend", "append"],
    ends: ["open", "poisoned"],
  },
  {
    name: "a write fails beside an append, either may die",
    threads: ["failingThenAppend", "append"],
    mortal: [0, 1],
    preemptions: 3,
    long: { preemptions: Infinity },
    ends: ["open", "poisoned"],
  },
  {
    name: "a write fails beside two appends",
    threads: ["failingAppend", "append", "append"],
    preemptions: 2,
    ends: ["open", "poisoned"],
  },
  {
    name: "two writes fail beside an append",
    threads: ["failingAppend", "failingAppend", "append"],
    preemptions: 2,
    ends: ["open", "poisoned"],
  },
  {
    name: "append and sync beside an append",
    threads: ["appendThenSync", "append"],
    ends: ["open"],
  },
  {
    name: "append and a blocking sync beside an append",
    threads: ["appendThenSyncBlocking", "append"],
    ends: ["open"],
  },
  {
    name: "a sync beside two appends",
    threads: ["append", "append", "sync"],
    preemptions: 2,
    ends: ["open"],
  },
  {
    name: "a sync beside a write that fails",
    threads: ["appendThenSync", "failingAppend"],
    preemptions: 3,
    ends: ["open", "poisoned"],
  },
  {
    name: "two sync",
    threads: ["appendAndSync", "appendAndSync"],
    preemptions: 2,
    ends: ["open"],
  },
  {
    name: "two sync, blocking",
    threads: ["appendAndSyncBlocking", "appendAndSyncBlocking"],
    preemptions: 2,
    ends: ["open"],
  },
  {
    name: "two sync, one blocking",
    threads: ["appendAndSync", "appendAndSyncBlocking"],
    preemptions: 2,
    ends: ["open"],
  },
  {
    name: "two sync, one blocking, and waits end too early",
    threads: ["appendAndSync", "appendAndSyncBlocking"],
    preemptions: 1,
    earlyLooks: 1,
    ends: ["open"],
  },
  {
    name: "three sync, blocking",
    threads: ["appendAndSyncBlocking", "appendAndSyncBlocking", "appendAndSyncBlocking"],
    preemptions: 1,
    ends: ["open"],
  },
  {
    name: "two sync, and the first flush fails",
    threads: ["appendAndSync", "appendAndSyncBlocking"],
    preemptions: 2,
    failingFlush: 1,
    ends: ["poisoned"],
  },
  {
    name: "two sync, and the second flush fails",
    threads: ["appendAndSync", "appendAndSync"],
    preemptions: 2,
    failingFlush: 2,
    ends: ["poisoned"],
  },
  {
    name: "two sync, either may die",
    threads: ["appendAndSync", "appendAndSync"],
    preemptions: 1,
    mortal: [0, 1],
    ends: ["open", "poisoned"],
  },
  {
    name: "two sync, blocking, either may die",
    threads: ["appendAndSyncBlocking", "appendAndSyncBlocking"],
    preemptions: 1,
    mortal: [0, 1],
    ends: ["open", "poisoned"],
  },
  {
    name: "a sync, a write that fails, and an append that may die",
    threads: ["appendAndSync", "failingAppend", "append"],
    preemptions: 1,
    mortal: [2],
    ends: ["open", "poisoned"],
  },
  {
    name: "one that syncs may die, and another joins",
    threads: ["appendAndSyncBlocking", "appendAndSync", "append"],
    joined: 2,
    preemptions: 1,
    mortal: [1],
    ends: ["open", "poisoned"],
  },
  {
    name: "a blocking sync with a flight of the same thread under way",
    threads: ["syncAndSyncBlocking", "append"],
    preemptions: 2,
    ends: ["open"],
  },
  {
    name: "an append with a flight of the same thread under way, beside a write that fails",
    threads: ["syncAndAppend", "failingAppend"],
    preemptions: 2,
    ends: ["open", "poisoned"],
  },
  {
    name: "a cut beside an append",
    threads: ["cut", "append"],
    preemptions: 3,
    long: { preemptions: Infinity },
    ends: ["open"],
  },
  {
    name: "a blocking cut beside a sync",
    threads: ["cutBlocking", "appendAndSyncBlocking"],
    preemptions: 2,
    ends: ["open"],
  },
  {
    name: "a cut beside a sync",
    threads: ["cut", "appendAndSync"],
    preemptions: 2,
    ends: ["open"],
  },
  {
    name: "a cut beside a write that fails",
    threads: ["cut", "failingAppend"],
    preemptions: 2,
    ends: ["open", "poisoned"],
  },
  {
    name: "a cut beside an append, either may die",
    threads: ["cut", "append"],
    preemptions: 1,
    mortal: [0, 1],
    ends: ["open", "poisoned"],
  },
  {
    name: "close beside an append",
    threads: ["close", "append"],
    preemptions: 3,
    long: { preemptions: Infinity },
    ends: ["closed"],
  },
  {
    name: "close beside a sync",
    threads: ["close", "appendAndSync"],
    preemptions: 2,
    ends: ["closed"],
  },
  {
    name: "close beside a blocking sync that may die",
    threads: ["close", "appendAndSyncBlocking"],
    preemptions: 2,
    mortal: [1],
    ends: ["closed", "poisoned"],
  },
  {
    name: "close beside a write that fails",
    threads: ["appendThenClose", "failingAppend"],
    preemptions: 2,
    ends: ["closed", "poisoned"],
  },
  {
    name: "close, and its flush fails, beside an append",
    threads: ["appendThenClose", "append"],
    preemptions: 2,
    failingFlush: 1,
    ends: ["poisoned"],
  },
  {
    name: "close, and a flush fails",
    threads: ["close", "appendAndSync"],
    preemptions: 2,
    failingFlush: 1,
    ends: ["closed", "poisoned"],
  },
];
