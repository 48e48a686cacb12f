/**
 * A log as the place where a stream ends: what comes is appended as it comes, flushed while more
 * is coming, and no more is taken while too much waits for a flush.
 */
import { invalidArgument, shown } from "../errors.ts";
import { appendAllAheadBytesMax } from "../limits.ts";

/** What it needs of a log. */
interface Appendable<R> {
  append(record: R): unknown;
  sync(): Promise<void>;
  readonly end: number;
  readonly durable: number;
}

/** Appends each record; resolves with their number once all are on stable storage. */
export async function appendAll<R>(
  log: Appendable<R>,
  records: Iterable<R> | AsyncIterable<R>,
): Promise<number> {
  checkIterable(records);
  let count = 0;
  let flight: Promise<void> | null = null;
  for await (const record of records) {
    log.append(record);
    count++;
    if (flight === null) {
      flight = log.sync().finally(() => {
        flight = null;
      });
      // Told again by the append or the sync that comes next: a failed flush is final.
      flight.catch(() => {});
    }
    if (log.end - log.durable > appendAllAheadBytesMax) await flight;
  }
  await log.sync();
  return count;
}

/** A Uint8Array is an iterable too, of numbers: to say "object" of it would explain nothing. */
function classOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return shown(value);
  const made = Object.getPrototypeOf(value) as { readonly constructor?: { readonly name?: unknown } } | null;
  const name = made?.constructor?.name;
  return typeof name === "string" && name !== "" ? `an object of class ${name}` : "object";
}

function checkIterable(records: unknown): void {
  const plain = typeof records === "object" && records !== null && !(records instanceof Uint8Array);
  if (plain && (Symbol.asyncIterator in records || Symbol.iterator in records)) return;
  throw invalidArgument(
    `appendAll takes a stream, an array, or another iterable of records; got ${classOf(records)}.`,
  );
}
