/** Bytes of a record as the page shows them. They are whatever somebody wrote: nothing in them is markup here. */

/** Characters that show nothing, or turn the text around them. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;

const decoder = new TextDecoder();

export function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/** As UTF-8; a dot for what cannot be seen, U+FFFD for what is not UTF-8. */
export function shownText(bytes: Uint8Array): string {
  return decoder.decode(bytes).replace(unseen, "·");
}

export function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** Sixteen bytes to a row: place in the payload, hexadecimal, ASCII. */
export function hexDump(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const chars = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."));
    rows.push(`${at.toString(16).padStart(4, "0")}  ${hexText(row).padEnd(47)}  ${chars.join("")}`);
  }
  return rows.join("\n");
}
