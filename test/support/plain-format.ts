/**
 * The format once more, written from its description and from nothing else: slow, plain, and
 * sharing no line with the library, so that the two can be held against each other.
 */

/** CRC32C, one bit at a time. */
export function crcPlain(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

/** One record as it stands in a log. */
export function frameOf(payload: Uint8Array | string): Uint8Array {
  const body = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const frame = new Uint8Array(8 + body.length);
  const view = new DataView(frame.buffer);
  view.setUint32(4, body.length, true);
  frame.set(body, 8);
  view.setUint32(0, crcPlain(frame.subarray(4)), true);
  return frame;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function logOf(payloads: Iterable<Uint8Array | string>): Uint8Array {
  return joined(...[...payloads].map(frameOf));
}

/** Why no record is intact at `at`, or the payload's length when one is. */
export function recordAt(image: Uint8Array, at: number, maxRecordBytes: number): number | string {
  const left = image.length - at;
  if (left < 8) return "torn-header";
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const length = view.getUint32(at + 4, true);
  if (length > maxRecordBytes) return "implausible-length";
  if (length > left - 8) return "torn-payload";
  if (crcPlain(image.subarray(at + 4, at + 8 + length)) !== view.getUint32(at, true))
    return "checksum-mismatch";
  return length;
}

export interface PlainRecord {
  readonly lsn: number;
  readonly payload: Uint8Array;
}

export interface PlainScan {
  readonly records: readonly PlainRecord[];
  readonly end: number;
  /** Null: the bytes end where the last intact record ends. */
  readonly reason: string | null;
}

export function scanPlain(image: Uint8Array, from = 0, maxRecordBytes = 64 * 1024 * 1024): PlainScan {
  const records: PlainRecord[] = [];
  let at = from;
  while (at < image.length) {
    const length = recordAt(image, at, maxRecordBytes);
    if (typeof length === "string") return { records, end: at, reason: length };
    records.push({ lsn: at, payload: image.slice(at + 8, at + 8 + length) });
    at += 8 + length;
  }
  return { records, end: at, reason: null };
}

/** One slot of a mark file. */
export function markSlot(lsn: number, sequence: number): Uint8Array {
  const slot = new Uint8Array(16);
  const view = new DataView(slot.buffer);
  view.setBigUint64(0, BigInt(lsn), true);
  view.setUint32(8, sequence, true);
  view.setUint32(12, crcPlain(slot.subarray(0, 12)), true);
  return slot;
}

export interface PlainSlot {
  readonly lsn: number;
  readonly sequence: number;
}

/** The two slots of a mark file; null where one is not valid. */
export function slotsOf(mark: Uint8Array): [PlainSlot | null, PlainSlot | null] {
  const slot = (at: number): PlainSlot | null => {
    if (mark.length < at + 16) return null;
    const view = new DataView(mark.buffer, mark.byteOffset + at, 16);
    if (crcPlain(mark.subarray(at, at + 12)) !== view.getUint32(12, true)) return null;
    const lsn = Number(view.getBigUint64(0, true));
    return Number.isSafeInteger(lsn) ? { lsn, sequence: view.getUint32(8, true) } : null;
  };
  return [slot(0), slot(16)];
}

/** What a mark file claims; null: nothing. */
/** The claim of the other slot; null where there are not two. */
export function claimBefore(mark: Uint8Array): number | null {
  const [a, b] = slotsOf(mark);
  if (a === null || b === null) return null;
  return claimOf(mark) === a.lsn ? b.lsn : a.lsn;
}

export function claimOf(mark: Uint8Array): number | null {
  const [a, b] = slotsOf(mark);
  if (a === null || b === null) return (a ?? b)?.lsn ?? null;
  const ahead = (b.sequence - a.sequence + 2 ** 32) % 2 ** 32;
  return ahead > 0 && ahead < 2 ** 31 ? b.lsn : a.lsn;
}
