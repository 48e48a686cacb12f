/** The machine goes down, and what of the mark must hold then. */
import { claimOf, scanPlain } from "../support/plain-format.ts";
import type { Crash } from "./program.ts";
import { beside, viewOf } from "./view.ts";
import { type Situation, maxRecordSize } from "./situation.ts";

export class Crashing {
  readonly #at: Situation;

  constructor(at: Situation) {
    this.#at = at;
  }

  down(crash: Crash): void {
    this.#at.counts.crashes++;
    if (crash.how === "power") this.#at.counts.powerCuts++;
    this.#checkMark();
    this.#at.machine.crash(crash);
    this.#at.machine.watch = null;
    // With a flush that failed the cache was all that had it.
    const isCacheLost = crash.dropsCache && this.#at.machine.faultsMet > 0;
    const showsRemains = crash.how === "power" && crash.room === "remains";
    this.#at.model.crashed(isCacheLost ? "power" : crash.how, showsRemains);
    this.#at.crashedSince = true;
    this.#at.leave();
    this.#at.disk = this.#at.machine.start();
  }

  /** No mark, seen or durable, claims what a power cut could take. */
  #checkMark(): void {
    if (this.#at.machine.hasLied) return;
    const durable = viewOf(this.#at.machine.durableFiles(), this.#at.layout);
    const markPath = `${beside(this.#at.layout)}mark`;
    const seen = this.#at.machine.files((path) => path === markPath)[markPath];
    const { end } = scanPlain(durable.image, durable.head, maxRecordSize);
    for (const mark of [seen, durable.mark]) {
      const claim = mark === undefined || mark === null ? null : claimOf(mark);
      this.#at.insist(claim === null || claim <= end, `the mark claims ${claim}, and ${end} is on the disk`);
    }
  }
}
