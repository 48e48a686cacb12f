/**
 * Survey: what one pass over a log leaves behind, in memory that does not grow with the log.
 *
 *   every record    counted: by size, by where it begins
 *   some of them    kept, with the first bytes of their payload:
 *     the sample      one in 1, 2, 4, 8 ..., spread evenly
 *     the ends        the first and the last `endsKept`
 *     near damage     `besideKept` on either side, of the first `damageShown` damages
 *   every damage    counted; the first ones kept (verdict.ts)
 *
 * The records just passed are known by LSN alone, and read again when they turn out to be the last ones or
 * to stand before damage: a copy of each that passes would cost more than reading those few twice.
 */
import type { Lsn } from "../../index.ts";
import { DamageList } from "../verdict.ts";
import type { Damage } from "../walk.ts";
import { EvenSample } from "./even-sample.ts";
import { type SizeClass, SizeHistogram } from "./size-histogram.ts";
import { type LogStretch, Stretches } from "./stretches.ts";

/** What is asked of a record: WalRecord has it. */
export interface SurveyedRecord {
  readonly lsn: Lsn;
  readonly length: number;
  readonly data: Uint8Array;
}

export interface SurveyPlan {
  /** Where the pass begins and ends. */
  readonly head: number;
  readonly end: number;
  /** Records in the sample, at most. */
  readonly sampleMax: number;
  /** Bytes kept of a payload. */
  readonly startBytes: number;
  /** Reads a record once more; undefined where it is not there any more. */
  readonly readAgain: (lsn: Lsn) => SurveyedRecord | undefined;
}

export interface KeptRecord {
  /** Place in the log, counted from 1; what damage hides is not counted. */
  readonly number: number;
  readonly lsn: number;
  readonly length: number;
  /** The first bytes of the payload. */
  readonly start: Uint8Array;
  readonly nearDamage: boolean;
}

export interface SurveyResult {
  readonly records: number;
  /** Payload bytes. */
  readonly bytes: number;
  readonly largest: number;
  readonly smallest: number;
  readonly median: number;
  readonly sizes: readonly SizeClass[];
  readonly stretches: readonly LogStretch[];
  readonly damages: DamageList;
  readonly kept: readonly KeptRecord[];
  /** One record in so many is in the sample. */
  readonly sampleStep: number;
}

export const endsKept = 50;
export const besideKept = 8;
export const damageShown = 100;
const stretchCount = 240;

export class Survey {
  readonly #plan: SurveyPlan;
  readonly #sizes = new SizeHistogram();
  readonly #stretches: Stretches;
  readonly #sample: EvenSample<KeptRecord>;
  readonly #kept = new Map<number, KeptRecord>();
  readonly #damages = new DamageList();
  /** The LSNs just passed, and their numbers: a ring. */
  readonly #passed = new Float64Array(endsKept);
  #records = 0;
  #bytes = 0;
  #largest = 0;
  #smallest = Number.POSITIVE_INFINITY;
  /** So many of the records to come stand right behind damage. */
  #behindDamage = 0;

  constructor(plan: SurveyPlan) {
    this.#plan = plan;
    this.#stretches = new Stretches(plan.head, plan.end, stretchCount);
    this.#sample = new EvenSample(plan.sampleMax);
  }

  add(record: SurveyedRecord): void {
    const number = this.#records++;
    const { lsn, length } = record;
    this.#bytes += length;
    if (length > this.#largest) this.#largest = length;
    if (length < this.#smallest) this.#smallest = length;
    this.#sizes.add(length);
    this.#stretches.add(lsn, length);
    this.#passed[number % endsKept] = lsn;
    if (this.#sample.wants(number)) this.#sample.keep(this.#copy(record, number + 1, false));
    if (this.#behindDamage > 0) {
      this.#behindDamage--;
      this.#keep(this.#copy(record, number + 1, true));
    } else if (number < endsKept) this.#keep(this.#copy(record, number + 1, false));
  }

  addDamage(damage: Damage): void {
    this.#damages.add(damage);
    if (this.#damages.count > damageShown) return;
    this.#keepPassed(besideKept, true);
    this.#behindDamage = besideKept;
  }

  finish(): SurveyResult {
    this.#keepPassed(endsKept, false);
    for (const record of this.#sample.items) this.#keep(record);
    return {
      records: this.#records,
      bytes: this.#bytes,
      largest: this.#largest,
      smallest: this.#records === 0 ? 0 : this.#smallest,
      median: this.#sizes.atMost(0.5),
      sizes: this.#sizes.classes(),
      stretches: this.#stretches.list(this.#plan.end),
      damages: this.#damages,
      kept: [...this.#kept.values()].toSorted((a, b) => a.number - b.number),
      sampleStep: this.#sample.step,
    };
  }

  #keep(record: KeptRecord): void {
    const there = this.#kept.get(record.number);
    if (there === undefined || (record.nearDamage && !there.nearDamage))
      this.#kept.set(record.number, record);
  }

  /** Keeps the records passed last: `count` of them, or as many as there were. */
  #keepPassed(count: number, nearDamage: boolean): void {
    const from = Math.max(0, this.#records - Math.min(count, endsKept));
    for (let number = from; number < this.#records; number++) {
      const record = this.#plan.readAgain((this.#passed[number % endsKept] ?? 0) as Lsn);
      if (record !== undefined) this.#keep(this.#copy(record, number + 1, nearDamage));
    }
  }

  #copy({ lsn, length, data }: SurveyedRecord, number: number, nearDamage: boolean): KeptRecord {
    return { number, lsn, length, start: data.slice(0, this.#plan.startBytes), nearDamage };
  }
}
