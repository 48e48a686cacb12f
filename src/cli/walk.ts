/** Reads a log from one place to another, records and damage in the order in which they stand. */
import type { IterOptions, Lsn, Wal, WalRecord } from "../index.ts";

/** Bytes that are no intact record, passed over. */
export interface Damage {
  readonly lsn: Lsn;
  readonly length: number;
  readonly reason: string;
}

export interface Visitor {
  /** False: that was the last one wanted. A promise is awaited before the next one is read. */
  record(record: WalRecord): Promise<void> | false | undefined;
  damage(damage: Damage): void;
}

/**
 * From `from` (default the head) to the end of the bytes, of a log that was opened with `readOnly`.
 *
 * @throws the signal's reason when it aborts.
 */
export async function walk(
  wal: Wal,
  range: Pick<IterOptions, "from" | "to">,
  visitor: Visitor,
  signal: AbortSignal,
): Promise<void> {
  let passed: Damage[] = [];
  const tellPassed = (): void => {
    const told = passed;
    passed = [];
    for (const damage of told) visitor.damage(damage);
  };
  const records = wal.iter({
    ...range,
    onDamage: ({ offset, length, reason }) => {
      passed.push({ lsn: offset ?? wal.head, length: length ?? 0, reason: reason ?? "unknown" });
    },
  });
  for await (const record of records) {
    if (passed.length > 0) tellPassed();
    signal.throwIfAborted();
    const answer = visitor.record(record);
    if (answer === false) return;
    if (answer !== undefined) await answer;
  }
  tellPassed();
  signal.throwIfAborted();
}

/** The record at an LSN, past damage too; undefined when none is intact there any more. */
export function recordAt(wal: Wal, lsn: Lsn): WalRecord | undefined {
  const to = (lsn + 1) as Lsn;
  for (const record of wal.iter({ from: lsn, to, onDamage: () => {} })) return record;
  return undefined;
}
