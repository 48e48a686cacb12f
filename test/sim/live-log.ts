/** What holds of a log that is open, after every step. */
import { frameOf } from "../support/plain-format.ts";
import { bytesOf } from "./followed.ts";
import type { Files } from "./machine.ts";
import type { Wal } from "wal-db";
import { sameBytes, segmentPath, viewOf } from "./view.ts";
import type { Situation } from "./situation.ts";

export class LiveLog {
  readonly #at: Situation;

  constructor(at: Situation) {
    this.#at = at;
  }

  checkLive(wal: Wal): void {
    if (this.#at.machine.hasLied) return;
    const model = this.#at.model;
    this.#at.insist(wal.end === model.end, `the log ends at ${wal.end}, and ${model.end} was appended`);
    this.#at.insist(model.mayBegin(wal.head), `the head is ${wal.head}, not ${model.head}`);
    if (wal.head > model.head) this.dropped(wal.head);
    this.#at.insist(wal.durable <= wal.end, `durable is ${wal.durable}, past the end at ${wal.end}`);
    this.#at.insist(
      wal.durable >= model.durable,
      `durable is ${wal.durable}, and ${model.durable} was acknowledged`,
    );
    if (wal.durable < this.#at.durableSeen) this.#at.durableSeen = wal.durable;
    if (wal.durable > this.#at.durableSeen) this.checkDurable(wal);
  }

  dropped(head: number): void {
    this.#at.drops++;
    this.#at.model.dropped(head);
    this.#at.report(this.#at.archived.removedTooEarly(this.#at.machine, this.#at.layout));
  }

  /** What is called durable stands on the disk. */
  checkDurable(wal: Wal): void {
    const { image } = viewOf(this.#newlyDurable(wal.durable), this.#at.layout);
    for (const { lsn, text } of this.#at.model.records) {
      const frame = lsn < this.#at.durableSeen || lsn >= wal.durable ? null : frameOf(bytesOf(text));
      const there = frame === null || sameBytes(image.subarray(lsn, lsn + frame.length), frame);
      this.#at.insist(there, `durable is ${wal.durable}, and the record at ${lsn} is not on the disk`);
    }
    this.#at.durableSeen = wal.durable;
  }

  /** The files that hold what is called durable since the last look, as they are on the disk. */
  #newlyDurable(durable: number): Files {
    const { path, segmentSize } = this.#at.layout;
    if (segmentSize === null) return this.#at.machine.durableFiles((each) => each === path);
    const paths = new Set<string>();
    for (let at = Math.floor(this.#at.durableSeen / segmentSize); at * segmentSize < durable; at++) {
      paths.add(segmentPath(path, at));
    }
    return this.#at.machine.durableFiles((each) => paths.has(each));
  }
}
