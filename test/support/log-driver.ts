/**
 * Does the same to a log and to the model of it, and compares: each step tells the model before the
 * call what may be there from now on, and after it what must.
 */
import assert from "node:assert/strict";
import type { Lsn, Wal } from "wal-db";
import { type LogContent, LogModel } from "./log-model.ts";

export type Step =
  | { readonly do: "append" | "batch" | "appendAndSync"; readonly sizes: readonly number[] }
  | { readonly do: "sync" }
  /** `at`: which of the records, 0 the first and 1 the last. */
  | { readonly do: "truncateAfter" | "truncateBefore"; readonly at: number }
  | { readonly do: "truncateBeforeEnd" };

export class LogDriver {
  readonly model: LogModel = new LogModel();
  #made = 0;

  async run(wal: Wal, step: Step, blocking: boolean): Promise<void> {
    switch (step.do) {
      case "append":
        return this.#append(wal, step.sizes);
      case "batch":
        return this.#batch(wal, step.sizes);
      case "appendAndSync":
        return this.#appendAndSync(wal, step.sizes, blocking);
      case "sync":
        return this.#sync(wal, blocking);
      case "truncateAfter":
        return this.#truncateAfter(wal, this.#pick(step.at), blocking);
      case "truncateBefore":
        return this.#truncateBefore(wal, this.#pick(step.at), blocking);
      default:
        return this.#truncateBefore(wal, this.model.end, blocking);
    }
  }

  check(wal: Wal, what: string): void {
    assert.deepEqual(contentOf(wal), this.model.content, what);
    assert.ok(wal.durable <= wal.end, `${what}: durable ${wal.durable} is above the end ${wal.end}`);
    assert.ok(wal.durable >= this.model.durable, `${what}: durable ${wal.durable} < ${this.model.durable}`);
  }

  #payload(size: number): string {
    const text = `#${this.#made++} `;
    return text.padEnd(size, String(this.#made % 10)).slice(0, size);
  }

  #pick(at: number): number | null {
    const { records } = this.model;
    return records[Math.min(records.length - 1, Math.floor(at * records.length))]?.lsn ?? null;
  }

  #append(wal: Wal, sizes: readonly number[]): void {
    for (const size of sizes) {
      const payload = this.#payload(size);
      const lsns = this.model.beginAppend([payload]);
      assert.deepEqual([wal.append(payload)], lsns);
      this.model.appended();
    }
  }

  #batch(wal: Wal, sizes: readonly number[]): void {
    const payloads = sizes.map((size) => this.#payload(size));
    const lsns = this.model.beginAppend(payloads);
    assert.deepEqual(wal.appendBatch(payloads), lsns);
    this.model.appended();
  }

  async #appendAndSync(wal: Wal, sizes: readonly number[], blocking: boolean): Promise<void> {
    for (const size of sizes) {
      const payload = this.#payload(size);
      const lsns = this.model.beginAppend([payload]);
      const lsn = blocking ? wal.appendAndSyncBlocking(payload) : await wal.appendAndSync(payload);
      assert.deepEqual([lsn], lsns);
      this.model.appended();
      this.model.synced();
    }
  }

  async #sync(wal: Wal, blocking: boolean): Promise<void> {
    if (blocking) wal.syncBlocking();
    else await wal.sync();
    this.model.synced();
  }

  async #truncateAfter(wal: Wal, lsn: number | null, blocking: boolean): Promise<void> {
    if (lsn === null) return;
    this.model.beginTruncateAfter(lsn);
    if (blocking) wal.truncateAfterBlocking(lsn as Lsn);
    else await wal.truncateAfter(lsn as Lsn);
    this.model.truncatedAfter();
  }

  async #truncateBefore(wal: Wal, lsn: number | null, blocking: boolean): Promise<void> {
    if (lsn === null) return;
    this.model.beginTruncateBefore(lsn);
    const head = blocking ? wal.truncateBeforeBlocking(lsn as Lsn) : await wal.truncateBefore(lsn as Lsn);
    // A store that frees nothing keeps its head, and with it the records.
    if (head === lsn) this.model.truncatedBefore();
    else this.model.keptHead(head, lsn);
  }
}

export function contentOf(wal: Wal): LogContent {
  const records = [...wal].map((record) => ({ lsn: record.lsn as number, payload: record.text() }));
  return { head: wal.head, end: wal.end, records };
}
