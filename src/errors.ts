import type { Lsn } from "./lsn.ts";

/**
 * What went wrong, as a stable code to switch on. Each is described in docs/errors.md.
 *
 * | code | meaning |
 * |---|---|
 * | `WAL_RECORD_TOO_LARGE` | the payload (`length`) is above `max` bytes |
 * | `WAL_CORRUPT` | no intact record where one must be: `offset`, `reason` |
 * | `WAL_IO` | the store failed: the error is `cause`, its code is `errno` |
 * | `WAL_POISONED` | a write or flush failed earlier, or a thread died within one: `cause` says which; reopen to recover |
 * | `WAL_LOCKED` | another process, thread or Wal holds the log |
 * | `WAL_CLOSED` | the log was closed |
 * | `WAL_READ_ONLY` | the log was opened with `readOnly` |
 * | `WAL_ENCODING` | a codec threw: its error is `cause` |
 * | `WAL_INVALID_ARGUMENT` | an argument, or a store, is not of the shape that is asked for |
 * | `WAL_UNSUPPORTED` | this platform or runtime cannot do it |
 */
export type WalErrorCode =
  | "WAL_RECORD_TOO_LARGE"
  | "WAL_CORRUPT"
  | "WAL_IO"
  | "WAL_POISONED"
  | "WAL_LOCKED"
  | "WAL_CLOSED"
  | "WAL_READ_ONLY"
  | "WAL_ENCODING"
  | "WAL_INVALID_ARGUMENT"
  | "WAL_UNSUPPORTED";

/** The facts of a {@link WalError}, apart from its code and message. */
export interface WalErrorFacts {
  /** Byte offset in the log that the error speaks of. */
  readonly offset?: Lsn | undefined;
  /** The file or directory that the error speaks of. */
  readonly path?: string | undefined;
  /** What the log's mark claims to be on stable storage. */
  readonly mark?: Lsn | undefined;
  /** A word for what was found, such as `checksum-mismatch`. */
  readonly reason?: string | undefined;
  /** Bytes that were asked for. */
  readonly length?: number | undefined;
  /** Bytes that would have been allowed. */
  readonly max?: number | undefined;
  /** The operating system's code, such as `ENOSPC`. */
  readonly errno?: string | undefined;
  /** The error underneath. */
  readonly cause?: unknown;
}

const brand: symbol = Symbol.for("wal-db.WalError");

/**
 * The one error that this library throws and rejects with (`Lsn()` apart, which throws RangeError).
 *
 * `code` is the API; the message is for people and may change. Two copies of the package agree
 * on `instanceof`.
 *
 * @example
 * try {
 *   wal.append(record);
 * } catch (error) {
 *   if (error instanceof WalError && error.code === "WAL_RECORD_TOO_LARGE") split(record);
 *   else throw error;
 * }
 */
export class WalError extends Error {
  readonly code: WalErrorCode;
  declare readonly offset?: Lsn;
  declare readonly path?: string;
  declare readonly mark?: Lsn;
  declare readonly reason?: string;
  declare readonly length?: number;
  declare readonly max?: number;
  declare readonly errno?: string;

  constructor(code: WalErrorCode, message: string, facts: WalErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    if (facts.offset !== undefined) this.offset = facts.offset;
    if (facts.path !== undefined) this.path = facts.path;
    if (facts.mark !== undefined) this.mark = facts.mark;
    if (facts.reason !== undefined) this.reason = facts.reason;
    if (facts.length !== undefined) this.length = facts.length;
    if (facts.max !== undefined) this.max = facts.max;
    if (facts.errno !== undefined) this.errno = facts.errno;
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "WalError", configurable: true, writable: true });
    Object.defineProperty(this.prototype, brand, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== WalError) return Function.prototype[Symbol.hasInstance].call(this, value);
    if (typeof value !== "object" || value === null) return false;
    return brand in value || isOfAnotherThread(value);
  }
}

/** What the "error" event of a worker gives: a copy, with name and code, and without the brand. */
function isOfAnotherThread(value: object): boolean {
  if (!(value instanceof Error) || value.name !== "WalError" || !("code" in value)) return false;
  return typeof value.code === "string" && value.code.startsWith("WAL_");
}

/** The operating system's code on an error of node:fs, if it bears one. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What a thrown value says, whatever it is. */
export function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "something that has no text";
  }
}

/** Wraps what a store threw as WAL_IO; a WalError passes as it is. */
export function asIoError(error: unknown, what: string, facts: WalErrorFacts = {}): WalError {
  if (error instanceof WalError) return error;
  const errno = errnoOf(error);
  return new WalError("WAL_IO", `${what}: ${messageOf(error)}`, { ...facts, errno, cause: error });
}

export function invalidArgument(message: string, facts: WalErrorFacts = {}): WalError {
  return new WalError("WAL_INVALID_ARGUMENT", message, facts);
}

/** A value that is not of its kind, for a message: a symbol or a bare object has no plain string. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || ["number", "boolean", "bigint"].includes(typeof value)) return String(value);
  return typeof value;
}
