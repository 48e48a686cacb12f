/** The options of commands that show records, and what comes of them: which records, in what form, as which lines. */
import type { WalRecord } from "../index.ts";
import type { Values } from "./command.ts";
import { decoderOf } from "./decoder.ts";
import { usageError } from "./failure.ts";
import { anyForm, decodedForm, hexForm, type RecordForm, textForm } from "./record-form.ts";
import { RecordJson, type RecordLines, RecordTable } from "./record-table.ts";
import type { Terminal } from "./terminal.ts";
import type { Damage } from "./walk.ts";

export const recordOptions = {
  grep: { kind: "text", value: "REGEXP", short: "g", summary: "Show records whose text matches." },
  "ignore-case": { kind: "flag", short: "i", summary: "Match capitals and small letters alike." },
  hex: { kind: "flag", short: "x", summary: "Show the bytes of each record in hexadecimal." },
  text: {
    kind: "flag",
    short: "t",
    summary: "Show the whole text of each record, control characters escaped.",
  },
  raw: { kind: "flag", summary: "The bytes of each record as they are, and a newline. Not to a terminal." },
  decode: {
    kind: "text",
    value: "CODEC",
    short: "d",
    summary: "Show what json, msgpack, cbor or pack-io:FILE makes of each record.",
  },
  table: { kind: "flag", summary: "A table, also in a pipe." },
} as const;

type Given = Values<typeof recordOptions> & { readonly json: boolean };

export interface ShownRecords {
  readonly lines: RecordLines;
  readonly matches: (record: WalRecord) => boolean;
}

/** @throws {CliError} when the options contradict each other, or a decoder cannot be had. */
export async function shownRecords(terminal: Terminal, options: Given): Promise<ShownRecords> {
  const form = await formOf(options);
  if (options.raw && terminal.out.isTerminal) {
    throw usageError(
      "--raw is for a pipe or a file: a terminal would obey what is in the records.",
      "Use --text or --hex.",
    );
  }
  const matches = matcherOf(options, form);
  return { lines: options.raw ? new RawLines(terminal) : linesOf(terminal, options, form), matches };
}

async function formOf(options: Given): Promise<RecordForm> {
  const asked = [options.hex, options.text, options.raw, options.decode !== undefined];
  if (asked.filter(Boolean).length > 1) {
    throw usageError("--hex, --text, --raw and --decode exclude each other: one form at a time.");
  }
  if (options.decode !== undefined) return decodedForm(await decoderOf(options.decode));
  return options.hex ? hexForm : options.text ? textForm : anyForm;
}

function matcherOf(options: Given, form: RecordForm): (record: WalRecord) => boolean {
  if (options.grep === undefined) return () => true;
  const pattern = patternOf(options.grep, options["ignore-case"]);
  return (record) => pattern.test(form.searched(record));
}

function patternOf(text: string, ignoreCase: boolean): RegExp {
  try {
    return new RegExp(text, ignoreCase ? "iu" : "u");
  } catch (error) {
    throw usageError(`--grep: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function linesOf({ out }: Terminal, options: Given, form: RecordForm): RecordLines {
  const isTable = !options.json && (options.table || out.isTerminal);
  return isTable ? new RecordTable(out, form) : new RecordJson(out, form);
}

const newline: Uint8Array = new Uint8Array([10]);

/** The bytes alone; damage is told on standard error. */
class RawLines implements RecordLines {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  begin(): void {}

  record(record: WalRecord): void {
    const { out } = this.#terminal;
    out.bytes(record.data);
    out.bytes(newline);
  }

  damage({ lsn, length, reason }: Damage): void {
    this.#terminal.warn(`${length} bytes at ${lsn} are no record (${reason}).`);
  }
}
