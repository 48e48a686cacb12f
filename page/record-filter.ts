/** Which records the table shows: what the fields of the form ask for, as one pure function. */
import type { PageRecords } from "../src/cli/report/page-data.ts";
import { decodeBase64, hexText, shownText } from "./shown-bytes.ts";

export interface RecordFilter {
  /** Found in the payload's first bytes, as text or, of the form `0x 0a ff`, as bytes. Empty: all. */
  readonly contains: string;
  readonly lsnFrom: number | null;
  readonly lsnTo: number | null;
  readonly lengthFrom: number | null;
  readonly lengthTo: number | null;
  readonly nearDamageOnly: boolean;
}

/** A whole number of a field; null where there is none. Thousands may be set apart. */
export function numberOf(text: string): number | null {
  const digits = text.replace(/[\s,_]/g, "");
  return /^\d+$/.test(digits) ? Number(digits) : null;
}

/** The hexadecimal digits of `0x...`, in pairs; null where the text is none such. */
function hexAsked(text: string): string | null {
  const digits = /^0x([0-9a-f\s]+)$/i.exec(text.trim())?.[1]?.replace(/\s/g, "").toLowerCase();
  if (digits === undefined || digits === "" || digits.length % 2 === 1) return null;
  return digits.replace(/../g, " $&").trim();
}

function within(value: number, from: number | null, to: number | null): boolean {
  return (from === null || value >= from) && (to === null || value <= to);
}

/** Indices of the records that pass, in the order of the log. */
export function matching(records: PageRecords, filter: RecordFilter): number[] {
  const hex = hexAsked(filter.contains);
  const text = filter.contains.toLowerCase();
  const contains = (index: number): boolean => {
    if (text === "") return true;
    const bytes = decodeBase64(records.start[index] ?? "");
    return hex === null ? shownText(bytes).toLowerCase().includes(text) : hexText(bytes).includes(hex);
  };
  return records.lsn.flatMap((lsn, index) => {
    if (!within(lsn, filter.lsnFrom, filter.lsnTo)) return [];
    if (!within(records.length[index] ?? 0, filter.lengthFrom, filter.lengthTo)) return [];
    if (filter.nearDamageOnly && records.nearDamage[index] !== 1) return [];
    return contains(index) ? [index] : [];
  });
}
