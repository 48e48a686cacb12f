/**
 * Bytes made smaller, where that helps.
 *
 *   0            1
 *   | 0          | the bytes of the codec within, as they are: too short to try, or not smaller for it
 *
 *   0            1          5
 *   | algorithm  | length   | compressed
 *   | 1 to 3     | u32 LE   |
 *
 *   algorithm    1   raw deflate (RFC 1951)
 *                2   Brotli (RFC 7932)
 *                3   Zstandard (RFC 8878)
 *
 * `length` is that of the bytes within. It is held against the bound before anything is inflated, since a few bytes on
 * disk can ask for any amount of memory; zlib is given it as its own bound, since it may be a lie; and what comes must be
 * as long, since not every runtime tells of a stream that ends early. What is above the bound is refused on append
 * already, so that nothing is logged that could not be read again.
 */
import { checkKeys } from "../arguments.ts";
import { readU32, writeU32 } from "../bytes.ts";
import { invalidArgument, messageOf, shown, WalError } from "../errors.ts";
import { compressBytesMinDefault, inflatedBytesMaxDefault, maxRecordBytesCeiling } from "../limits.ts";
import { plainView } from "../true-bytes.ts";
import { builtin } from "./builtin.ts";
import { checkCodec, type Codec } from "./codec.ts";
import { codecFault, plainBytesFrom, valueFrom } from "./coding.ts";

export interface CompressionOptions {
  /**
   * What to compress with; all three are read, whatever this is. Default: zstd where the runtime has it (Node 22.15 and
   * newer), else deflate.
   */
  readonly algorithm?: "zstd" | "brotli" | "deflate" | undefined;
  /** How hard to try, in the algorithm's own numbers. Default: zstd 3, brotli 4, deflate 6. */
  readonly level?: number | undefined;
  /** Values of fewer bytes are not tried. Default 128. */
  readonly minSize?: number | undefined;
  /** The most bytes that a value may have before compression, on append and on reading. Default 64 MiB. */
  readonly maxInflatedSize?: number | undefined;
}

type Algorithm = NonNullable<CompressionOptions["algorithm"]>;

const raw = 0;
const lengthBytes = 4;
const levels: Readonly<Record<Algorithm, readonly [low: number, high: number]>> = {
  deflate: [0, 9],
  brotli: [0, 11],
  zstd: [1, 22],
};
const algorithms: readonly (Algorithm | undefined)[] = [undefined, "deflate", "brotli", "zstd"];

type Call = (bytes: Uint8Array, options: object) => Uint8Array;

/** What is called of node:zlib. */
interface Zlib {
  readonly deflateRawSync: Call;
  readonly inflateRawSync: Call;
  readonly brotliCompressSync: Call;
  readonly brotliDecompressSync: Call;
  readonly zstdCompressSync?: Call;
  readonly zstdDecompressSync?: Call;
  readonly constants: Readonly<Record<string, number>>;
}

interface Compressor {
  readonly id: number;
  readonly compress: (bytes: Uint8Array) => Uint8Array;
}

/**
 * A codec that compresses what another encodes. What does not become smaller is stored as it is, for one byte; what does, for five.
 *
 * A log may be written with one algorithm and read anywhere: each record says which. A runtime without zstd tells
 * so (`reason` `no-zstd`); to write for all, ask for `deflate`.
 *
 * Cost: one call of zlib for each record, some 10 µs with a hundred bytes, and short records compress
 * badly: put many values into one with {@link batch}, and compress that (docs/typed-records.md has the figures).
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when an option is not of its kind, or it is no codec; WAL_UNSUPPORTED where there
 *   is no node:zlib, or not the algorithm that was asked for; from `encode` and `decode` WAL_ENCODING: `reason`
 *   `inflated-size` above `maxInflatedSize`, `malformed` when the bytes cannot be inflated, `no-zstd`.
 * @example
 * const pages = wal.typed(compressed(json<string[]>()));
 * pages.append(Array.from({ length: 1000 }, () => "the same again"));
 * console.log(wal.end < 1000); // true
 */
export function compressed<T>(codec: Codec<T>, options: CompressionOptions = {}): Codec<T> {
  checkCodec(codec);
  const zlib = builtin("node:zlib", "compressed") as Zlib;
  const { algorithm, level, minBytes, maxBytes } = settingsOf(options);
  const { id, compress } = compressorOf(zlib, algorithm, level);

  return {
    encode(value) {
      const bytes = plainBytesFrom(codec, value);
      if (bytes.length > maxBytes) throw tooLarge(maxBytes, bytes.length);
      if (bytes.length < minBytes) return tagged(raw, bytes);
      const smaller = compress(bytes);
      const helps = smaller.length + lengthBytes < bytes.length;
      return helps ? tagged(id, smaller, bytes.length) : tagged(raw, bytes);
    },
    decode(bytes) {
      if (bytes[0] !== raw) return valueFrom(codec, inflate(zlib, bytes, maxBytes));
      if (bytes.length - 1 > maxBytes) throw tooLarge(maxBytes, bytes.length - 1);
      return valueFrom(codec, bytes.subarray(1));
    },
  };
}

function tagged(tag: number, bytes: Uint8Array, inflatedLength?: number): Uint8Array {
  const start = inflatedLength === undefined ? 1 : 1 + lengthBytes;
  const whole = new Uint8Array(start + bytes.length);
  whole[0] = tag;
  if (inflatedLength !== undefined) writeU32(whole, 1, inflatedLength);
  whole.set(bytes, start);
  return whole;
}

function compressorOf(zlib: Zlib, asked: Algorithm | undefined, level: number | undefined): Compressor {
  const { constants, zstdCompressSync } = zlib;
  const algorithm = asked ?? (zstdCompressSync === undefined ? "deflate" : "zstd");
  const id = algorithms.indexOf(algorithm);
  if (algorithm === "deflate") {
    return { id, compress: (bytes) => zlib.deflateRawSync(bytes, { level: level ?? 6 }) };
  }
  if (algorithm === "brotli") {
    const options = { params: { [constants["BROTLI_PARAM_QUALITY"] as number]: level ?? 4 } };
    return { id, compress: (bytes) => zlib.brotliCompressSync(bytes, options) };
  }
  if (zstdCompressSync === undefined) {
    throw new WalError("WAL_UNSUPPORTED", "This runtime's node:zlib has no zstd: Node has it from 22.15 on.");
  }
  const options = { params: { [constants["ZSTD_c_compressionLevel"] as number]: level ?? 3 } };
  return { id, compress: (bytes) => zstdCompressSync(bytes, options) };
}

function inflate(zlib: Zlib, bytes: Uint8Array, maxBytes: number): Uint8Array {
  const call = inflaterOf(zlib, bytes[0]);
  const start = 1 + lengthBytes;
  if (bytes.length < start) throw codecFault("malformed", "these bytes are cut short");
  const length = readU32(bytes, 1);
  if (length > maxBytes) throw tooLarge(maxBytes, length);
  let inflated: Uint8Array;
  try {
    // 0 is no bound that zlib knows.
    inflated = call(bytes.subarray(start), { maxOutputLength: Math.max(length, 1) });
  } catch (cause) {
    throw codecFault("malformed", `these bytes cannot be inflated: ${messageOf(cause)}`, { cause });
  }
  if (inflated.length === length) return plainView(inflated);
  throw codecFault("malformed", `these bytes inflate to ${inflated.length}, and not to ${length}`);
}

function inflaterOf(zlib: Zlib, tag: number | undefined): Call {
  const algorithm = tag === undefined ? undefined : algorithms[tag];
  if (algorithm === "deflate") return zlib.inflateRawSync;
  if (algorithm === "brotli") return zlib.brotliDecompressSync;
  if (algorithm === undefined) {
    const found = tag === undefined ? "there are none" : `they begin with ${tag}`;
    throw codecFault("malformed", `these bytes were not written by compressed: ${found}`);
  }
  if (zlib.zstdDecompressSync !== undefined) return zlib.zstdDecompressSync;
  throw codecFault(
    "no-zstd",
    "the record was compressed with zstd, which this runtime does not have: Node has it from 22.15 on. " +
      'To write what every runtime can read, use compressed(codec, { algorithm: "deflate" })',
  );
}

function tooLarge(max: number, length: number): WalError {
  const message = `the value is ${length} bytes, and compressed takes at most ${max} bytes (maxInflatedSize)`;
  return codecFault("inflated-size", message, { max, length });
}

function settingsOf(options: CompressionOptions): {
  algorithm: Algorithm | undefined;
  level: number | undefined;
  minBytes: number;
  maxBytes: number;
} {
  if (typeof options !== "object" || options === null) {
    throw invalidArgument(`The options of compressed are an object; got ${shown(options)}.`);
  }
  checkKeys("compressed", options, ["algorithm", "level", "minSize", "maxInflatedSize"]);
  const { algorithm, level } = options;
  if (algorithm !== undefined && !algorithms.includes(algorithm)) {
    const names = algorithms.slice(1).join(", ");
    throw invalidArgument(`algorithm of compressed is one of ${names}; got ${shown(algorithm)}.`);
  }
  const [low, high] = levels[algorithm ?? "zstd"];
  if (level !== undefined && !(Number.isInteger(level) && level >= low && level <= high)) {
    throw invalidArgument(
      `level of compressed is a whole number from ${low} to ${high}; got ${shown(level)}.`,
    );
  }
  if (level !== undefined && algorithm === undefined) {
    throw invalidArgument("level of compressed is in an algorithm's own numbers: name the algorithm, too.");
  }
  const minBytes = bytesOption("minSize", options.minSize ?? compressBytesMinDefault);
  const maxBytes = bytesOption("maxInflatedSize", options.maxInflatedSize ?? inflatedBytesMaxDefault);
  return { algorithm, level, minBytes, maxBytes };
}

function bytesOption(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= maxRecordBytesCeiling) return value;
  throw invalidArgument(
    `${name} of compressed is a number of bytes up to ${maxRecordBytesCeiling}; got ${shown(value)}.`,
  );
}
