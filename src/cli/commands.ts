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
    name: "tail",
    summary: "Show the last records; with -f, go on with those that come.",
    load: async () => (await import("./commands/tail.ts")).tail,
  },
  {
    name: "stat",
    summary: "Show what a log is: where it begins and ends, its records, segments and damage.",
    load: async () => (await import("./commands/stat.ts")).stat,
  },
  {
    name: "verify",
    summary: "Check every byte of a log, and say whether it is whole.",
    load: async () => (await import("./commands/verify.ts")).verify,
  },
  {
    name: "append",
    summary: "Append records from standard input, and print their LSNs.",
    load: async () => (await import("./commands/append.ts")).append,
  },
  {
    name: "truncate",
    summary: "Drop the records after one, or those before one, for good.",
    load: async () => (await import("./commands/truncate.ts")).truncate,
  },
  {
    name: "repair",
    summary: "Make a damaged log one that opens: shows the plan, asks, quarantines, cuts.",
    load: async () => (await import("./commands/repair.ts")).repair,
  },
  {
    name: "quarantine",
    summary: "List, show and restore what repair and recovery have cut off and saved.",
    load: async () => (await import("./commands/quarantine.ts")).quarantine,
  },
  {
    name: "convert",
    summary: "Write the same records in another layout: one file, or segments.",
    load: async () => (await import("./commands/convert.ts")).convert,
  },
  {
    name: "export",
    summary: "Write all records as lines of JSON, which import reads.",
    load: async () => (await import("./commands/export.ts")).exportRecords,
  },
  {
    name: "import",
    summary: "Make a log from the lines of JSON that export or dump wrote.",
    load: async () => (await import("./commands/import.ts")).importRecords,
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
    name: "completion",
    summary: "Print a script that completes command lines in your shell.",
    load: async () => (await import("./commands/completion.ts")).completion,
  },
];

export function entryOf(name: string): Entry | undefined {
  return entries.find((entry) => entry.name === name);
}
