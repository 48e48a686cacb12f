/** Opening a log, and holding what comes of it against the table and the model. */
import { Finding } from "./finding.ts";
import type { Files } from "./machine.ts";
import type { OpenOp } from "./program.ts";
import type { SealedSegment, SegmentedOptions, Wal, WalError } from "wal-db";
import { difference, type LogView, quarantined, sameBytes, segmentsIn, viewOf } from "./view.ts";
import { type Situation, maxRecordSize } from "./situation.ts";
import type { Answers } from "./answers.ts";
import type { LiveLog } from "./live-log.ts";
import { type Expecting, described, type Expected } from "./expecting.ts";
import type { Readers } from "./readers.ts";

export class Opening {
  readonly #at: Situation;
  readonly #answers: Answers;
  readonly #expecting: Expecting;
  readonly #live: LiveLog;
  readonly #readers: Readers;

  constructor(at: Situation, answers: Answers, expecting: Expecting, live: LiveLog, readers: Readers) {
    this.#at = at;
    this.#answers = answers;
    this.#expecting = expecting;
    this.#live = live;
    this.#readers = readers;
  }

  async open(op: OpenOp): Promise<void> {
    if (this.#at.wal !== null) return;
    const before = this.#at.machine.files();
    const view = viewOf(before, this.#at.layout);
    const how = { onDamage: op.onDamage, verify: op.verify, maxRecordBytes: maxRecordSize } as const;
    const expected = this.#expecting.expectedOpen(view, how);
    this.#at.machine.watch = () => this.#checkSaved(view, expected);
    this.#at.durableSeen = 0;
    const opened = await this.#tryOpen(op);
    this.#at.machine.watch = null;
    if (this.#at.isDown) {
      this.#at.counts.opensCutShort++;
      return;
    }
    if ("error" in opened) return this.#refused(op, opened.error, expected, before);
    this.#at.wal = opened.value;
    if (op.hook !== "none" && this.#at.layout.segmentSize !== null && !this.#at.machine.hasLied) {
      const { segmentSize, path } = this.#at.layout;
      // Segments below a gap were left over when a front was being dropped.
      const present = segmentsIn(before, path);
      let lowest = Math.floor(opened.value.head / segmentSize);
      while (present.has(lowest - 1)) lowest--;
      this.#at.archived.begin(lowest * segmentSize);
    }
    this.#at.machine.undisturbed(() => this.#opened(opened.value, op, view, expected));
  }

  async #tryOpen(op: OpenOp): Promise<{ readonly value: Wal } | { readonly error: unknown }> {
    try {
      const opened = this.#at.lib.open(this.#at.disk, this.#at.layout, this.#optionsOf(op), op.blocking);
      return opened instanceof Promise ? await this.#answers.awaited("open", opened) : { value: opened };
    } catch (error) {
      if (error instanceof Finding) throw error;
      return { error };
    }
  }

  #optionsOf(op: OpenOp): SegmentedOptions {
    const options = { maxRecordSize, verify: op.verify, onDamage: op.onDamage ?? undefined };
    if (this.#at.layout.segmentSize === null || op.hook === "none") return options;
    this.#at.hookFails = op.hook === "fails" ? 2 : 0;
    return { ...options, archive: (segment) => this.#archive(segment, op.hook === "waits") };
  }

  async #archive(segment: SealedSegment, waits: boolean): Promise<void> {
    const given = this.#at.archived.given(segment, this.#at.machine);
    this.#at.report(given.fault);
    if (this.#at.hookFails-- > 0) throw new Error("the hook fails, as the program says");
    for (let turns = waits ? 3 : 0; turns > 0; turns--) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    if (!this.#at.isDown) given.taken();
  }

  #refused(op: OpenOp, error: unknown, expected: Expected, before: Files): void {
    const code = error instanceof Error && error.name === "WalError" ? (error as WalError).code : null;
    this.#at.checkError("open", error, ["WAL_CORRUPT"]);
    if (code !== "WAL_CORRUPT") return;
    this.#at.counts.refusals++;
    const reason = String((error as WalError).reason);
    const after = this.#at.machine.files();
    this.#at.insist(
      difference(before, after) === null,
      `open refused and changed ${difference(before, after)}`,
    );
    if (this.#at.machine.faultsMet > this.#at.faultsBefore) return;
    this.#at.insist(
      !expected.opens && expected.reason === reason,
      `open refused with ${reason} what ${described(expected)}`,
    );
    if (this.#at.machine.hasLied || this.#expecting.mayRefuse(op.onDamage, expected)) return;
    this.#at.report(`after mere crashes open refused with ${reason}: ${(error as Error).message}`);
  }

  /** Before every change that open makes: nothing is cut off that had to be saved and is not. */
  #checkSaved(view: LogView, expected: Expected): void {
    if (!expected.opens || expected.saved === null || this.#at.machine.hasLied) return;
    const now = viewOf(this.#at.machine.files(), this.#at.layout).image;
    if (sameBytes(now.subarray(expected.end), view.image.subarray(expected.end))) return;
    const isSaved = quarantined(
      this.#at.machine.durableFiles(),
      this.#at.layout,
      expected.end,
      expected.saved,
    );
    if (!isSaved)
      throw new Finding(`bytes from ${expected.end} on are cut off and in no quarantine that would stay`);
  }

  #opened(wal: Wal, op: OpenOp, view: LogView, expected: Expected): void {
    if (this.#at.crashedSince) this.#at.counts.generations++;
    this.#at.crashedSince = false;
    // Until now: of a flush that failed, the next process may be the first to be told.
    this.#at.faultsBefore = this.#at.machine.faultsMet;
    // Without a mark nothing tells which pages the failed flush had let go of, so nothing is written again.
    if (expected.mark === null && this.#at.machine.hasFailedFlush) this.#at.machine.hasLied = true;
    this.#at.insist(expected.opens, `open did not refuse what ${described(expected)}`);
    this.#checkSaved(view, expected);
    this.#checkReport(wal, expected);
    if (wal.recovery.damage?.quarantine !== undefined && wal.recovery.damage.quarantine !== null)
      this.#at.counts.quarantines++;
    const found = this.#expecting.contentOf(wal);
    if (this.#at.machine.hasLied) {
      this.#at.model.opened(found);
      this.#at.archived.forget();
      return;
    }
    const fault = this.#at.model.faultOf(found);
    this.#at.insist(fault === null, `after ${this.#at.model.ended}: ${fault}`);
    this.#readers.checkReaders(wal, found.end);
    this.#at.model.opened(found);
    this.#at.insist(wal.durable === wal.end, `durable is ${wal.durable} after open, not ${wal.end}`);
    this.#live.checkDurable(wal);
    if (op.hook === "none")
      this.#at.report(this.#at.archived.removedTooEarly(this.#at.machine, this.#at.layout));
  }

  #checkReport({ recovery, head, end }: Wal, expected: Expected): void {
    if (!expected.opens) return;
    const { damage } = recovery;
    const got = [
      recovery.scannedFrom,
      recovery.records,
      end,
      recovery.discarded,
      damage?.offset,
      damage?.reason,
      damage?.kind,
    ];
    const { damage: due } = expected;
    const want = [
      expected.scannedFrom,
      expected.records,
      expected.end,
      expected.discarded,
      due?.offset,
      due?.reason,
      due?.kind,
    ];
    this.#at.insist(
      JSON.stringify(got) === JSON.stringify(want),
      `open reports ${JSON.stringify(got)} of what is ${JSON.stringify(want)}`,
    );
    this.#at.insist(
      head === recovery.head && recovery.end === end,
      "the report and the log are not of one mind",
    );
    const saved = damage?.quarantine ?? null;
    this.#at.insist(
      (saved === null) === (expected.saved === null),
      `quarantine: ${saved}, ${expected.saved?.length ?? 0} bytes to be saved`,
    );
  }
}
