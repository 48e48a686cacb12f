/** What an open must make of the files that are there, and what is read of a log that is open. */
import { claimOf } from "../support/plain-format.ts";
import { textOf } from "./followed.ts";
import type { SimRecord, Content } from "./model.ts";
import type { OpenOp } from "./program.ts";
import type { Wal } from "wal-db";
import { expectedOf, type LogView } from "./view.ts";
import type { Situation } from "./situation.ts";

export type Expected = ReturnType<typeof expectedOf>;

export class Expecting {
  readonly #at: Situation;

  constructor(at: Situation) {
    this.#at = at;
  }

  /** A log that is gone while its mark is there is not begun anew. */
  expectedOpen(
    view: LogView,
    how: { onDamage: OpenOp["onDamage"]; verify: "tail" | "full"; maxRecordBytes: number },
  ): Expected {
    const claim = view.mark === null ? null : claimOf(view.mark);
    const expected = expectedOf(view, how);
    if (!view.missing || claim === null || claim === 0 || !expected.opens) return expected;
    const accepted = how.onDamage === "quarantine" || how.onDamage === "truncate";
    return accepted ? expected : { opens: false, offset: 0, mark: claim, reason: "shorter-than-mark" };
  }

  /**
   * What a power cut may leave out of order (R5, R8, R9, R10) is refused where the user has said so by
   * name. Without a claim a gap cannot be told from loss: then the first mark could not be written,
   * which a fault explains, or its slots were torn, which takes a disk that tears sectors.
   */
  mayRefuse(onDamage: OpenOp["onDamage"], expected: Expected): boolean {
    if (expected.opens) return false;
    const isGap = expected.reason.endsWith("-segment") || expected.reason === "segment-size";
    if (!isGap) return onDamage === "refuse" && expected.mark === null;
    return expected.mark === null && (this.#at.machine.faultsMet > 0 || this.#at.machine.hasTornSectors);
  }

  /** By reading; after the disk has lied, past damage as well. */
  contentOf(wal: Wal): Content {
    const records: SimRecord[] = [];
    const onDamage = this.#at.machine.hasLied ? { onDamage: () => {} } : {};
    try {
      for (const record of wal.iter(onDamage)) records.push({ lsn: record.lsn, text: textOf(record.data) });
    } catch (error) {
      this.#at.checkError("reading after open", error);
    }
    if (this.#at.machine.hasLied) {
      for (const { lsn, text } of records)
        this.#at.insist(this.#at.model.knows(text), `invented: the record at ${lsn}`);
    }
    return { head: wal.head, end: wal.end, records };
  }
}

export function described(expected: Expected): string {
  if (!expected.opens) return `is to be refused with ${expected.reason} at ${expected.offset}`;
  return `is to be opened up to ${expected.end}`;
}
