/** Codecs as their users see them, and how one becomes part of another. */
import type { Codec } from "../codec/codec.ts";
import { invalidArgument } from "../errors.ts";
import { type Limits, limitsDefault, limitsOf, type PackIoLimits } from "./limits.ts";
import type { Parts } from "./parts.ts";
import { decodeWhole, encodeWhole, encodeWholeInto, lengthOfWhole } from "./whole.ts";

/**
 * A codec that can stand within others. It keeps no state: one may be used anywhere, in any number of schemas.
 *
 * @throws {PackIoError} from each call, when a value or bytes are not of its type.
 */
export interface PackCodec<T> extends Codec<T> {
  /** The bytes of a value, in memory of their own. */
  encode(value: T): Uint8Array;
  /** The value of these bytes, all of them. It keeps nothing of them. */
  decode(bytes: Uint8Array): T;
  /** Encodes to the front of `target` and returns how many bytes that are, or -1 when they do not fit. */
  encodeInto(value: T, target: Uint8Array): number;
  /** How many bytes `encode` would return. Costs as much as to encode. */
  encodedLength(value: T): number;
}

/** The type of a codec's values. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

let partsIn: <T>(codec: Codec<T>) => Parts<T> | null;
let limitsIn: (codec: Codec<never>) => Limits;

class PackIoCodec<T> implements PackCodec<T> {
  readonly #parts: Parts<T>;
  readonly #limits: Limits;

  constructor(parts: Parts<T>, limits: Limits) {
    this.#parts = parts;
    this.#limits = limits;
  }

  static {
    partsIn = <T>(codec: Codec<T>) =>
      typeof codec === "object" && codec !== null && #parts in codec
        ? (codec.#parts as unknown as Parts<T>)
        : null;
    limitsIn = (codec) => (#limits in codec ? codec.#limits : limitsDefault);
  }

  encode(value: T): Uint8Array {
    return encodeWhole(this.#parts, this.#limits, value);
  }

  decode(bytes: Uint8Array): T {
    return decodeWhole(this.#parts, this.#limits, bytes);
  }

  encodeInto(value: T, target: Uint8Array): number {
    return encodeWholeInto(this.#parts, this.#limits, value, target);
  }

  encodedLength(value: T): number {
    return lengthOfWhole(this.#parts, this.#limits, value);
  }
}

const plain = {
  slots: (): number => 1,
  identity: "bytes",
  isCanonical: (): boolean => true,
  takesNull: (): boolean => false,
  isDeferred: false,
} as const;

/** Those that are not given are those of an object without null in it. */
type Given<T> = Partial<Parts<T>> & Pick<Parts<T>, "write" | "read" | "minBytes">;

export function codecOf<T>(given: Given<T>): PackCodec<T> {
  return new PackIoCodec({ ...plain, ...given }, limitsDefault);
}

/** @throws {WalError} WAL_INVALID_ARGUMENT when it is no codec of this module: others do not say where a value ends. */
export function partsOf<T>(codec: Codec<T>, where: string): Parts<T> {
  const parts = partsIn(codec);
  if (parts !== null) return parts;
  throw invalidArgument(
    `${where} takes codecs of wal-db/pack-io: of others nobody knows where a value ends. ` +
      "Encode what they do by themselves, and take the result as bytes.",
  );
}

/**
 * The same codec with other limits. They hold for calls of the codec that is returned; within another codec, that
 * one's limits hold.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when a limit is not a whole number, or there is none of that name.
 * @example
 * const name = limited(string, { allocationCap: 64 });
 * console.log(name.decode(name.encode("short"))); // short
 */
export function limited<T>(codec: Codec<T>, limits: PackIoLimits): PackCodec<T> {
  return new PackIoCodec(partsOf(codec, "limited"), limitsOf(limits));
}

function chosen<T>(codec: Codec<T>, limits: PackIoLimits | undefined): Limits {
  return limits === undefined ? limitsIn(codec as Codec<never>) : limitsOf(limits);
}

/**
 * The bytes of a value: `codec.encode(value)`, under other limits if some are given.
 *
 * @throws {PackIoError} when the value is not of the codec's type.
 * @example
 * console.log(encode(u64, 300n)); // Uint8Array(2) [ 172, 2 ]
 */
export function encode<T>(codec: Codec<T>, value: T, limits?: PackIoLimits): Uint8Array {
  return encodeWhole(partsOf(codec, "encode"), chosen(codec, limits), value);
}

/**
 * The value of these bytes, all of them: `codec.decode(bytes)`, under other limits if some are given.
 *
 * @throws {PackIoError} when they are not the bytes of one.
 * @example
 * console.log(decode(u64, new Uint8Array([172, 2]))); // 300n
 */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, limits?: PackIoLimits): T {
  return decodeWhole(partsOf(codec, "decode"), chosen(codec, limits), bytes);
}
