/**
 * The native floor: the same log written straight on the system's calls, a program apart that prints
 * one line of JSON. It is no part of this project; `--floor` or WAL_DB_FLOOR says where it stands.
 *
 *   FLOOR folder case ...     cases: mem, file, threads, commit
 */
import { execFileSync } from "node:child_process";

/** Where each figure stands in the table: store, call, threads; and how it becomes records a second. */
const figures = {
  mem_append_ns: ["memory", "append", 1, (value) => 1e9 / value],
  file_append_ns: ["file", "append", 1, (value) => 1e9 / value],
  file_append_2threads_per_s: ["file", "append", 2, Number],
  file_append_4threads_per_s: ["file", "append", 4, Number],
  file_append_8threads_per_s: ["file", "append", 8, Number],
  commit_1_per_s: ["file", "commit, blocking", 1, Number],
  commit_2threads_per_s: ["file", "commit, blocking", 2, Number],
  commit_4threads_per_s: ["file", "commit, blocking", 4, Number],
  commit_8threads_per_s: ["file", "commit, blocking", 8, Number],
};

/** One run of a case: [store, call, threads, records a second] each. */
export function runFloor(program, folder, name) {
  const printed = JSON.parse(execFileSync(program, [folder, name], { encoding: "utf8" }));
  return Object.entries(printed)
    .filter(([key]) => key in figures)
    .map(([key, value]) => {
      const [store, call, threads, perSecond] = figures[key];
      return { store, call, threads, perSecond: perSecond(value) };
    });
}

export const floorCases = ["mem", "file", "threads", "commit"];
