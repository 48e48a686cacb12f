/** How a record is shown: in one line of a table, in full beneath it, or in JSON. */
import { Buffer } from "node:buffer";
import type { WalRecord } from "../index.ts";
import type { Decode } from "./decoder.ts";
import { fitted, printable, printableJson } from "./printable.ts";

export interface RecordForm {
  /** The fields of JSON that hold its bytes. */
  fields(record: WalRecord): Readonly<Record<string, unknown>>;
  /** In so many columns, safe to show. */
  inLine(record: WalRecord, columns: number): string;
  /** Lines beneath its own, safe to show. */
  beneath?(record: WalRecord): Iterable<string>;
  /** What `--grep` looks at. */
  searched(record: WalRecord): string;
}

/** What fits: text where it is text, else bytes. In JSON base64. */
export const anyForm: RecordForm = {
  fields: (record) => ({ data: bufferOf(record).toString("base64") }),
  inLine: (record, columns) => fitted(preview(record.data, columns), columns),
  searched: textOf,
};

/** The whole text, what is not UTF-8 replaced. */
export const textForm: RecordForm = {
  fields: (record) => ({ text: textOf(record) }),
  inLine: (record) => printable(textOf(record)),
  searched: textOf,
};

/** A dump of the bytes beneath each record, sixteen to the line. */
export const hexForm: RecordForm = {
  fields: (record) => ({ hex: bufferOf(record).toString("hex") }),
  inLine: () => "",
  beneath: (record) => hexLines(record.data),
  searched: textOf,
};

/** What a decoder makes of it, as JSON; or why it does not. */
export function decodedForm(decode: Decode): RecordForm {
  const read = (record: WalRecord): { readonly value: unknown } | { readonly why: string } => {
    try {
      return { value: jsonable(decode(record.data)) };
    } catch (error) {
      return { why: error instanceof Error ? error.message : String(error) };
    }
  };
  return {
    fields: (record) => {
      const shown = read(record);
      if ("value" in shown) return shown;
      return { undecoded: shown.why, data: bufferOf(record).toString("base64") };
    },
    inLine: (record) => {
      const shown = read(record);
      return "value" in shown ? printableJson(shown.value) : `not decoded: ${printable(shown.why)}`;
    },
    searched: (record) => {
      const shown = read(record);
      return "value" in shown ? JSON.stringify(shown.value) : "";
    },
  };
}

export function bufferOf({ data }: WalRecord): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.length);
}

function textOf(record: WalRecord): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(record.data);
}

const hexColumns = 16;

export function* hexLines(bytes: Uint8Array, from: number = 0): Generator<string> {
  for (let at = 0; at < bytes.length; at += hexColumns) {
    const part = bytes.subarray(at, at + hexColumns);
    const hex = Array.from(part, (byte) => byte.toString(16).padStart(2, "0"));
    const left = hex.slice(0, 8).join(" ").padEnd(23);
    const right = hex.slice(8).join(" ").padEnd(23);
    const text = Array.from(part, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."));
    yield `${(from + at).toString(16).padStart(8, "0")}  ${left}  ${right}  |${text.join("")}|`;
  }
}

/** Text where the bytes are UTF-8 of which most can be shown, else bytes in hexadecimal. */
function preview(bytes: Uint8Array, columns: number): string {
  const some = bytes.subarray(0, columns * 4);
  try {
    // A character that is cut at the end of what is looked at is no mistake.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(some, {
      stream: some.length < bytes.length,
    });
    const shown = printable(text);
    if (shown.length <= text.length * 1.5 + 2)
      return shown + (some.length < bytes.length ? " ".repeat(columns) : "");
  } catch {
    // Not text.
  }
  const hex = Array.from(bytes.subarray(0, columns), (byte) => byte.toString(16).padStart(2, "0"));
  return `0x ${hex.join(" ")}${bytes.length > columns ? " ".repeat(columns) : ""}`;
}

/** Of one record; far from where the stack ends, here or in JSON.stringify. */
const nestingMax = 1000;

/**
 * What JSON has no word for, in a word that it has: a bigint as its digits, bytes as base64, maps and sets as lists.
 *
 * @throws {RangeError} when it is nested too deep.
 */
function jsonable(value: unknown, depth: number = 0): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value === undefined) return null;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth === nestingMax) throw new RangeError(`nested more than ${nestingMax} deep`);
  const within = (item: unknown): unknown => jsonable(item, depth + 1);
  if (value instanceof Map) return [...value].map(([key, item]) => [within(key), within(item)]);
  if (value instanceof Set) return [...value].map(within);
  if (Array.isArray(value)) return value.map(within);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, within(item)]));
}
