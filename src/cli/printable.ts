/**
 * Text that came from a log, a file name or an error, made safe to show: a terminal obeys what it is
 * sent, and the bytes of a record are anybody's. Escaped are the control characters (C0, DEL, C1), what turns
 * the direction of text around, line and paragraph separators, what has no width, and halves of surrogate pairs.
 */

const unsafe =
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|[\u{e0000}-\u{e007f}]/gu;

const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line of text, whatever was in it. */
export function printable(text: string): string {
  return text.replace(unsafe, (found) => short[found] ?? escapeOf(found));
}

/** A path as a word of a command line, so that what is shown can be typed, whatever is in the name. */
export function shellWord(path: string): string {
  if (/^[\w@%+=:,./][\w@%+=:,./-]*$/.test(path)) return path;
  const escaped = printable(path);
  // Only $'...' can name a control character.
  if (escaped !== path) return `$'${printable(path.replace(/[\\']/g, "\\$&"))}'`;
  return `'${path.replaceAll("'", "'\\''")}'`;
}

/** The same for text of several lines, which it leaves in place. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** JSON of one line, in which only plain escapes of JSON stand for what a terminal would obey. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(unsafe, (found) =>
    found
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

function escapeOf(found: string): string {
  const code = found.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return `\\u{${code.toString(16)}}`;
}

/** Columns that a terminal gives to a character: two for the wide ones of East Asia and for pictures. */
function columnsOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (/\p{Mark}/u.test(character)) return 0;
  const isWide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return isWide ? 2 : 1;
}

/** Printable text cut to so many columns, an ellipsis at its end where something is missing. */
export function fitted(text: string, columns: number): string {
  let width = 0;
  let kept = "";
  for (const character of text) {
    width += columnsOf(character);
    if (width > columns) return `${shortened(kept, columns - 1)}…`;
    kept += character;
  }
  return kept;
}

function shortened(text: string, columns: number): string {
  let width = 0;
  let kept = "";
  for (const character of text) {
    width += columnsOf(character);
    if (width > columns) break;
    kept += character;
  }
  return kept;
}
