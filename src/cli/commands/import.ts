import { Buffer } from "node:buffer";
import { existsSync } from "node:fs";
import { addAbortSignal } from "node:stream";
import type { Wal } from "../../index.ts";
import { type Command, type Context, command, jsonOption, logArgument, logOptions } from "../command.ts";
import { exitCode } from "../exit-code.ts";
import { usageError } from "../failure.ts";
import { openToWrite, sourceOptions } from "../log-source.ts";
import { printable, printableJson } from "../printable.ts";
import { counted } from "../quantity.ts";
import { inputError, readLines, textOf } from "../record-input.ts";
import { tellOfRepair } from "../told.ts";

export const importRecords: Command = command({
  name: "import",
  summary: "Make a log from the lines of JSON that export or dump wrote.",
  description: [
    "Each line is an object with data (in base64), hex or text. With a length beside it, that must be the length of the record: text that dump made of bytes that are none is refused. The records get new LSNs, which are the old ones where nothing was missing and the log begins at 0; --json prints both. All is on stable storage when it ends with 0.",
    "Lines that tell of damage are left out. When the input is wrong in the middle, what was imported before stays.",
  ],
  arguments: [{ ...logArgument, summary: "The log to make." }],
  options: {
    append: { kind: "flag", summary: "Append to the log that is there." },
    ...jsonOption,
    ...logOptions,
  },
  examples: [
    { line: "wal-db import app.wal < records.ndjson", does: "A new log in one file." },
    { line: "wal-db import log/ --segment-size 16MiB < records.ndjson", does: "One in segments." },
  ],
  exits: ["corrupt", "loss", "input", "locked"],
  async run(context, { arguments: [path = ""], options }) {
    if (!options.append && existsSync(path)) throw isThere(path);
    const { signal } = context;
    const wal = await openToWrite(path, { ...sourceOptions(options), create: !options.append, signal });
    const tally = { records: 0, moved: 0 };
    try {
      // Another import may have come first, and be over.
      if (!options.append && wal.end > 0) throw isThere(path);
      tellOfRepair(context, wal);
      await importAll(context, wal, options, tally);
      await wal.sync();
    } finally {
      await wal.close();
    }
    if (options.json) return exitCode.done;
    const { records, moved } = tally;
    const where =
      moved === 0 ? "at the LSNs that they had" : `${counted(moved, "one", "of them")} at new LSNs`;
    context.terminal.out.line(`${printable(path)}: ${counted(records, "record")}, ${where}.`);
    return exitCode.done;
  },
});

function isThere(path: string): Error {
  return usageError(
    `${path} is there already.`,
    "Give another name; or --append, to append the records to what is there.",
  );
}

interface Tally {
  records: number;
  /** Of which the LSN is another than it was. */
  moved: number;
}

async function importAll(
  { stdin, signal, terminal: { out } }: Context,
  wal: Wal,
  options: { readonly json: boolean; readonly "max-record-size": number },
  tally: Tally,
): Promise<void> {
  const input = addAbortSignal(signal, stdin);
  for await (const imported of readLines(input, lineBytesMax(options["max-record-size"]), recordOf)) {
    const lsns = wal.appendBatch(imported.map(({ data }) => data));
    for (const [index, lsn] of lsns.entries()) {
      const was = imported[index]?.lsn;
      tally.records++;
      if (was !== undefined && was !== lsn) tally.moved++;
      if (options.json) out.line(printableJson({ lsn, was: was ?? null }));
    }
    if (out.isFull) await out.room();
    signal.throwIfAborted();
  }
}

/** Of a record in base64, with room for what stands around it. */
function lineBytesMax(maxRecordBytes: number): number {
  return Math.ceil(maxRecordBytes / 3) * 4 + 4096;
}

interface Imported {
  readonly lsn: number | undefined;
  readonly data: Uint8Array;
}

/** Null for an empty line, and for one that tells of damage. */
function recordOf(line: Uint8Array, number: number): Imported | null {
  const text = textOf(line, number);
  if (text.trim() === "") return null;
  const value = parsed(text, number);
  if (typeof value !== "object" || value === null) throw noRecord(number);
  const { lsn, length, data, hex, text: given, damage } = value as Readonly<Record<string, unknown>>;
  const was = typeof lsn === "number" ? lsn : undefined;
  if (typeof data === "string") return { lsn: was, data: ofLength(bytesOf(data, number), length, number) };
  if (typeof hex === "string") return { lsn: was, data: ofLength(bytesOfHex(hex, number), length, number) };
  if (typeof given === "string") return { lsn: was, data: textOfRecord(given, length, number) };
  if (damage !== undefined) return null;
  throw noRecord(number);
}

function parsed(text: string, number: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw inputError(
      `line ${number}`,
      `not JSON (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}

function noRecord(number: number): Error {
  return inputError(
    `line ${number}`,
    "not an object with data (base64), hex or text",
    "To append any lines as they are: wal-db append --create LOG.",
  );
}

/** What a line says of the record's length must be so: a part of it is not imported for the whole. */
function ofLength(bytes: Uint8Array, length: unknown, number: number): Uint8Array {
  if (typeof length !== "number" || length === bytes.length) return bytes;
  throw inputError(`line ${number}`, `${bytes.length} bytes, where its length says ${length}`);
}

/** dump --text shows U+FFFD for bytes that are no UTF-8: taken for the record, those bytes would be lost. */
function textOfRecord(text: string, length: unknown, number: number): Uint8Array {
  const bytes = Buffer.from(text);
  if (typeof length !== "number" || (bytes.length === length && !text.includes("\ufffd"))) return bytes;
  throw inputError(
    `line ${number}`,
    "its text does not show the bytes of the record, which may be no UTF-8",
    "Import what wal-db export wrote, or dump without --text.",
  );
}

function bytesOfHex(text: string, number: number): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text))
    throw inputError(`line ${number}`, "hex is not hex");
  return Buffer.from(text, "hex");
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

function bytesOf(text: string, number: number): Uint8Array {
  if (text.length % 4 !== 0 || !base64.test(text)) throw inputError(`line ${number}`, "data is not base64");
  return Buffer.from(text, "base64");
}
