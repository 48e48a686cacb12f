/** The commands there are. A command's module is loaded when it is called, and not before. */
import type { Command } from "./command.ts";

export interface Entry {
  readonly name: string;
  readonly load: () => Promise<Command>;
  /** What the list of commands says of it; the same as the command's own. */
  readonly summary: string;
}

export const entries: readonly Entry[] = [
  {
    name: "dump",
    summary: "Show the records: a table on a terminal, a line of JSON for each in a pipe.",
    load: async () => (await import("./commands/dump.ts")).dump,
  },
  {
    name: "stat",
    summary: "Show what a log is: where it begins and ends, its records, segments and damage.",
    load: async () => (await import("./commands/stat.ts")).stat,
  },
  {
    name: "report",
    summary: "Draw a log as one HTML page: map, sizes, growth, damage, records.",
    load: async () => (await import("./commands/report.ts")).report,
  },
  {
    name: "bench",
    summary: "Measure what a flush costs on a device, and durable commits on it.",
    load: async () => (await import("./commands/bench.ts")).bench,
  },
  {
    name: "verify",
    summary: "Check every byte of a log, and say whether it is whole.",
    load: async () => (await import("./commands/verify.ts")).verify,
  },
];

export function entryOf(name: string): Entry | undefined {
  return entries.find((entry) => entry.name === name);
}
