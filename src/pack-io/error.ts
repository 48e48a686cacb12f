/** What encoding and decoding throw, and how it is thrown: a fault collects its path on the way out. */

/**
 * What was wrong, in the categories of the format:
 *
 * | kind | decoding | encoding |
 * | --- | --- | --- |
 * | `UnexpectedEof` | the bytes end within a value | - |
 * | `InvalidLength` | a length is over the cap or over the bytes left; values are nested too deep | the same bounds; no list, bytes, Map or Set; an array of another length; two keys that encode alike |
 * | `VarintOverflow` | an integer takes more bytes than its type has, or more than it needs | - |
 * | `IntegerOutOfRange` | an integer is not one of its type; a version is 0 | a value is not a number of its type |
 * | `InvalidBool` | a byte is neither 0 nor 1 | not a boolean |
 * | `InvalidUtf8` | bytes are not UTF-8 | not a string, or one with a lone surrogate |
 * | `InvalidTag` | the byte before an option or a result is neither 0 nor 1 | not a result, not an object, not `undefined` where a unit stands |
 * | `UnknownVariant` | an enumeration has no variant of that index | it has no variant of that tag |
 * | `TrailingBytes` | bytes are left after the value | - |
 */
export type PackIoErrorKind =
  | "UnexpectedEof"
  | "InvalidLength"
  | "VarintOverflow"
  | "IntegerOutOfRange"
  | "InvalidBool"
  | "InvalidUtf8"
  | "InvalidTag"
  | "UnknownVariant"
  | "TrailingBytes";

/** The facts of a {@link PackIoError}, apart from its kind and message. */
export interface PackIoErrorFacts {
  /** Bytes before what was wrong. Default 0. */
  readonly offset?: number | undefined;
  /** The path of the field. Default "", the value itself. */
  readonly field?: string | undefined;
  /** The error underneath. */
  readonly cause?: unknown;
}

const brand: symbol = Symbol.for("wal-db.PackIoError");

/**
 * The one error that the codecs of `wal-db/pack-io` throw when they encode or decode. A schema that cannot be
 * is refused when it is made, by a WalError, WAL_INVALID_ARGUMENT.
 *
 * `kind`, `offset` and `field` are the API; the message is for people and may change. Two copies of the package
 * agree on `instanceof`.
 *
 * @example
 * const order = struct({ items: vec(struct({ name: string, paid: bool })) });
 * try {
 *   order.decode(new Uint8Array([1, 3, 116, 101, 97, 2]));
 * } catch (error) {
 *   if (!(error instanceof PackIoError)) throw error;
 *   console.log(error.kind, error.offset, error.field); // InvalidBool 5 items[0].paid
 * }
 */
export class PackIoError extends Error {
  readonly kind: PackIoErrorKind;
  /** Bytes before what was wrong: in what is decoded, or in what was encoded so far. */
  readonly offset: number;
  /** The way to it, as in `order.items[3].price`; "" where it is the value itself. Entries of maps: `[2].key`, `[2].value`. */
  readonly field: string;

  constructor(kind: PackIoErrorKind, message: string, facts: PackIoErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.kind = kind;
    this.offset = facts.offset ?? 0;
    this.field = facts.field ?? "";
  }

  static {
    Object.defineProperty(this.prototype, "name", {
      value: "PackIoError",
      configurable: true,
      writable: true,
    });
    Object.defineProperty(this.prototype, brand, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== PackIoError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "object" && value !== null && brand in value;
  }
}
