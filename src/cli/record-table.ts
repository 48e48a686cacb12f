/** Records and damage as lines: of a table for people, or of JSON. */
import type { WalRecord } from "../index.ts";
import { printableJson } from "./printable.ts";
import { counted } from "./quantity.ts";
import type { RecordForm } from "./record-form.ts";
import type { Output } from "./terminal.ts";
import type { Damage } from "./walk.ts";

export interface RecordLines {
  begin(): void;
  record(record: WalRecord): void;
  damage(damage: Damage, note?: string): void;
}

const lsnColumns = 12;
const lengthColumns = 10;
const dataAt: number = lsnColumns + 2 + lengthColumns + 2;

export class RecordTable implements RecordLines {
  readonly #output: Output;
  readonly #form: RecordForm;
  readonly #shift: number;

  /** @param shift What is added to each LSN: where the bytes of a quarantine stood in their log. */
  constructor(output: Output, form: RecordForm, shift: number = 0) {
    this.#output = output;
    this.#form = form;
    this.#shift = shift;
  }

  begin(): void {
    const title = `${"LSN".padStart(lsnColumns)}  ${"LENGTH".padStart(lengthColumns)}  DATA`;
    this.#output.line(this.#output.style("bold", title));
  }

  record(record: WalRecord): void {
    const columns = Math.max(20, this.#output.columns - dataAt);
    const data = this.#form.inLine(record, columns);
    this.#output.line(`${placeText(record.lsn + this.#shift, record.length)}  ${data}`.trimEnd());
    for (const line of this.#form.beneath?.(record) ?? []) {
      this.#output.line(`    ${this.#output.style("dim", line)}`);
    }
  }

  damage({ lsn, length, reason }: Damage, note: string = "passed over"): void {
    const line = `${placeText(lsn + this.#shift, length)}  ${reason}: ${counted(length, "byte")}, ${note}`;
    this.#output.line(this.#output.style("red", line));
  }
}

function placeText(lsn: number, length: number): string {
  return `${String(lsn).padStart(lsnColumns)}  ${String(length).padStart(lengthColumns)}`;
}

export class RecordJson implements RecordLines {
  readonly #output: Output;
  readonly #form: RecordForm;
  readonly #shift: number;

  /** @param shift What is added to each LSN: where the bytes of a quarantine stood in their log. */
  constructor(output: Output, form: RecordForm, shift: number = 0) {
    this.#output = output;
    this.#form = form;
    this.#shift = shift;
  }

  begin(): void {}

  record(record: WalRecord): void {
    const lsn = record.lsn + this.#shift;
    this.#output.line(printableJson({ lsn, length: record.length, ...this.#form.fields(record) }));
  }

  damage(damage: Damage): void {
    this.#output.line(printableJson({ damage: { ...damage, lsn: damage.lsn + this.#shift } }));
  }
}

/** Rows of which the first column is a name: `head   0`. */
export function factLines(rows: readonly (readonly [string, string])[], output: Output): string[] {
  const left = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, fact]) => `${output.style("bold", name.padEnd(left))}  ${fact}`);
}
