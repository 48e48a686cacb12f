/** The one table of exit codes. Those from 64 on are sysexits(3), those from 128 on a signal's number added. */

export interface ExitCode {
  readonly code: number;
  readonly meaning: string;
}

export const exitCode = {
  done: 0,
  torn: 1,
  corrupt: 2,
  loss: 3,
  declined: 4,
  usage: 64,
  input: 65,
  missing: 66,
  fault: 70,
  system: 74,
  locked: 75,
  permission: 77,
  interrupted: 130,
  pipeClosed: 141,
  terminated: 143,
} as const;

const meanings: Readonly<Record<keyof typeof exitCode, string>> = {
  done: "Done. Of verify, dump and export: the log is whole.",
  torn: "The log ends torn: what a crash leaves, and the next open cuts off. Nothing acknowledged is lost.",
  corrupt: "The log is corrupt, or is no log at all. Nothing was changed.",
  loss: "Acknowledged data is lost: the damage is below the mark. Nothing was changed.",
  declined: "You were asked and said no, or it was not confirmed. Nothing was changed.",
  usage: "The command line is wrong.",
  input: "What was given on standard input is not of its form.",
  missing: "There is no log there.",
  fault: "A fault of wal-db itself.",
  system: "The system refused: a disk that is full or fails, a feature that is not there.",
  locked: "Another process holds the log.",
  permission: "This user may not do that there.",
  interrupted: "Interrupted (Ctrl-C).",
  pipeClosed: "Whoever read the output has gone, as `head` does.",
  terminated: "Told to end (SIGTERM).",
};

/** The table, low to high, for the help, the manual and the documentation. */
export const exitCodes: readonly ExitCode[] = (Object.keys(exitCode) as (keyof typeof exitCode)[]).map(
  (name) => ({ code: exitCode[name], meaning: meanings[name] }),
);
