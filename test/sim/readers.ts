/** Named readers, whose positions outlive the process. */
import type { OpOf } from "./program.ts";
import type { Wal, WalReader } from "wal-db";
import { beside } from "./view.ts";
import type { Situation } from "./situation.ts";

export class Readers {
  readonly #at: Situation;

  constructor(at: Situation) {
    this.#at = at;
  }

  reader(wal: Wal, op: OpOf<"reader">): void {
    let reader: WalReader;
    try {
      reader = wal.reader(op.name);
      const { position } = reader;
      if (!this.#at.readers.has(op.name)) this.#at.readers.set(op.name, { position, last: position });
      const record = this.#at.recordAt(op.at);
      if (record === undefined || record.lsn < position) return;
      // Where the disk refuses, it stays where it was, in memory and on the disk.
      reader.advance(record.lsn as never);
      // A cut that failed half-way may have moved it down in memory alone: the disk can bring it back up.
      const last = Math.max(this.#at.readers.get(op.name)?.last ?? 0, reader.position, record.lsn);
      this.#at.readers.set(op.name, { position: reader.position, last });
    } catch (error) {
      if (this.#at.isDown) this.#at.readers.delete(op.name);
      this.#at.checkError("reader", error);
    }
    if (this.#at.isDown) this.#at.readers.delete(op.name);
  }

  forgetReader(wal: Wal, name: string): void {
    if (!this.#at.readers.delete(name)) return;
    this.#at.tried("reader.remove", () => wal.reader(name).remove());
  }

  checkReaders(wal: Wal, end: number): void {
    const files = this.#at.machine.files();
    for (const [name, { position, last }] of this.#at.readers) {
      const isThere = files[`${beside(this.#at.layout)}reader-${name}`] !== undefined;
      this.#at.insist(isThere || this.#at.machine.faultsMet > 0, `reader ${name} is gone`);
      if (!isThere) {
        this.#at.readers.delete(name);
        continue;
      }
      const now = wal.reader(name).position;
      const most = Math.min(last, end);
      const exact = this.#at.model.ended !== "power";
      this.#at.insist(now <= most, `reader ${name} stands at ${now}, past ${most}`);
      this.#at.insist(
        !exact || now >= Math.min(position, end) || this.#at.faulty,
        `reader ${name} stands at ${now}, not ${position}`,
      );
      // One that was lowered and not flushed may be back after the next power cut.
      this.#at.readers.set(name, { position: now, last: most });
    }
  }
}
