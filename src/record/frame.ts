/**
 * Framing: records into bytes, in one buffer that is used again and again.
 *
 *        |<-------- frame 0 -------->|<-------- frame 1 -------->|
 *        | crc | length | payload    | crc | length | payload    | ... free ...
 *        ^ starts[0]                 ^ starts[1]                 ^ length
 *
 * The bytes of a frame do not depend on where in the log it will stand, so a record is framed
 * before its range is reserved: nothing that can fail comes between reservation and write.
 * A payload is copied first and checksummed in the copy: what another thread does to a shared
 * buffer meanwhile may change which bytes are logged, never make a record that does not verify.
 */
import { writeU32 } from "../bytes.ts";
import type { Codec } from "../codec/codec.ts";
import { encodedInto } from "../codec/coding.ts";
import { invalidArgument, WalError } from "../errors.ts";
import { frameViewBytesMax, scratchInitialBytes, scratchKeepBytesMax } from "../limits.ts";
import { crc32cRange, crcKernel } from "./crc32c.ts";
import { trueLength } from "../true-bytes.ts";
import { headerBytes, lengthOffset } from "./format.ts";
import type { Kernel } from "./kernel.ts";

/** Bytes, or a string taken as UTF-8 (a lone surrogate becomes U+FFFD). Copied before the call returns. */
export type RecordInput = Uint8Array | string;

const encoder = new TextEncoder();

/** A UTF-16 code unit takes at most so many bytes of UTF-8. */
const utf8BytesPerUnitMax = 3;

/** Up to so many units a loop over ASCII beats the call into the encoder. */
const asciiLoopUnitsMax = 48;

/** A longer string is encoded apart, so that the frame buffer is not grown to three times its length. */
const encodeInPlaceUnitsMax = 16 * 1024;

export class FrameBuffer {
  /** The frames are `bytes[0, length)`. Replaced when it grows. */
  bytes: Uint8Array = new Uint8Array(0);
  length = 0;
  #views: (Uint8Array | undefined)[] = [];
  #firstRoom: Uint8Array | null = null;

  /** Whose scratch `bytes` is; null: they are memory of this buffer's own. */
  #kernel: Kernel | null = null;

  /** Memory of this buffer's own, kept for the next batch that is too large for the scratch. */
  #own: Uint8Array | null = null;

  /**
   * Begins anew, in the scratch of the kernel, where frames are checksummed in place; else, where there
   * is none or another log is at it, in memory of its own. `done` gives the scratch back.
   */
  reset(): void {
    this.length = 0;
    this.#letGo();
    const kernel = crcKernel();
    const scratch = kernel?.takeScratch(this) ?? null;
    if (scratch === null) this.#use((this.#own ??= new Uint8Array(scratchInitialBytes)));
    else this.#use(scratch, kernel);
  }

  /** The frames are written, and not needed any more. */
  done(): void {
    crcKernel()?.giveScratchBack(this);
    this.#letGo();
  }

  /** Of memory that one large record or batch has taken. */
  #letGo(): void {
    if (this.#own === null || this.#own.length <= scratchKeepBytesMax) return;
    this.#own = null;
    this.#use(new Uint8Array(0));
  }

  /**
   * Adds one frame behind the others and returns its size.
   *
   * @throws {WalError} WAL_RECORD_TOO_LARGE when the payload is above `maxBytes`;
   *   WAL_INVALID_ARGUMENT when the record is neither a Uint8Array nor a string. Nothing is added then.
   */
  add(record: RecordInput, maxBytes: number): number {
    const start = this.length;
    const payloadStart = start + headerBytes;
    let payloadLength: number;
    if (typeof record === "string" && record.length <= encodeInPlaceUnitsMax) {
      payloadLength = this.#encode(record, payloadStart, maxBytes);
    } else {
      const payload = typeof record === "string" ? payloadOf(record, maxBytes) : record;
      payloadLength = lengthOf(payload);
      if (payloadLength > maxBytes) throw recordTooLarge(payloadLength, maxBytes);
      this.#makeRoom(payloadStart + payloadLength);
      this.#copy(payload, payloadStart);
    }
    this.#seal(start, payloadLength);
    return headerBytes + payloadLength;
  }

  #seal(start: number, payloadLength: number): void {
    if (this.#kernel === null) sealFrame(this.bytes, start, payloadLength);
    else this.#kernel.seal(start, payloadLength);
    this.length = start + headerBytes + payloadLength;
  }

  /**
   * Adds one frame behind the others, whose payload the codec writes in place; false where it does not, or has
   * no room for it here. Nobody else may use this buffer meanwhile: the codec may append.
   *
   * @throws {WalError} WAL_ENCODING when the codec does; WAL_RECORD_TOO_LARGE. Nothing is added then.
   */
  addInPlace<T>(value: T, codec: Codec<T>, maxBytes: number): boolean {
    const start = this.length;
    // No room for the header: not even for an empty payload.
    if (codec.encodeInto === undefined || start + headerBytes > this.bytes.length) return false;
    const length = encodedInto(codec, value, this.#payloadRoom());
    if (length === -1) return false;
    if (length > maxBytes) throw recordTooLarge(length, maxBytes);
    this.#seal(start, length);
    return true;
  }

  /** What is free behind the header of the next frame. */
  #payloadRoom(): Uint8Array {
    const at = this.length + headerBytes;
    if (at > headerBytes) return this.bytes.subarray(at);
    return (this.#firstRoom ??= this.bytes.subarray(at));
  }

  #copy(payload: Uint8Array, at: number): void {
    try {
      this.bytes.set(payload, at);
    } catch (cause) {
      throw invalidArgument(
        "A record has no bytes any more: its buffer was transferred, or has been resized.",
        {
          cause,
        },
      );
    }
  }

  #encode(text: string, at: number, maxBytes: number): number {
    this.#makeRoom(at + text.length * utf8BytesPerUnitMax);
    const written = this.#encodeAscii(text, at)
      ? text.length
      : encoder.encodeInto(text, this.bytes.subarray(at)).written;
    if (written > maxBytes) throw recordTooLarge(written, maxBytes);
    return written;
  }

  #encodeAscii(text: string, at: number): boolean {
    if (text.length > asciiLoopUnitsMax) return false;
    const bytes = this.bytes;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[at + i] = unit;
    }
    return true;
  }

  /** The frames, as a view that is good until the next `reset` or `add`. */
  view(): Uint8Array {
    if (this.length > frameViewBytesMax) return this.bytes.subarray(0, this.length);
    return (this.#views[this.length] ??= this.bytes.subarray(0, this.length));
  }

  #makeRoom(needed: number): void {
    if (needed <= this.bytes.length) return;
    let size = Math.max(this.bytes.length, scratchInitialBytes);
    while (size < needed) size *= 2;
    const grown = this.#own !== null && this.#own.length >= needed ? this.#own : allocate(size);
    this.#own = grown;
    grown.set(this.bytes.subarray(0, this.length));
    this.#use(grown);
  }

  #use(bytes: Uint8Array, kernel: Kernel | null = null): void {
    this.#kernel = kernel;
    if (this.bytes === bytes) return;
    this.bytes = bytes;
    this.#views = [];
    this.#firstRoom = null;
  }
}

/** Writes the header of the frame at `start`, whose payload is in place. */
export function sealFrame(bytes: Uint8Array, start: number, payloadLength: number): void {
  writeU32(bytes, start + lengthOffset, payloadLength);
  writeU32(bytes, start, crc32cRange(bytes, start + lengthOffset, start + headerBytes + payloadLength));
}

/** The header for a payload that stays where it is: for payloads too large to be worth a copy. */
export function headerFor(payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(headerBytes);
  writeU32(header, lengthOffset, payload.length);
  const seed = crc32cRange(header, lengthOffset, headerBytes);
  writeU32(header, 0, crc32cRange(payload, 0, payload.length, seed));
  return header;
}

/** Whether a record calls itself longer than that. Chooses a way, and decides nothing: see `lengthOf`. */
export function seemsLonger(record: RecordInput, bytes: number): boolean {
  try {
    return record.length > bytes;
  } catch {
    return false;
  }
}

/** How many bytes a record has, whatever its class says. */
function lengthOf(record: Uint8Array): number {
  if (record instanceof Uint8Array) {
    try {
      return trueLength(record);
    } catch {
      // A proxy of one.
    }
  }
  throw invalidArgument(`A record is a Uint8Array or a string; got ${describe(record)}.`);
}

/** The bytes of a record, checked against the limit; of a class of the user's own perhaps. */
export function payloadOf(record: RecordInput, maxBytes: number): Uint8Array {
  if (typeof record === "string") {
    // A unit is at least one byte of UTF-8: what cannot fit is refused before it is encoded.
    if (record.length > maxBytes) throw recordTooLarge(record.length, maxBytes);
    return payloadOf(encoder.encode(record), maxBytes);
  }
  const length = lengthOf(record);
  if (length > maxBytes) throw recordTooLarge(length, maxBytes);
  return record;
}

function allocate(size: number): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (error) {
    throw new WalError(
      "WAL_IO",
      `No memory to frame ${size} bytes at once. Append fewer records in a batch.`,
      {
        length: size,
        errno: "ENOMEM",
        cause: error,
      },
    );
  }
}

function recordTooLarge(length: number, max: number): WalError {
  return new WalError(
    "WAL_RECORD_TOO_LARGE",
    `A record of ${length} bytes is above this log's limit of ${max} bytes. ` +
      "Split it, or open the log with a larger maxRecordSize.",
    { length, max },
  );
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return `an object of class ${value.constructor?.name ?? "(none)"}`;
}
