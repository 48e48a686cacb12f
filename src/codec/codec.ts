/**
 * A codec turns values into bytes and back; it knows nothing of a log. The interface is structural: what
 * has these two methods is one, whoever wrote it.
 *
 *   encode(value)    -> bytes     what a record holds
 *   decode(bytes)    -> value     the same value again, or an exception
 *
 * Both are synchronous. What either throws becomes WAL_ENCODING, with the codec's own error as `cause`:
 * see coding.ts, which is all that calls a codec.
 */
import { invalidArgument, messageOf, shown } from "../errors.ts";

/**
 * Values to bytes and back. msgpackr's `Packr`, cbor-x's `Encoder` and most codecs have this shape as they come.
 *
 * @example
 * const numbers: Codec<number> = {
 *   encode: (value) => new TextEncoder().encode(String(value)),
 *   decode: (bytes) => Number(new TextDecoder().decode(bytes)),
 * };
 * console.log(numbers.decode(numbers.encode(42))); // 42
 */
export interface Codec<T> {
  /**
   * The bytes of a value. They are copied before anything else is encoded, so a codec may return the same
   * memory each time. What it throws becomes WAL_ENCODING, and nothing is appended.
   */
  encode(value: T): Uint8Array;
  /**
   * The value of these bytes, all of them. The bytes are the codec's own: it may keep views of them in what
   * it returns, and write to them. Their buffer is not: bytes of other values stand in it too, so whoever transfers
   * one to another thread takes a copy first. What it throws becomes WAL_ENCODING.
   */
  decode(bytes: Uint8Array): T;
  /**
   * Optional: encodes straight into memory that the caller has, from its first byte on, and returns how
   * many bytes that are; or -1 when `target` is too small, and then `encode` is asked. What it wrote beyond what it
   * returns does not matter. It must write the bytes that `encode` would return, and must not keep `target`. That is
   * part of larger memory: who makes a DataView of its `buffer` minds its `byteOffset`, or writes over what is not theirs.
   */
  encodeInto?(value: T, target: Uint8Array): number;
}

/** @throws {WalError} WAL_INVALID_ARGUMENT when it lacks a method. */
export function checkCodec(codec: unknown): void {
  let missing: string | null;
  try {
    missing = missingMethod(codec);
  } catch (cause) {
    throw invalidArgument(`A codec that cannot be looked at: ${messageOf(cause)}`, { cause });
  }
  if (missing === null) return;
  throw invalidArgument(`A codec is an object with encode(value) and decode(bytes); ${missing}.`);
}

function missingMethod(codec: unknown): string | null {
  const isObject = (typeof codec === "object" && codec !== null) || typeof codec === "function";
  if (!isObject) return `got ${shown(codec)}`;
  const { encode, decode, encodeInto } = codec as Partial<Codec<unknown>>;
  if (typeof encode !== "function") return `this one has no encode${hintOn(codec)}`;
  if (typeof decode !== "function") return "this one has no decode";
  const isWhole = encodeInto === undefined || typeof encodeInto === "function";
  return isWhole ? null : "the encodeInto of this one is no function";
}

function hintOn(codec: object): string {
  if ("~standard" in codec) return ": it is a schema, and validated(schema, json()) is a codec";
  return typeof codec === "function"
    ? ": it is a function, to be called perhaps, or a class that wants new"
    : "";
}
