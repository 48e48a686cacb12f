/** Sizes and times as people read and write them. */

const units: readonly string[] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `1.5 MiB`; whole numbers of bytes below 1 KiB. */
export function bytesText(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? ""}`;
}

/** `1,234,567`, whatever the locale. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** What a word such as "a record" is with a number before it: `1 record`, `2 records`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

const sizePattern = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i;
const powers: Readonly<Record<string, number>> = { "": 0, k: 1, m: 2, g: 3, t: 4 };

/** Bytes from `4096`, `64k`, `64KiB`, `1.5M`; powers of 1024. Null when it is none. */
export function bytesFrom(text: string): number | null {
  const [, number = "", unit = ""] = sizePattern.exec(text.trim()) ?? [];
  if (number === "") return null;
  const bytes = Number(number) * 1024 ** (powers[unit.toLowerCase()] ?? 0);
  return Number.isSafeInteger(bytes) ? bytes : null;
}
