/**
 * Records from standard input, in one of three forms, in bounded memory:
 *
 *   lines             each line, without its newline; the last one need have none
 *   ndjson            the same, and each line must be JSON; empty lines are left out
 *   length-prefixed   a u32, little-endian, and so many bytes; again and again
 *
 * They come in batches: what has arrived since the last was asked for.
 */
import { exitCode } from "./exit-code.ts";
import { CliError } from "./failure.ts";

export const inputForms = ["lines", "ndjson", "length-prefixed"] as const;
export type InputForm = (typeof inputForms)[number];

type Chunks = AsyncIterable<Uint8Array>;

export async function* recordBatches(
  chunks: Chunks,
  form: InputForm,
  maxRecordBytes: number,
): AsyncGenerator<Uint8Array[], void, undefined> {
  if (form === "length-prefixed") yield* prefixedBatches(chunks, maxRecordBytes);
  else if (form === "ndjson") yield* readLines(chunks, maxRecordBytes, checkedJson);
  else yield* lineBatches(chunks, maxRecordBytes);
}

/** An error that names the place in the input. */
export function inputError(place: string, what: string, next?: string): CliError {
  return new CliError(exitCode.input, `standard input, ${place}: ${what}.`, next);
}

const newline = 10;

export async function* lineBatches(
  chunks: Chunks,
  maxBytes: number,
): AsyncGenerator<Uint8Array[], void, undefined> {
  const rest = new Rest();
  let number = 1;
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = [];
    let at = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, at)) {
      const line = rest.take(chunk.subarray(at, end));
      if (line.length > maxBytes) {
        if (lines.length > 0) yield lines;
        throw tooLong(number, maxBytes);
      }
      lines.push(line);
      at = end + 1;
      number++;
    }
    if (lines.length > 0) yield lines;
    rest.put(chunk.subarray(at));
    if (rest.length > maxBytes) throw tooLong(number, maxBytes);
  }
  const last = rest.take(new Uint8Array(0));
  if (last.length > 0) yield [last];
}

/** What each line says; null leaves it out. What comes before a line that throws is handed on first. */
export async function* readLines<T>(
  chunks: Chunks,
  maxBytes: number,
  read: (line: Uint8Array, number: number) => T | null,
): AsyncGenerator<T[], void, undefined> {
  let number = 0;
  for await (const lines of lineBatches(chunks, maxBytes)) {
    const batch: T[] = [];
    for (const line of lines) {
      try {
        const value = read(line, ++number);
        if (value !== null) batch.push(value);
      } catch (error) {
        if (batch.length > 0) yield batch;
        throw error;
      }
    }
    if (batch.length > 0) yield batch;
  }
}

/** Null for an empty line. */
function checkedJson(line: Uint8Array, number: number): Uint8Array | null {
  const text = textOf(line, number);
  if (text.trim() === "") return null;
  try {
    JSON.parse(text);
    return line;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw inputError(`line ${number}`, `not JSON (${why})`, "With --input lines, any line is a record.");
  }
}

export function textOf(line: Uint8Array, number: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(line);
  } catch {
    throw inputError(`line ${number}`, "not UTF-8");
  }
}

const prefixBytes = 4;

async function* prefixedBatches(
  chunks: Chunks,
  maxBytes: number,
): AsyncGenerator<Uint8Array[], void, undefined> {
  const rest = new Rest();
  let number = 1;
  let want = prefixBytes;
  for await (const chunk of chunks) {
    rest.put(chunk);
    if (rest.length < want) continue;
    const bytes = rest.take(new Uint8Array(0));
    const records: Uint8Array[] = [];
    let at = 0;
    for (;;) {
      want = prefixBytes;
      if (at + want > bytes.length) break;
      const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0, true);
      if (length > maxBytes) {
        if (records.length > 0) yield records;
        throw inputError(
          `record ${number}`,
          `it says that it is ${length} bytes long, and ${maxBytes} is the most`,
        );
      }
      want = prefixBytes + length;
      if (at + want > bytes.length) break;
      records.push(bytes.subarray(at + prefixBytes, at + want));
      at += want;
      number++;
    }
    rest.put(bytes.subarray(at));
    if (records.length > 0) yield records;
  }
  if (rest.length > 0) throw inputError(`record ${number}`, `it ends after ${rest.length} of ${want} bytes`);
}

/** What came without its end yet. */
class Rest {
  #parts: Uint8Array[] = [];
  length: number = 0;

  put(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.length += part.length;
  }

  /** All of it and `end`, in one piece. */
  take(end: Uint8Array): Uint8Array {
    if (this.length === 0) return end;
    const whole = new Uint8Array(this.length + end.length);
    let at = 0;
    for (const part of [...this.#parts, end]) {
      whole.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.length = 0;
    return whole;
  }
}

function tooLong(number: number, maxBytes: number): CliError {
  return inputError(
    `line ${number}`,
    `longer than ${maxBytes} bytes, the most that a record may have`,
    "Give a larger --max-record-size, here and wherever the log is opened.",
  );
}
