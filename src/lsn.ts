/**
 * Byte offset of a record in the log: a non-negative safe integer, ordered by `<`.
 *
 * It is a number at run time. The brand keeps a length or a count from being passed where a
 * position in the log is meant.
 */
export type Lsn = number & { readonly __brand: "Lsn" };

/**
 * Checks and brands a number.
 *
 * @throws {RangeError} when `value` is not a non-negative safe integer.
 * @example
 * const from = Lsn(0);
 */
export function Lsn(value: number): Lsn {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(
      `An LSN is a byte offset, a whole number from 0 to ${Number.MAX_SAFE_INTEGER}; got ${String(value)}.`,
    );
  }
  return value as Lsn;
}
