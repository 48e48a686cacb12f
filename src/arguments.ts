/** What users give with a call, checked: the names of options, places in the log, batches. */
import { invalidArgument, shown } from "./errors.ts";
import { Lsn } from "./lsn.ts";

/** A misspelt option must not be passed over: it may be the one that was to keep the data. */
export function checkKeys(call: string, given: object, known: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    throw invalidArgument(`${call} has no option ${JSON.stringify(key)}. There are: ${known.join(", ")}.`);
  }
}

/** @throws {WalError} WAL_INVALID_ARGUMENT naming the argument. */
export function offsetOf(name: string, value: number): Lsn {
  if (Number.isSafeInteger(value) && value >= 0) return Lsn(value);
  throw invalidArgument(`${name} is an LSN, a whole number of bytes from 0 on; got ${shown(value)}.`);
}

/** All of a batch at once: the iterable is the caller's code, and might itself append. */
export function batchOf<R>(records: Iterable<R>): R[] {
  const iterable =
    typeof records === "object" && records !== null && typeof records[Symbol.iterator] === "function";
  if (!iterable || records instanceof Uint8Array) {
    throw invalidArgument("appendBatch takes an array, or another iterable, of records.");
  }
  return Array.from(records);
}
