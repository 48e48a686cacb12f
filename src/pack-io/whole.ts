/**
 * A whole value, to and from whole bytes. One writer and one reader a thread, kept; a call within a call (a getter of a
 * value that is being encoded may encode) gets its own. Faults become PackIoErrors here.
 */
import { invalidArgument, shown } from "../errors.ts";
import { PackIoError } from "./error.ts";
import { Fault } from "./fault.ts";
import { type Limits, limitsDefault } from "./limits.ts";
import type { Parts } from "./parts.ts";
import { Reader } from "./reader.ts";
import { full, Writer } from "./writer.ts";

let idleWriter: Writer | null = null;
let idleReader: Reader | null = null;

function takeWriter(limits: Limits, target: Uint8Array | null): Writer {
  const writer = idleWriter ?? new Writer(limits);
  idleWriter = null;
  writer.begin(limits, target);
  return writer;
}

function giveWriter(writer: Writer): void {
  writer.finish();
  idleWriter = writer;
}

export function encodeWhole<T>(parts: Parts<T>, limits: Limits, value: T): Uint8Array {
  const writer = takeWriter(limits, null);
  try {
    parts.write(writer, value);
    return writer.bytes.slice(0, writer.at);
  } catch (error) {
    throw publicError(error, "encode", writer.at, writer.depth);
  } finally {
    giveWriter(writer);
  }
}

export function lengthOfWhole<T>(parts: Parts<T>, limits: Limits, value: T): number {
  const writer = takeWriter(limits, null);
  try {
    parts.write(writer, value);
    return writer.at;
  } catch (error) {
    throw publicError(error, "encode", writer.at, writer.depth);
  } finally {
    giveWriter(writer);
  }
}

export function encodeWholeInto<T>(parts: Parts<T>, limits: Limits, value: T, target: Uint8Array): number {
  if (!(target instanceof Uint8Array)) throw notBytes("encodeInto", target);
  const writer = takeWriter(limits, target);
  try {
    parts.write(writer, value);
    return writer.at;
  } catch (error) {
    if (error === full) return -1;
    throw publicError(error, "encode", writer.at, writer.depth);
  } finally {
    giveWriter(writer);
  }
}

export function decodeWhole<T>(parts: Parts<T>, limits: Limits, bytes: Uint8Array): T {
  if (!(bytes instanceof Uint8Array)) throw notBytes("decode", bytes);
  const reader = idleReader ?? new Reader(limits);
  idleReader = null;
  reader.begin(bytes, limits);
  try {
    const value = parts.read(reader);
    if (reader.at < reader.end) throw trailing(reader);
    return value;
  } catch (error) {
    throw publicError(error, "decode", reader.at, reader.depth);
  } finally {
    reader.finish();
    idleReader = reader;
  }
}

export function trailing(reader: Reader): Fault {
  const left = reader.end - reader.at;
  return new Fault("TrailingBytes", reader.at, `${left} bytes are left after the value.`);
}

/** The bytes from `from` up to `to`, in memory of their own, whatever kind of Uint8Array they are in. */
export function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const length = to - from;
  const copy = new Uint8Array(length);
  // Memory of so few bytes lies within the array itself, and a view of what is copied would take longer than the loop.
  if (length <= 64) for (let i = 0; i < length; i++) copy[i] = bytes[from + i] as number;
  else copy.set(bytes.subarray(from, to));
  return copy;
}

/** The bytes of a value whose encoding is known to succeed: one that was decoded, under the same limits. */
export function bytesOf<T>(parts: Parts<T>, value: T, limits: Limits = limitsDefault): Uint8Array {
  return encodeWhole(parts, limits, value);
}

function publicError(error: unknown, doing: string, at: number, depth: number): unknown {
  if (error instanceof Fault) return error.toError(doing);
  // The stack may be smaller than maxDepth supposes: a thread can have less, and a caller may have used it up.
  if (depth > 0 && isStackOverflow(error)) {
    const message = `Cannot ${doing}, InvalidLength at byte ${at}: nested ${depth} deep, and the stack is full.`;
    return new PackIoError("InvalidLength", message, { offset: at, cause: error });
  }
  return error;
}

/** A RangeError in most engines, and an InternalError in one. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof Error && /call stack|recursion|stack (?:size|overflow|space)/i.test(error.message);
}

export function notBytes(call: string, given: unknown): Error {
  return invalidArgument(`${call} takes a Uint8Array; got ${shown(given)}.`);
}
