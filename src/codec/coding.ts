/**
 * The only calls of a codec: what goes wrong in one becomes WAL_ENCODING, and what comes back is checked
 * before anything is done with it. A codec may do anything: throw what is no Error, return a Promise,
 * append to the log that asked it.
 *
 *   encoded, encodedInto, decoded       for the log: whatever is thrown becomes the `cause` of a WAL_ENCODING
 *   bytesFrom, bytesInto, valueFrom,    for a codec around a codec: what that throws passes as it is
 *   plainBytesFrom
 */
import { messageOf, shown, WalError, type WalErrorFacts } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import { plainView, trueLength } from "../true-bytes.ts";
import type { Codec } from "./codec.ts";

/**
 * The bytes of a value. They are good until the codec is called again.
 *
 * @throws {WalError} WAL_ENCODING when the codec throws, or returns no bytes.
 */
export function encoded<T>(codec: Codec<T>, value: T): Uint8Array {
  try {
    return bytesFrom(codec, value);
  } catch (cause) {
    throw notEncoded(cause);
  }
}

/**
 * How many bytes a codec has encoded into `target`, or -1 when it has no encodeInto or `target` is too small for it.
 *
 * @throws {WalError} WAL_ENCODING when the codec throws, or says what cannot be.
 */
export function encodedInto<T>(codec: Codec<T>, value: T, target: Uint8Array): number {
  try {
    return bytesInto(codec, value, target);
  } catch (cause) {
    throw notEncoded(cause);
  }
}

/**
 * The value of a record's bytes, which the codec may keep.
 *
 * @throws {WalError} WAL_ENCODING, with the LSN as `offset`, when the codec throws, or returns a Promise.
 */
export function decoded<T>(codec: Codec<T>, bytes: Uint8Array, lsn: Lsn): T {
  try {
    return valueFrom(codec, bytes);
  } catch (cause) {
    throw new WalError(
      "WAL_ENCODING",
      `The codec cannot decode the record at ${lsn}: ${said(cause)}. The record is intact: ` +
        "was it written with another codec or key, or by another version of the program?",
      { ...factsOf(cause), offset: lsn, cause },
    );
  }
}

export function bytesFrom<T>(codec: Codec<T>, value: T): Uint8Array {
  const bytes: unknown = codec.encode(value);
  if (bytes instanceof Uint8Array && hasBytes(bytes)) return bytes;
  refusePromise(bytes, "encode");
  throw codecFault(
    "not-bytes",
    `encode returned ${kindOf(bytes)}, and not a Uint8Array${hintOn(bytes, codec)}`,
  );
}

/**
 * The same, and as many as there are, whatever their class says: for who is about to put them into other bytes, or to
 * encrypt them, where one that says too much or too little would come to light when the value is read.
 */
export function plainBytesFrom<T>(codec: Codec<T>, value: T): Uint8Array {
  return plainView(bytesFrom(codec, value));
}

export function bytesInto<T>(codec: Codec<T>, value: T, target: Uint8Array): number {
  if (codec.encodeInto === undefined) return -1;
  const room = target.length;
  const length = codec.encodeInto(value, target);
  // Less room than there was: its memory was transferred to somebody else.
  const fits = Number.isInteger(length) && length >= -1 && length <= room && target.length === room;
  if (fits) return length;
  refusePromise(length, "encodeInto");
  const rule = "it returns how many it has written, or -1 when they do not fit";
  throw codecFault(
    "not-bytes",
    `encodeInto returned ${shown(length)} for a target of ${room} bytes: ${rule}`,
  );
}

export function valueFrom<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const value = codec.decode(bytes);
  if (value instanceof Promise) refusePromise(value, "decode");
  return value;
}

/** What a codec has to say of itself. */
export function codecFault(reason: string, message: string, facts: WalErrorFacts = {}): WalError {
  return new WalError("WAL_ENCODING", message, { ...facts, reason });
}

/** A Promise is refused; what it rejects with would end the process, and the caller is told anyway. */
export function refusePromise(value: unknown, method: string): void {
  if (typeof value !== "object" || value === null || !("then" in value)) return;
  if (typeof value.then !== "function") return;
  if (value instanceof Promise) void Promise.prototype.then.call(value, undefined, () => {});
  throw codecFault("asynchronous", `${method} returned a Promise, and a codec is synchronous`);
}

/** What `encoded` or `encodedInto` threw at one value of several, saying at which. Any other error as it is. */
export function atValue(error: unknown, index: number, count: number): unknown {
  if (!(error instanceof WalError) || error.code !== "WAL_ENCODING") return error;
  return notEncoded(error.cause, `values[${index}], of ${count}`);
}

function notEncoded(cause: unknown, which = "this value"): WalError {
  const message = `The codec cannot encode ${which}: ${said(cause)}. Nothing was appended.`;
  return new WalError("WAL_ENCODING", message, { ...factsOf(cause), cause });
}

function said(cause: unknown): string {
  const text = messageOf(cause).replace(/[.\s]+$/, "");
  return text === "" ? "it threw an error that says nothing" : text;
}

/** A codec of this package says more than its message. */
function factsOf(cause: unknown): WalErrorFacts {
  try {
    if (!(cause instanceof WalError)) return {};
    const { reason, length, max } = cause;
    return { reason, length, max };
  } catch {
    // A proxy that cannot be looked at.
    return {};
  }
}

/** zod's schemas have encode and decode, so one that was given without `validated` is taken for a codec. */
function hintOn(bytes: unknown, codec: object): string {
  if (typeof bytes === "string") return ": new TextEncoder().encode(text) makes bytes of it";
  return "~standard" in codec ? ": this is a schema, and validated(schema, json()) a codec" : "";
}

function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return value === null ? "null" : `a ${typeof value}`;
  if (value instanceof Uint8Array) return "bytes whose memory is gone";
  return `an object of class ${value.constructor?.name ?? "(none)"}`;
}

/** False of a proxy, and of one whose buffer was transferred or has shrunk. */
function hasBytes(bytes: Uint8Array): boolean {
  try {
    if (trueLength(bytes) > 0) return true;
    new Uint8Array(0).set(bytes);
    return true;
  } catch {
    return false;
  }
}
