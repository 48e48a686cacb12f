import { existsSync } from "node:fs";
import { addAbortSignal } from "node:stream";
import type { Lsn, Wal } from "../../index.ts";
import { type Command, type Context, command, jsonOption, logArgument, logOptions } from "../command.ts";
import { exitCode } from "../exit-code.ts";
import { CliError } from "../failure.ts";
import { openToWrite, sourceOptions } from "../log-source.ts";
import { bytesText, counted } from "../quantity.ts";
import { inputForms, recordBatches } from "../record-input.ts";
import { printableJson } from "../printable.ts";
import { tellOfRepair } from "../told.ts";

export const append: Command = command({
  name: "append",
  summary: "Append records from standard input, and print their LSNs.",
  description: [
    "Takes the lock. What a crash has left at the end of the log is cut off first, as any open does. A log is refused that is corrupt, or has lost data, from its mark on: what is below the mark is not read, however damaged, and wal-db verify is for that.",
    "--sync each flushes after every record; group after what has arrived meanwhile, which is as safe and much faster; end once, at the end. With each and group an LSN is printed when its record is on stable storage; with end as soon as it is appended, and the exit code 0 says that all are.",
    "A record is what stands between two newlines: that of Windows leaves its CR in it. When the input breaks off or is wrong in the middle, what was appended before stays.",
  ],
  arguments: [logArgument],
  options: {
    input: {
      kind: "choice",
      choices: inputForms,
      summary:
        "One record for each line; the same, and each must be JSON; or a u32 (little-endian) and so many bytes.",
      fallback: "lines",
    },
    sync: {
      kind: "choice",
      choices: ["each", "group", "end"],
      summary: "When to flush.",
      fallback: "group",
    },
    create: {
      kind: "flag",
      summary: "Make the log if there is none: segments with --segment-size, else a file.",
    },
    quiet: { kind: "flag", short: "q", summary: "Print no LSNs." },
    ...jsonOption,
    ...logOptions,
  },
  examples: [
    { line: "echo 'a record' | wal-db append app.wal", does: "Append one record." },
    {
      line: "wal-db append --create --input ndjson --sync end --quiet app.wal < records.ndjson",
      does: "A new log from a file of JSON, one value to the line.",
    },
  ],
  exits: ["corrupt", "loss", "input", "locked"],
  async run(context, { arguments: [path = ""], options }) {
    const { stdin, signal, terminal } = context;
    const source = sourceOptions(options);
    if (!options.create && !existsSync(path)) {
      throw new CliError(
        exitCode.missing,
        `there is no log at ${path}.`,
        "Is the path right? To make a new log, give --create.",
      );
    }
    const wal = await openToWrite(path, { ...source, create: options.create, signal });
    tellOfRepair(context, wal);
    let failure: { readonly error: unknown } | null = null;
    try {
      const print = printerOf(context, options);
      const input = addAbortSignal(signal, stdin);
      for await (const records of recordBatches(input, options.input, options["max-record-size"])) {
        await store(wal, records, options.sync, print);
        terminal.out.release();
        if (terminal.out.isFull) await terminal.out.room();
        signal.throwIfAborted();
      }
    } catch (error) {
      failure = { error };
    }
    await closeAfter(wal, failure);
    const { appends, appendedBytes } = wal.stats();
    if (terminal.err.isTerminal) {
      terminal.note(`${counted(appends, "record")}, ${bytesText(appendedBytes)}, all on stable storage.`);
    }
    return exitCode.done;
  },
});

type Print = (lsn: Lsn) => void;

function printerOf(
  { terminal: { out } }: Context,
  { quiet, json }: { readonly quiet: boolean; readonly json: boolean },
): Print {
  if (quiet) return () => {};
  return json ? (lsn) => out.line(printableJson({ lsn })) : (lsn) => out.line(String(lsn));
}

async function store(
  wal: Wal,
  records: readonly Uint8Array[],
  sync: "each" | "group" | "end",
  print: Print,
): Promise<void> {
  if (sync === "each") {
    for (const record of records) print(await wal.appendAndSync(record));
    return;
  }
  const lsns = wal.appendBatch(records);
  if (sync === "group") await wal.sync();
  for (const lsn of lsns) print(lsn);
}

/** Closing syncs, also what came before a failure; that is what is told. */
async function closeAfter(wal: Wal, failure: { readonly error: unknown } | null): Promise<void> {
  try {
    await wal.close();
  } catch (error) {
    if (failure === null) throw error;
  }
  if (failure !== null) throw failure.error;
}
