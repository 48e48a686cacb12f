/** What a fuzzed call is given: files with any bytes, and the options they are opened with. */
import type { DamagePolicy } from "wal-db";

/** What is fuzzed, by name. */
export const targets = ["open", "segments", "read", "beside", "convert"] as const;
export type Target = (typeof targets)[number];

export interface FuzzOptions {
  readonly onDamage: DamagePolicy | undefined;
  readonly verify: "tail" | "full";
  readonly readOnly: boolean;
  readonly maxRecordSize: number;
  /** Null: one file. */
  readonly segmentSize: number | null;
}

export interface FuzzCase {
  readonly target: Target;
  /** By name: of the log itself "", beside it ".mark" and so on; in a directory the names of its files. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly options: FuzzOptions;
  /** Offsets to read at. */
  readonly probes: readonly number[];
}

export function textOf(given: FuzzCase): string {
  const files = Object.entries(given.files).map(([name, bytes]) => [
    name,
    Buffer.from(bytes).toString("hex"),
  ]);
  return JSON.stringify({ ...given, files: Object.fromEntries(files) }, null, 1);
}

export function caseOf(text: string): FuzzCase {
  const given = JSON.parse(text) as Omit<FuzzCase, "files"> & { files: Record<string, string> };
  const files = Object.entries(given.files).map(([name, hex]) => [
    name,
    new Uint8Array(Buffer.from(hex, "hex")),
  ]);
  return { ...given, files: Object.fromEntries(files) as Record<string, Uint8Array> };
}
