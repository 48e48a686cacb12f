/**
 * Bytes as people read them: offset, sixteen in hexadecimal, the same as ASCII.
 *
 *   0000000000012340  48 65 6c 6c 6f 00 01 02  7f ff 20 21 41 42 43 44  Hello.....! ABCD
 */
const perRow = 16;

export interface HexByte {
  readonly hex: string;
  readonly char: string;
  /** Whether the byte is within the part that is pointed at. */
  readonly isMarked: boolean;
}

export interface HexRow {
  /** Offset in the log of the row's first place: a multiple of sixteen. */
  readonly offset: number;
  /** Sixteen places; null where there is no byte. */
  readonly bytes: readonly (HexByte | null)[];
}

function charOf(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
}

/** The rows that hold `bytes`, which begin at `offset`; those in `[markedFrom, markedTo)` are marked. */
export function hexRows(offset: number, bytes: Uint8Array, markedFrom: number, markedTo: number): HexRow[] {
  const rows: HexRow[] = [];
  for (let at = offset - (offset % perRow); at < offset + bytes.length; at += perRow) {
    const places = Array.from({ length: perRow }, (_, column) => {
      const byte = bytes[at + column - offset];
      if (byte === undefined) return null;
      const isMarked = at + column >= markedFrom && at + column < markedTo;
      return { hex: byte.toString(16).padStart(2, "0"), char: charOf(byte), isMarked };
    });
    rows.push({ offset: at, bytes: places });
  }
  return rows;
}
