import { checkCodec, type Codec } from "../codec/codec.ts";
import { decoded } from "../codec/coding.ts";
import { ownBytes } from "../codec/own-bytes.ts";
import type { Lsn } from "../lsn.ts";
import { headerBytes } from "../record/format.ts";

// A byte order mark is part of the text that was logged.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A record as it was read: verified, and safe to keep.
 *
 * `data` is a view into the chunk it was read with, which nothing writes to again: it stays valid
 * for as long as it is referenced, and holds that chunk (256 KiB) in memory as long. To keep few
 * small records of many for long, keep `data.slice()`.
 */
export class WalRecord {
  /** Where the record begins. */
  readonly lsn: Lsn;
  /** Bytes of payload. */
  readonly length: number;
  readonly #chunk: Uint8Array;
  readonly #start: number;
  #data: Uint8Array | undefined;

  /** @internal */
  constructor(lsn: Lsn, chunk: Uint8Array, start: number, length: number) {
    this.lsn = lsn;
    this.length = length;
    this.#chunk = chunk;
    this.#start = start;
  }

  /** The payload; stays valid for as long as it is referenced. */
  get data(): Uint8Array {
    this.#data ??= this.#chunk.subarray(this.#start, this.#start + this.length);
    return this.#data;
  }

  /** Where the next record begins. */
  get next(): Lsn {
    return (this.lsn + headerBytes + this.length) as Lsn;
  }

  /** The payload as UTF-8; what is not valid UTF-8 becomes U+FFFD. */
  text(): string {
    return decoder.decode(this.data);
  }

  /**
   * The payload as a value. The codec gets bytes of its own: what it keeps of them, or writes to them, nobody
   * else sees.
   *
   * @throws {WalError} WAL_ENCODING when the codec throws: its error is `cause`, `offset` is the LSN of this
   *   record; WAL_INVALID_ARGUMENT when it is no codec.
   * @example
   * for (const record of wal) total += record.decode(amounts);
   * console.log(total); // 12
   */
  decode<T>(codec: Codec<T>): T {
    checkCodec(codec);
    return decoded(codec, ownBytes(this.#chunk, this.#start, this.length), this.lsn);
  }
}
