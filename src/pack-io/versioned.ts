/**
 * Structs that change: each version of one reads what every other has written, as long as fields are only added at the
 * end, and never taken away but marked.
 *
 *   | version | body length | fields live at that version, in order |
 *   | varint  | varint      | body                                  |
 *
 * A field is live at version V when `since <= V`, and `V < deprecated` if it is deprecated. A decoder of version K that reads
 * version W takes the fields that are live at W and known to it; the others get their fallback:
 *
 *   W = K   all of them
 *   W < K   fields since then get their fallback
 *   W > K   what is left of the body is of fields not known yet, and skipped
 *
 * Fallbacks are kept encoded, and decoded each time: no two values share one.
 */
import type { Codec } from "../codec/codec.ts";
import { invalidArgument, shown } from "../errors.ts";
import { Fault, segmentOf, within } from "./fault.ts";
import { limitsDefault } from "./limits.ts";
import { codecOf, type Infer, type PackCodec, partsOf } from "./pack-codec.ts";
import { once, type Parts } from "./parts.ts";
import { Reader } from "./reader.ts";
import { blankWith, checkObject, namesIn } from "./struct.ts";
import { putU32, readSmall, sizeOfU32, writeU32 } from "./varint.ts";
import { bytesOf, decodeWhole, notBytes, trailing } from "./whole.ts";
import type { Writer } from "./writer.ts";

const versionMax = 0xffff_ffff;

/** A field that is not in every version: made by `since` and `deprecated`. */
export interface VersionedField<T> {
  readonly codec: Codec<T>;
  /** The first version that has it. */
  readonly since: number;
  /** The first version that has it no more, or null. */
  readonly deprecated: number | null;
  /** What it is where the bytes have none. */
  readonly fallback: T;
}

export interface VersionedFields {
  readonly [name: string]: Codec<unknown> | VersionedField<unknown>;
}

/** The values of a versioned struct. */
export type VersionedOf<F extends VersionedFields> = {
  -readonly [N in keyof F]: F[N] extends VersionedField<infer T> ? T : Infer<F[N]>;
};

/**
 * A field of a versioned struct that is there from `version` on. `fallback` is its value where older bytes are decoded; each
 * decoded value gets a copy of its own.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when `version` is no whole number from 1 to 2^32 - 1.
 */
export function since<T>(
  version: number,
  codec: Codec<T> | VersionedField<T>,
  fallback: NoInfer<T>,
): VersionedField<T> {
  checkVersion("since", version);
  return { ...fieldOf(codec, fallback), since: version };
}

/**
 * A field of a versioned struct that is there up to, and not in, `version`: from then on it is neither written nor read,
 * and decodes to `fallback`. Older bytes give the value that they have. It stays in the schema, so that they can be
 * read; one that was added later is `deprecated(3, since(2, ...), ...)`.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when `version` is no whole number from 1 to 2^32 - 1.
 */
export function deprecated<T>(
  version: number,
  codec: Codec<T> | VersionedField<T>,
  fallback: NoInfer<T>,
): VersionedField<T> {
  checkVersion("deprecated", version);
  return { ...fieldOf(codec, fallback), deprecated: version };
}

function checkVersion(call: string, version: number): void {
  if (Number.isSafeInteger(version) && version >= 1 && version <= versionMax) return;
  throw invalidArgument(`${call} takes a version, a whole number from 1 to 2^32 - 1; got ${shown(version)}.`);
}

function fieldOf<T>(given: Codec<T> | VersionedField<T>, fallback: T): VersionedField<T> {
  return isField(given) ? { ...given, fallback } : { codec: given, since: 1, deprecated: null, fallback };
}

function isField<T>(given: Codec<T> | VersionedField<T>): given is VersionedField<T> {
  return typeof given === "object" && given !== null && "codec" in given && "fallback" in given;
}

interface Live {
  readonly name: string;
  readonly segment: string;
  readonly parts: Parts<unknown>;
  readonly since: number;
  /** Infinity for one that is not deprecated. */
  readonly until: number;
  readonly fallback: () => unknown;
}

/**
 * A struct that says its version and its length, so that other versions of it can be read: see `since` and `deprecated`. New
 * fields go to the end, with the number of the version that has them first; `version` goes up with each such change. It writes
 * `version`, and reads all. Of one list of fields each version can be made: what begins later is not written, and read where it is.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when `version` is no whole number from 1 to 2^32 - 1, a field ends before it begins, a
 *   fallback is no value of its field, or as for `struct`.
 * @example
 * const before = versioned(1, { id: u64, room: string });
 * const now = versioned(2, { id: u64, room: deprecated(2, string, ""), seats: since(2, vec(u16), [1]) });
 * console.log(now.decode(before.encode({ id: 7n, room: "blue" }))); // { id: 7n, room: 'blue', seats: [ 1 ] }
 * console.log(peekVersion(now.encode({ id: 7n, room: "", seats: [] }))); // 2
 */
export function versioned<F extends VersionedFields>(
  version: number,
  fields: F,
): PackCodec<{ -readonly [N in keyof F]: F[N] extends VersionedField<infer T> ? T : Infer<F[N]> }> {
  checkVersion("versioned", version);
  const names = namesIn("versioned", fields);
  const all = names.map((name) => liveOf(name, fields[name] as Codec<unknown>));
  const own = all.filter((field) => isLive(field, version));
  const blank = blankWith(names);
  return codecOf<VersionedOf<F>>({
    write(writer, value) {
      checkObject(writer, value);
      writeU32(writer, version);
      writeBody(writer, own, value);
    },
    read(reader) {
      const written = readVersion(reader);
      const length = reader.takeLength();
      const outerEnd = reader.end;
      const end = reader.at + length;
      reader.end = end;
      const value = blank();
      readBody(reader, all, written, value);
      if (reader.at < end && written <= version) throw trailing(reader);
      reader.at = end;
      reader.end = outerEnd;
      return value as VersionedOf<F>;
    },
    minBytes: () => 2,
    isCanonical: () => false,
    isDeferred: all.some(({ parts }) => parts.isDeferred),
  });
}

function isLive(field: Live, version: number): boolean {
  return field.since <= version && version < field.until;
}

function liveOf(name: string, given: Codec<unknown> | VersionedField<unknown>): Live {
  const isPlain = !isField(given);
  const codec = isPlain ? given : given.codec;
  const first = isPlain ? 1 : given.since;
  const until = (isPlain ? null : given.deprecated) ?? Number.POSITIVE_INFINITY;
  const parts = partsOf(codec, `versioned, at ${name},`);
  if (until <= first) {
    throw invalidArgument(
      `The field ${name} begins with version ${first} and is gone with ${until}: it is never there.`,
    );
  }
  // A field that every version has needs none.
  const fallback = isPlain ? () => undefined : fallbackOf(name, parts, given.fallback);
  return { name, segment: segmentOf(name), parts, since: first, until, fallback };
}

/** Gives a value of its own each time. */
function fallbackOf(name: string, parts: Parts<unknown>, value: unknown): () => unknown {
  if (parts.isDeferred) {
    // What it refers to may not be there yet.
    const later = once(() => bytesOf(parts, value));
    return () => decodeWhole(parts, limitsDefault, later());
  }
  let encoded: Uint8Array;
  try {
    encoded = bytesOf(parts, value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw invalidArgument(`The fallback of the field ${name} is no value of it: ${why}`, { cause });
  }
  const isObject = typeof value === "object" && value !== null;
  return isObject ? () => decodeWhole(parts, limitsDefault, encoded) : () => value;
}

/** Its length stands before it, and is known after it: it is moved if that takes more than one byte. */
function writeBody(writer: Writer, fields: readonly Live[], value: Record<string, unknown>): void {
  writer.need(1);
  const from = writer.at++;
  for (const { name, segment, parts } of fields) {
    try {
      parts.write(writer, value[name]);
    } catch (error) {
      throw within(error, segment);
    }
  }
  const length = writer.at - from - 1;
  if (length > writer.limits.allocationCap) throw writer.overCap(length);
  const prefix = sizeOfU32(length);
  if (prefix > 1) {
    writer.need(prefix - 1);
    writer.bytes.copyWithin(from + prefix, from + 1, from + 1 + length);
  }
  putU32(writer.bytes, from, length);
  writer.at = from + prefix + length;
}

function readBody(
  reader: Reader,
  fields: readonly Live[],
  written: number,
  value: Record<string, unknown>,
): void {
  for (const field of fields) {
    try {
      value[field.name] = isLive(field, written) ? field.parts.read(reader) : field.fallback();
    } catch (error) {
      throw within(error, field.segment);
    }
  }
}

function readVersion(reader: Reader): number {
  const from = reader.at;
  const version = readSmall(reader, 5, versionMax);
  if (version > 0) return version;
  throw new Fault("IntegerOutOfRange", from, "version 0, and versions begin with 1.");
}

/**
 * The version that the bytes of a versioned struct were written with; nothing else of them is looked at.
 *
 * @throws {PackIoError} UnexpectedEof, VarintOverflow or IntegerOutOfRange when they begin with no version.
 * @throws {WalError} WAL_INVALID_ARGUMENT when it is no Uint8Array.
 */
export function peekVersion(bytes: Uint8Array): number {
  if (!(bytes instanceof Uint8Array)) throw notBytes("peekVersion", bytes);
  const reader = new Reader(limitsDefault);
  reader.begin(bytes, limitsDefault);
  try {
    return readVersion(reader);
  } catch (error) {
    throw error instanceof Fault ? error.toError("peek at the version") : error;
  }
}
