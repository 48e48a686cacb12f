/**
 * The record format a second time, written from its description alone and as plainly as can be:
 * what the library makes and reads is held against this.
 */

const polynomial = 0x1edc6f41;

function reflect(value: number, bits: number): number {
  let reflected = 0;
  for (let bit = 0; bit < bits; bit++) {
    if (((value >>> bit) & 1) === 1) reflected |= 1 << (bits - 1 - bit);
  }
  return reflected >>> 0;
}

/** CRC32C bit by bit, high bit first, by the unreflected polynomial. */
export function referenceCrc32c(bytes: Uint8Array): number {
  let register = 0xffff_ffff;
  for (const byte of bytes) {
    register = (register ^ (reflect(byte, 8) << 24)) >>> 0;
    for (let bit = 0; bit < 8; bit++) {
      const high = register >>> 31;
      register = (register << 1) >>> 0;
      if (high === 1) register = (register ^ polynomial) >>> 0;
    }
  }
  return (reflect(register, 32) ^ 0xffff_ffff) >>> 0;
}

/** One record as it must stand in a log. */
export function referenceFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(8 + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(4, payload.length, true);
  frame.set(payload, 8);
  view.setUint32(0, referenceCrc32c(frame.subarray(4)), true);
  return frame;
}

/** A log of these records. */
export function referenceLog(payloads: readonly Uint8Array[]): Uint8Array {
  return concat(payloads.map(referenceFrame));
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export type ReferenceStop =
  | "end"
  | "torn-header"
  | "torn-payload"
  | "implausible-length"
  | "checksum-mismatch";

/** Whether an intact record begins at `offset`; its payload's length, or why not. */
export function referenceRecordAt(bytes: Uint8Array, offset: number, max: number): number | ReferenceStop {
  const left = bytes.length - offset;
  if (left === 0) return "end";
  if (left < 8) return "torn-header";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(offset + 4, true);
  if (length > max) return "implausible-length";
  if (length > left - 8) return "torn-payload";
  const stored = view.getUint32(offset, true);
  return referenceCrc32c(bytes.subarray(offset + 4, offset + 8 + length)) === stored
    ? length
    : "checksum-mismatch";
}

export interface ReferenceScan {
  readonly records: readonly { readonly lsn: number; readonly length: number }[];
  readonly offset: number;
  readonly stop: ReferenceStop;
}

export function referenceScan(bytes: Uint8Array, max: number): ReferenceScan {
  const records: { lsn: number; length: number }[] = [];
  for (let offset = 0; ;) {
    const found = referenceRecordAt(bytes, offset, max);
    if (typeof found === "string") return { records, offset, stop: found };
    records.push({ lsn: offset, length: found });
    offset += 8 + found;
  }
}
