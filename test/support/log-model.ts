/**
 * What a log must hold, by the words of its promises and nothing else: a list of records, how much
 * of it is durable, and, while a truncation is under way, the two states that a crash may show.
 */
import assert from "node:assert/strict";

export interface ModelRecord {
  readonly lsn: number;
  readonly payload: string;
}

/** What was found in a log. */
export interface LogContent {
  readonly head: number;
  readonly end: number;
  readonly records: readonly ModelRecord[];
}

/** One history of the log: what was appended, and how much of it may not be lost. */
interface History {
  readonly records: readonly ModelRecord[];
  /** Nothing below may be lost by a power cut. */
  readonly durable: number;
  /** Nothing below may be lost by the end of the process. */
  readonly written: number;
}

const headerBytes = 8;

export function endOf(record: ModelRecord): number {
  return record.lsn + headerBytes + record.payload.length;
}

export class LogModel {
  #head = 0;
  #records: ModelRecord[] = [];
  #durable = 0;
  #written = 0;
  /** The states before, while cuts at the end are under way. */
  #before: History[] = [];
  /** The heads to be, while prefixes are being dropped. */
  #nextHeads: number[] = [];

  get head(): number {
    return this.#head;
  }

  get durable(): number {
    return this.#durable;
  }

  get end(): number {
    const last = this.#records.at(-1);
    return last === undefined ? this.#head : Math.max(this.#head, endOf(last));
  }

  /** From the head on. */
  get records(): readonly ModelRecord[] {
    return this.#records.filter((record) => record.lsn >= this.#head);
  }

  get content(): LogContent {
    return { head: this.#head, end: this.end, records: this.records };
  }

  /** Before the call: the record may be there after a crash, or not. */
  beginAppend(payloads: readonly string[]): number[] {
    const lsns: number[] = [];
    for (const payload of payloads) {
      const lsn = this.end;
      lsns.push(lsn);
      this.#records.push({ lsn, payload });
    }
    return lsns;
  }

  appended(): void {
    this.#written = this.end;
  }

  synced(upTo: number = this.#written): void {
    this.#durable = Math.max(this.#durable, upTo);
  }

  /** The record at `lsn` shall be the last. */
  beginTruncateAfter(lsn: number): void {
    const last = this.#records.find((record) => record.lsn === lsn);
    assert.ok(last !== undefined && lsn >= this.#head, `the test cuts at ${lsn}, where no record is`);
    const end = endOf(last);
    // Nothing follows, nothing is cut, and nothing is flushed for it.
    if (end === this.end) return;
    this.#before.push({ records: this.#records, durable: this.#durable, written: this.#written });
    this.#records = this.#records.filter((record) => record.lsn <= lsn);
    this.#durable = Math.min(this.#durable, end);
    this.#written = end;
  }

  truncatedAfter(): void {
    if (this.#before.length > 0) this.#durable = this.end;
    this.#before = [];
  }

  beginTruncateBefore(lsn: number): void {
    this.#nextHeads.push(Math.max(this.#head, lsn));
  }

  /** All that stays below the new head's record, the head included, is on stable storage. */
  truncatedBefore(): void {
    this.#head = this.#nextHeads.at(-1) ?? this.#head;
    this.#nextHeads = [];
    this.#durable = Math.max(this.#durable, this.#head);
    this.#records = this.#records.filter((record) => record.lsn >= this.#head);
  }

  /** A store that frees nothing: the head stays, and all below `lsn` has been synced. */
  keptHead(head: number, lsn: number): void {
    assert.equal(head, this.#head, "the head moved, and not to where it was to");
    this.#nextHeads = [];
    this.#durable = Math.max(this.#durable, lsn);
  }

  /** After a crash: what was found must be a state that the promises allow; from there it goes on. */
  afterCrash(found: LogContent, how: "kill" | "power", what: string): void {
    const histories = [this.#current(), ...this.#before];
    const heads = [this.#head, ...this.#nextHeads];
    const faults = histories.map((history) => faultOf(found, history, heads, how));
    if (!faults.includes(null)) assert.fail(`${what}: ${faults.join("; or ")}`);
    this.#head = found.head;
    this.#records = [...found.records];
    // Open calls it durable.
    this.#durable = this.end;
    this.#written = this.end;
    this.#before = [];
    this.#nextHeads = [];
  }

  #current(): History {
    return { records: this.#records, durable: this.#durable, written: this.#written };
  }
}

/** What keeps a log that was found after a crash from being one of this history, or null. */
function faultOf(
  found: LogContent,
  history: History,
  heads: readonly number[],
  how: "kill" | "power",
): string | null {
  if (!heads.includes(found.head)) return `the head is ${found.head}, not ${heads.join(" or ")}`;
  const expected = history.records.filter((record) => record.lsn >= found.head);
  for (const [i, record] of found.records.entries()) {
    const wanted = expected[i];
    if (wanted === undefined) return `a record at ${record.lsn} that was never there, or was cut off`;
    if (record.lsn !== wanted.lsn || record.payload !== wanted.payload) {
      return `at ${record.lsn} stands ${record.payload.slice(0, 30)}, not ${wanted.lsn}: ${wanted.payload.slice(0, 30)}`;
    }
  }
  const least = how === "kill" ? history.written : history.durable;
  if (found.end < least) return `the log ends at ${found.end}, though ${least} was acknowledged`;
  const last = found.records.at(-1);
  const end = last === undefined ? found.head : endOf(last);
  return found.end === end ? null : `the end is ${found.end}, but the last record ends at ${end}`;
}
