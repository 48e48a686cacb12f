/**
 * The only calls of a codec: what goes wrong in one becomes WAL_ENCODING, and what comes back is checked
 * before anything is done with it. A codec may do anything: throw what is no Error, return a Promise,
 * append to the log that asked it.
 */
import { messageOf, shown, WalError, type WalErrorFacts } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import { trueLength } from "../true-bytes.ts";
import type { Codec } from "./codec.ts";

/**
 * The bytes of a value. They are good until the codec is called again.
 *
 * @throws {WalError} WAL_ENCODING when the codec throws, or returns no bytes.
 */
export function encoded<T>(codec: Codec<T>, value: T): Uint8Array {
  let bytes: unknown;
  let fault: string | null;
  try {
    bytes = codec.encode(value);
    fault = faultOf(bytes);
  } catch (cause) {
    throw notEncoded(cause);
  }
  if (fault === null) return bytes as Uint8Array;
  throw new WalError("WAL_ENCODING", `The codec's encode returned ${fault}. ${nothingAppended}`);
}

/**
 * How many bytes a codec has encoded into `target`, or -1 when it has no encodeInto or `target` is too small for it.
 *
 * @throws {WalError} WAL_ENCODING when the codec throws, or says what cannot be.
 */
export function encodedInto<T>(codec: Codec<T>, value: T, target: Uint8Array): number {
  const room = target.length;
  let length: number | undefined;
  try {
    length = codec.encodeInto?.(value, target);
  } catch (cause) {
    throw notEncoded(cause);
  }
  if (length === undefined || length === -1) return -1;
  // Less room than there was: its memory was transferred to somebody else.
  const fits = Number.isInteger(length) && length >= 0 && length <= room && target.length === room;
  if (fits) return length;
  throw new WalError(
    "WAL_ENCODING",
    `The codec's encodeInto returned ${shown(length)} for a target of ${room} bytes: ` +
      `it returns how many it has written, or -1 when they do not fit. ${nothingAppended}`,
  );
}

/**
 * The value of a record's bytes, which the codec may keep.
 *
 * @throws {WalError} WAL_ENCODING, with the LSN as `offset`, when the codec throws, or returns a Promise.
 */
export function decoded<T>(codec: Codec<T>, bytes: Uint8Array, lsn: Lsn): T {
  let value: T;
  try {
    value = codec.decode(bytes);
  } catch (cause) {
    throw new WalError(
      "WAL_ENCODING",
      `The codec cannot decode the record at ${lsn}, which is intact: ${messageOf(cause)}. ` +
        "Was it written with another codec, or another version of it?",
      { ...factsOf(cause), offset: lsn, cause },
    );
  }
  if (!(value instanceof Promise)) return value;
  muffle(value);
  throw new WalError(
    "WAL_ENCODING",
    `The codec's decode returned a Promise for the record at ${lsn}. A codec is synchronous.`,
    { offset: lsn },
  );
}

const nothingAppended = "Nothing was appended.";

function notEncoded(cause: unknown): WalError {
  return new WalError(
    "WAL_ENCODING",
    `The codec cannot encode this value: ${messageOf(cause)}. ${nothingAppended}`,
    {
      ...factsOf(cause),
      cause,
    },
  );
}

/** A codec of this package says more than its message. */
function factsOf(cause: unknown): WalErrorFacts {
  if (!(cause instanceof WalError)) return {};
  const { reason, length, max } = cause;
  return { reason, length, max };
}

/** What is wrong with what `encode` returned, or null. */
function faultOf(bytes: unknown): string | null {
  if (bytes instanceof Uint8Array)
    return hasBytes(bytes) ? null : "bytes whose memory is gone, or a proxy of them";
  if (typeof bytes === "object" && bytes !== null && "then" in bytes && typeof bytes.then === "function") {
    muffle(bytes);
    return "a Promise, and a codec is synchronous";
  }
  const hint = typeof bytes === "string" ? " (new TextEncoder().encode(text) makes bytes of it)" : "";
  return `${kindOf(bytes)}${hint}, and not a Uint8Array`;
}

function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return value === null ? "null" : `a ${typeof value}`;
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

/** Its rejection would end the process, and the caller is told of the Promise anyway. */
function muffle(promise: unknown): void {
  if (promise instanceof Promise) Promise.prototype.then.call(promise, undefined, () => {});
}
