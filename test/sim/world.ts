/**
 * Runs a program: asks the log, tells the model, and holds the one against the other after every step,
 * every crash and every open. What it finds is thrown as a Finding; nothing else may be thrown.
 */
import { type SealedSegment, type SegmentedOptions, type Wal, WalError, type WalReader } from "wal-db";
import type { Disk } from "#internal/store/disk.js";
import { frameOf, claimOf, scanPlain } from "../support/plain-format.ts";
import { Archived } from "./archived.ts";
import type { Clock } from "./clock.ts";
import { bytesOf, Followed, textOf } from "./followed.ts";
import { type Files, Machine, Stopped } from "./machine.ts";
import { type Content, endOf, Model, type SimRecord } from "./model.ts";
import { type Crash, type Filled, type Op, type OpenOp, powerCut, type Program } from "./program.ts";
import type { SimLibrary } from "./sim-library.ts";
import {
  beside,
  difference,
  expectedOf,
  isOfLog,
  type Layout,
  type LogView,
  quarantined,
  sameBytes,
  segmentPath,
  segmentsIn,
  viewOf,
} from "./view.ts";

type Expected = ReturnType<typeof expectedOf>;
type OpOf<K extends Op["op"]> = Extract<Op, { readonly op: K }>;

/** More than any record of a program. */
const maxRecordSize = 300_000;
/** So long may anything take that nothing holds up. */
const turnsMax = 2000;

/** Something that must not be. */
export class Finding extends Error {}

export interface Counts {
  ops: number;
  crashes: number;
  powerCuts: number;
  /** Opens after a crash that succeeded. */
  generations: number;
  opensCutShort: number;
  faults: number;
  lies: number;
  refusals: number;
  quarantines: number;
  cutAndSaved: number;
}

export function noCounts(): Counts {
  return {
    ops: 0,
    crashes: 0,
    powerCuts: 0,
    generations: 0,
    opensCutShort: 0,
    faults: 0,
    lies: 0,
    refusals: 0,
    quarantines: 0,
    cutAndSaved: 0,
  };
}

/** Something that was asked for and is not answered yet. */
interface Outstanding {
  readonly what: string;
  readonly startedPoisoned: boolean;
}

export class World {
  readonly counts: Counts = noCounts();
  readonly machine: Machine;
  readonly #lib: SimLibrary;
  readonly #program: Program;
  readonly #clock: Clock;
  readonly #model = new Model();
  readonly #archived = new Archived();
  readonly #outstanding = new Set<Outstanding>();
  readonly #readers = new Map<string, { position: number; last: number }>();
  #followers: Followed[] = [];
  /** What is told to stop when all is to settle. */
  #endless: (() => void)[] = [];
  #layout: Layout;
  #disk: Disk;
  #wal: Wal | null = null;
  #poisoned = false;
  #closing = false;
  #faultsBefore = 0;
  #crashedSince = false;
  #durableSeen = 0;
  #made = 0;
  #logs = 0;
  #hookFails = 0;
  #drops = 0;
  #finding: Finding | null = null;

  constructor(lib: SimLibrary, program: Program, clock: Clock) {
    this.#lib = lib;
    this.#program = program;
    this.#clock = clock;
    this.machine = new Machine(program.seed);
    this.#layout = this.#nextLayout(program.segmentSize);
    this.#disk = this.machine.start();
  }

  async run(): Promise<void> {
    for (const op of this.#program.ops) await this.#step(op);
    await this.#lastWords();
    this.counts.faults = this.machine.faultsMet;
    this.counts.lies = this.machine.lies;
  }

  /** When all is over the log still opens, takes records and keeps them. */
  async #lastWords(): Promise<void> {
    if (this.#wal !== null) await this.#step({ op: "crash", crash: powerCut });
    this.machine.clearFaults();
    await this.#step(lastOpen(null));
    // Refused, as it may be where a claim is lost; taken at its word it loses nothing all the same.
    if (this.#wal === null) await this.#step(lastOpen("quarantine"));
    if (this.machine.hasLied) return;
    this.#insist(this.#wal !== null, "the log does not open at the end");
    await this.#step({ op: "appendAndSync", sizes: [20], blocking: true, filled: "text" });
    await this.#step({ op: "crash", crash: powerCut });
    await this.#step(lastOpen("refuse"));
  }

  async #step(op: Op): Promise<void> {
    this.counts.ops++;
    this.machine.note(op.op);
    await this.#do(op);
    await this.#look();
  }

  /** After every step. */
  async #look(): Promise<void> {
    if (this.#finding !== null) throw this.#finding;
    const { watchFailure, stoppedBy } = this.machine;
    if (watchFailure !== null) throw watchFailure.error;
    if (stoppedBy !== null) {
      this.#down(stoppedBy);
      await this.#drain();
    }
    if (this.#wal !== null) this.#checkLive(this.#wal);
    if (this.#finding !== null) throw this.#finding;
  }

  async #do(op: Op): Promise<void> {
    switch (op.op) {
      case "open":
        return this.#open(op);
      case "look":
        return this.#lookOn(op);
      case "fault":
        return this.machine.fault(op);
      case "lie":
        return this.#lie(op);
      case "arm":
        return this.machine.arm(op.calls, op.half, op.crash);
      case "writeBack":
        return this.machine.writeBack(op.seed);
      case "crash":
        if (this.machine.stoppedBy === null) this.#down(op.crash);
        return this.#drain();
      case "turn":
        for (let i = 0; i < op.times; i++) await this.#clock.turn();
        return;
      case "settle":
        return this.#settle();
      case "convert":
        return this.#convert(op.segmentSize);
      default:
        if (this.#wal !== null) return this.#ask(this.#wal, op);
    }
  }

  async #ask(wal: Wal, op: Op): Promise<void> {
    switch (op.op) {
      case "append":
      case "batch":
        return this.#append(wal, op);
      case "appendAndSync":
        return this.#appendAndSync(wal, op);
      case "sync":
        return this.#sync(wal, op.blocking);
      case "truncateAfter":
        return this.#truncateAfter(wal, op);
      case "truncateBefore":
        return this.#truncateBefore(wal, op);
      case "retain":
        return this.#retain(wal, op.share);
      case "reader":
        return this.#reader(wal, op);
      case "forgetReader":
        return this.#forgetReader(wal, op.name);
      case "iterate":
        return this.#iterate(wal, op);
      case "follow":
        return this.#follow(wal, op.until);
      case "next":
        return this.#next(wal, op.times);
      case "followBeside":
        return this.#followBeside(op);
      case "second":
        return this.#second();
      case "tooLarge":
        return this.#tooLarge(wal);
      case "archived":
        return this.#awaitArchive(wal);
      case "close":
        return this.#close(wal, op.blocking);
      default:
        throw new Error(`the simulator does not know ${op.op}`);
    }
  }

  /* ---- findings ---- */

  #insist(holds: boolean, what: string): asserts holds {
    if (holds) return;
    throw (this.#finding ??= new Finding(what));
  }

  /** From within a callback of the library, which may swallow what is thrown. */
  #report(fault: string | null): void {
    if (fault !== null) this.#finding ??= new Finding(fault);
  }

  get #isDown(): boolean {
    return this.machine.stoppedBy !== null;
  }

  get #faulty(): boolean {
    return this.machine.faultsMet > this.#faultsBefore || this.machine.hasLied;
  }

  /** An error of a call: one that the call may answer with, in the state that all is in. */
  #checkError(what: string, error: unknown, allowed: readonly string[] = []): void {
    if (this.#isDown || isStopped(error)) return;
    if (!(error instanceof Error) || error.name !== "WalError") {
      this.#report(`${what} threw ${error instanceof Error ? error.stack : String(error)}`);
      return;
    }
    const { code } = error as WalError;
    if (code === "WAL_POISONED") this.#poisoned = true;
    const faults = this.#faulty ? ["WAL_IO", "WAL_POISONED"] : [];
    const closing = this.#closing ? ["WAL_CLOSED"] : [];
    const lies = this.machine.hasLied ? ["WAL_CORRUPT", "WAL_INVALID_ARGUMENT"] : [];
    if (![...allowed, ...closing, ...faults, ...lies].includes(code))
      this.#report(`${what} threw ${code}: ${error.message}`);
  }

  /** Looks after a promise until it settles or the process ends. */
  #track<T>(
    what: string,
    promise: Promise<T>,
    done: (value: T) => void,
    failed: (error: unknown) => void = () => {},
    allowed: readonly string[] = [],
  ): void {
    const outstanding = { what, startedPoisoned: this.#poisoned };
    const { wal } = { wal: this.#wal };
    this.#outstanding.add(outstanding);
    const isOurs = (): boolean => this.#outstanding.delete(outstanding) && !this.#isDown;
    promise.then(
      (value) => {
        if (!isOurs() || wal !== this.#wal) return;
        done(value);
      },
      (error: unknown) => {
        if (!isOurs()) return;
        failed(error);
        this.#checkError(what, error, allowed);
      },
    );
  }

  async #settle(): Promise<void> {
    for (const end of this.#endless.splice(0)) end();
    for (let turns = 0; this.#outstanding.size > 0; turns++) {
      if (this.#isDown || this.#finding !== null) return;
      const names = [...this.#outstanding].map(({ what }) => what).join(", ");
      this.#insist(turns < turnsMax, `never answered: ${names}`);
      await this.#clock.turn();
    }
  }

  /** What the process that is gone still had to say, it says to nobody. */
  async #drain(): Promise<void> {
    for (let i = 0; i < 3; i++) await this.#clock.turn();
    this.#clock.forgetAll();
  }

  /** Settles, or the process ended before. */
  async #awaited<T>(
    what: string,
    promise: Promise<T>,
  ): Promise<{ readonly value: T } | { readonly error: unknown }> {
    const answers: ({ readonly value: T } | { readonly error: unknown })[] = [];
    promise.then(
      (value) => answers.push({ value }),
      (error: unknown) => answers.push({ error }),
    );
    for (let turns = 0; ; turns++) {
      const [answer] = answers;
      if (answer !== undefined) return answer;
      this.#insist(turns < turnsMax, `never answered: ${what}`);
      if (this.#isDown && turns > 20) return { error: new Stopped() };
      await this.#clock.turn();
    }
  }

  /* ---- the machine goes down ---- */

  #down(crash: Crash): void {
    this.counts.crashes++;
    if (crash.how === "power") this.counts.powerCuts++;
    this.#checkMark();
    this.machine.crash(crash);
    this.machine.watch = null;
    // With a flush that failed the cache was all that had it.
    const isCacheLost = crash.dropsCache && this.machine.faultsMet > 0;
    const showsRemains = crash.how === "power" && crash.room === "remains";
    this.#model.crashed(isCacheLost ? "power" : crash.how, showsRemains);
    this.#crashedSince = true;
    this.#leave();
    this.#disk = this.machine.start();
  }

  #leave(): void {
    this.#wal = null;
    this.#poisoned = false;
    this.#closing = false;
    this.#outstanding.clear();
    this.#followers = [];
    this.#endless = [];
  }

  /** No mark, seen or durable, claims what a power cut could take. */
  #checkMark(): void {
    if (this.machine.hasLied) return;
    const durable = viewOf(this.machine.durableFiles(), this.#layout);
    const markPath = `${beside(this.#layout)}mark`;
    const seen = this.machine.files((path) => path === markPath)[markPath];
    const { end } = scanPlain(durable.image, durable.head, maxRecordSize);
    for (const mark of [seen, durable.mark]) {
      const claim = mark === undefined || mark === null ? null : claimOf(mark);
      this.#insist(claim === null || claim <= end, `the mark claims ${claim}, and ${end} is on the disk`);
    }
  }

  /* ---- opening ---- */

  async #open(op: OpenOp): Promise<void> {
    if (this.#wal !== null) return;
    const before = this.machine.files();
    const view = viewOf(before, this.#layout);
    const how = { onDamage: op.onDamage, verify: op.verify, maxRecordBytes: maxRecordSize } as const;
    const expected = this.#expectedOpen(view, how);
    this.machine.watch = () => this.#checkSaved(view, expected);
    this.#durableSeen = 0;
    const opened = await this.#tryOpen(op);
    this.machine.watch = null;
    if (this.#isDown) {
      this.counts.opensCutShort++;
      return;
    }
    if ("error" in opened) return this.#refused(op, opened.error, expected, before);
    this.#wal = opened.value;
    if (op.hook !== "none" && this.#layout.segmentSize !== null && !this.#faulty) {
      const { segmentSize } = this.#layout;
      // Segments below a gap were left over when a front was being dropped.
      const present = segmentsIn(before, this.#layout.path);
      let lowest = Math.floor(opened.value.head / segmentSize);
      while (present.has(lowest - 1)) lowest--;
      this.#archived.begin(lowest * segmentSize);
    }
    this.machine.undisturbed(() => this.#opened(opened.value, op, view, expected));
  }

  /** A log that is gone while its mark is there is not begun anew. */
  #expectedOpen(
    view: LogView,
    how: { onDamage: OpenOp["onDamage"]; verify: "tail" | "full"; maxRecordBytes: number },
  ): Expected {
    const claim = view.mark === null ? null : claimOf(view.mark);
    const expected = expectedOf(view, how);
    if (!view.missing || claim === null || claim === 0 || !expected.opens) return expected;
    const accepted = how.onDamage === "quarantine" || how.onDamage === "truncate";
    return accepted ? expected : { opens: false, offset: 0, mark: claim, reason: "shorter-than-mark" };
  }

  async #tryOpen(op: OpenOp): Promise<{ readonly value: Wal } | { readonly error: unknown }> {
    try {
      const opened = this.#lib.open(this.#disk, this.#layout, this.#optionsOf(op), op.blocking);
      return opened instanceof Promise ? await this.#awaited("open", opened) : { value: opened };
    } catch (error) {
      if (error instanceof Finding) throw error;
      return { error };
    }
  }

  #optionsOf(op: OpenOp): SegmentedOptions {
    const options = { maxRecordSize, verify: op.verify, onDamage: op.onDamage ?? undefined };
    if (this.#layout.segmentSize === null || op.hook === "none") return options;
    this.#hookFails = op.hook === "fails" ? 2 : 0;
    return { ...options, archive: (segment) => this.#archive(segment, op.hook === "waits") };
  }

  async #archive(segment: SealedSegment, waits: boolean): Promise<void> {
    const given = this.#archived.given(segment, this.machine);
    this.#report(given.fault);
    if (this.#hookFails-- > 0) throw new Error("the hook fails, as the program says");
    for (let turns = waits ? 3 : 0; turns > 0; turns--) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    if (!this.#isDown) given.taken();
  }

  #refused(op: OpenOp, error: unknown, expected: Expected, before: Files): void {
    const code = error instanceof Error && error.name === "WalError" ? (error as WalError).code : null;
    this.#checkError("open", error, ["WAL_CORRUPT"]);
    if (code !== "WAL_CORRUPT") return;
    this.counts.refusals++;
    const reason = String((error as WalError).reason);
    const after = this.machine.files();
    this.#insist(difference(before, after) === null, `open refused and changed ${difference(before, after)}`);
    if (this.machine.faultsMet > this.#faultsBefore) return;
    this.#insist(
      !expected.opens && expected.reason === reason,
      `open refused with ${reason} what ${described(expected)}`,
    );
    if (this.machine.hasLied || this.#mayRefuse(op.onDamage, expected)) return;
    this.#report(`after mere crashes open refused with ${reason}: ${(error as Error).message}`);
  }

  /**
   * What a power cut may leave out of order (R5, R8, R9, R10) is refused where the user has said so by
   * name. Without a claim a gap cannot be told from loss: then the first mark could not be written,
   * which a fault explains, or its slots were torn, which takes a disk that tears sectors.
   */
  #mayRefuse(onDamage: OpenOp["onDamage"], expected: Expected): boolean {
    if (expected.opens) return false;
    const isGap = expected.reason.endsWith("-segment") || expected.reason === "segment-size";
    if (!isGap) return onDamage === "refuse" && expected.mark === null;
    return expected.mark === null && (this.machine.faultsMet > 0 || this.machine.hasTornSectors);
  }

  /** Before every change that open makes: nothing is cut off that had to be saved and is not. */
  #checkSaved(view: LogView, expected: Expected): void {
    if (!expected.opens || expected.saved === null || this.machine.hasLied) return;
    const now = viewOf(this.machine.files(), this.#layout).image;
    if (sameBytes(now.subarray(expected.end), view.image.subarray(expected.end))) return;
    const isSaved = quarantined(this.machine.durableFiles(), this.#layout, expected.end, expected.saved);
    if (!isSaved)
      throw new Finding(`bytes from ${expected.end} on are cut off and in no quarantine that would stay`);
  }

  #opened(wal: Wal, op: OpenOp, view: LogView, expected: Expected): void {
    if (this.#crashedSince) this.counts.generations++;
    this.#crashedSince = false;
    // Until now: of a flush that failed, the next process may be the first to be told.
    this.#faultsBefore = this.machine.faultsMet;
    this.#insist(expected.opens, `open did not refuse what ${described(expected)}`);
    this.#checkSaved(view, expected);
    this.#checkReport(wal, expected);
    if (wal.recovery.damage?.quarantine !== undefined && wal.recovery.damage.quarantine !== null)
      this.counts.quarantines++;
    const found = this.#contentOf(wal);
    if (this.machine.hasLied) {
      this.#model.opened(found);
      this.#archived.forget();
      return;
    }
    const fault = this.#model.faultOf(found);
    this.#insist(fault === null, `after ${this.#model.ended}: ${fault}`);
    this.#checkReaders(wal, found.end);
    this.#model.opened(found);
    this.#insist(wal.durable === wal.end, `durable is ${wal.durable} after open, not ${wal.end}`);
    this.#checkDurable(wal);
    if (op.hook === "none") this.#report(this.#archived.removedTooEarly(this.machine, this.#layout));
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
    this.#insist(
      JSON.stringify(got) === JSON.stringify(want),
      `open reports ${JSON.stringify(got)} of what is ${JSON.stringify(want)}`,
    );
    this.#insist(
      head === recovery.head && recovery.end === end,
      "the report and the log are not of one mind",
    );
    const saved = damage?.quarantine ?? null;
    this.#insist(
      (saved === null) === (expected.saved === null),
      `quarantine: ${saved}, ${expected.saved?.length ?? 0} bytes to be saved`,
    );
  }

  /** By reading; after the disk has lied, past damage as well. */
  #contentOf(wal: Wal): Content {
    const records: SimRecord[] = [];
    const onDamage = this.machine.hasLied ? { onDamage: () => {} } : {};
    try {
      for (const record of wal.iter(onDamage)) records.push({ lsn: record.lsn, text: textOf(record.data) });
    } catch (error) {
      this.#checkError("reading after open", error);
    }
    if (this.machine.hasLied) {
      for (const { lsn, text } of records)
        this.#insist(this.#model.knows(text), `invented: the record at ${lsn}`);
    }
    return { head: wal.head, end: wal.end, records };
  }

  #checkReaders(wal: Wal, end: number): void {
    const files = this.machine.files();
    for (const [name, { position, last }] of this.#readers) {
      const isThere = files[`${beside(this.#layout)}reader-${name}`] !== undefined;
      this.#insist(isThere || this.machine.faultsMet > 0, `reader ${name} is gone`);
      if (!isThere) {
        this.#readers.delete(name);
        continue;
      }
      const now = wal.reader(name).position;
      const most = Math.min(last, end);
      const exact = this.#model.ended !== "power";
      this.#insist(now <= most, `reader ${name} stands at ${now}, past ${most}`);
      this.#insist(
        !exact || now >= Math.min(position, end) || this.#faulty,
        `reader ${name} stands at ${now}, not ${position}`,
      );
      // One that was lowered and not flushed may be back after the next power cut.
      this.#readers.set(name, { position: now, last: most });
    }
  }

  /* ---- what holds of a log that is open ---- */

  #checkLive(wal: Wal): void {
    if (this.machine.hasLied) return;
    const model = this.#model;
    this.#insist(wal.end === model.end, `the log ends at ${wal.end}, and ${model.end} was appended`);
    this.#insist(model.mayBegin(wal.head), `the head is ${wal.head}, not ${model.head}`);
    if (wal.head > model.head) this.#dropped(wal.head);
    this.#insist(wal.durable <= wal.end, `durable is ${wal.durable}, past the end at ${wal.end}`);
    this.#insist(
      wal.durable >= model.durable,
      `durable is ${wal.durable}, and ${model.durable} was acknowledged`,
    );
    if (wal.durable < this.#durableSeen) this.#durableSeen = wal.durable;
    if (wal.durable > this.#durableSeen) this.#checkDurable(wal);
  }

  #dropped(head: number): void {
    this.#drops++;
    this.#model.dropped(head);
    this.#report(this.#archived.removedTooEarly(this.machine, this.#layout));
  }

  /** What is called durable stands on the disk. */
  #checkDurable(wal: Wal): void {
    const { image } = viewOf(this.#newlyDurable(wal.durable), this.#layout);
    for (const { lsn, text } of this.#model.records) {
      const frame = lsn < this.#durableSeen || lsn >= wal.durable ? null : frameOf(bytesOf(text));
      const there = frame === null || sameBytes(image.subarray(lsn, lsn + frame.length), frame);
      this.#insist(there, `durable is ${wal.durable}, and the record at ${lsn} is not on the disk`);
    }
    this.#durableSeen = wal.durable;
  }

  /** The files that hold what is called durable since the last look, as they are on the disk. */
  #newlyDurable(durable: number): Files {
    const { path, segmentSize } = this.#layout;
    if (segmentSize === null) return this.machine.durableFiles((each) => each === path);
    const paths = new Set<string>();
    for (let at = Math.floor(this.#durableSeen / segmentSize); at * segmentSize < durable; at++) {
      paths.add(segmentPath(path, at));
    }
    return this.machine.durableFiles((each) => paths.has(each));
  }

  /* ---- writing ---- */

  #texts(sizes: readonly number[], filled: Filled): string[] {
    return sizes.map((size) => {
      const number = `#${this.#made++} `;
      if (filled === "zeros") return "\0".repeat(size);
      const rest = Math.max(0, size - number.length);
      if (filled === "log" && rest < 1000) {
        const inner = "x".repeat(rest >> 2);
        this.#model.mention(inner);
        return number + textOf(frameOf(bytesOf(inner))).repeat(2);
      }
      return (number + String.fromCharCode(33 + (this.#made % 90)).repeat(rest)).slice(0, Math.max(size, 0));
    });
  }

  #append(wal: Wal, op: OpOf<"append" | "batch" | "appendAndSync">): void {
    const texts = this.#texts(op.sizes, op.filled);
    const lsns = this.#model.beginAppend(texts);
    let got: number[];
    try {
      const payloads = texts.map(bytesOf);
      got = op.op === "batch" ? wal.appendBatch(payloads) : payloads.map((payload) => wal.append(payload));
    } catch (error) {
      this.#appendFailed(op.op, error, texts.length);
      return;
    }
    this.#appended(got, lsns);
  }

  #appended(got: readonly number[], lsns: readonly number[]): void {
    if (this.machine.hasLied) return;
    this.#insist(!this.#poisoned, "an append succeeded on a poisoned log");
    this.#insist(got.join() === lsns.join(), `appended at ${got.join()}, not ${lsns.join()}`);
    this.#model.appended();
  }

  #appendFailed(what: string, error: unknown, count: number): void {
    if (this.#isDown) return;
    this.#model.appendFailed(count);
    this.#checkError(what, error);
  }

  #appendAndSync(wal: Wal, op: OpOf<"append" | "batch" | "appendAndSync">): void {
    const [text = ""] = this.#texts(op.sizes, op.filled);
    const [lsn = 0] = this.#model.beginAppend([text]);
    const end = this.#model.end;
    if (op.blocking) return this.#appendAndSyncBlocking(wal, text, lsn);
    const promise = wal.appendAndSync(bytesOf(text));
    if (this.#isDown) return void promise.catch(() => {});
    if (wal.end !== end && !this.machine.hasLied) {
      this.#model.appendFailed(1);
      this.#track("appendAndSync", promise, () =>
        this.#report("an append that did not succeed was acknowledged"),
      );
      return;
    }
    this.#appended([lsn], [lsn]);
    this.#trackSync("appendAndSync", promise, (answer) => {
      if (answer !== lsn && !this.machine.hasLied)
        this.#report(`appendAndSync answered ${answer}, not ${lsn}`);
    });
  }

  #appendAndSyncBlocking(wal: Wal, text: string, lsn: number): void {
    const end = this.#model.end;
    let failure: { readonly error: unknown } | null = null;
    let got = lsn;
    try {
      got = wal.appendAndSyncBlocking(bytesOf(text));
    } catch (error) {
      failure = { error };
    }
    if (this.#isDown) return;
    if (failure !== null && wal.end !== end)
      return this.#appendFailed("appendAndSyncBlocking", failure.error, 1);
    if (failure === null || !this.machine.hasLied) {
      // It is in the log, whatever became of the flush.
      this.#poisoned = failure === null && this.#poisoned;
      this.#appended([got], [lsn]);
    }
    if (failure === null) this.#model.synced(this.#model.beginSync());
    else this.#checkError("appendAndSyncBlocking", failure.error);
  }

  /* ---- syncing ---- */

  #sync(wal: Wal, blocking: boolean): void {
    if (!blocking) return this.#trackSync("sync", wal.sync(), () => {});
    const sync = this.#model.beginSync();
    try {
      wal.syncBlocking();
    } catch (error) {
      this.#model.syncFailed(sync);
      this.#checkError("syncBlocking", error);
      return;
    }
    if (this.#isDown) return;
    this.#insist(!this.#poisoned, "a sync succeeded on a poisoned log");
    this.#model.synced(sync);
  }

  #trackSync<T>(what: string, promise: Promise<T>, check: (value: T) => void): void {
    const sync = this.#model.beginSync();
    const wasPoisoned = this.#poisoned;
    this.#track(
      what,
      promise,
      (value) => {
        if (wasPoisoned) this.#report(`${what} succeeded on a poisoned log`);
        this.#model.synced(sync);
        check(value);
      },
      () => this.#model.syncFailed(sync),
    );
  }

  /* ---- cutting and dropping ---- */

  #recordAt(at: number): SimRecord | undefined {
    const { records } = this.#model;
    return records[Math.min(records.length - 1, Math.floor(at * records.length))];
  }

  #truncateAfter(wal: Wal, op: OpOf<"truncateAfter" | "truncateBefore">): void {
    const record = this.#recordAt(op.at);
    if (record === undefined) return;
    const lsn = record.lsn as never;
    if (endOf(record) === this.#model.end) {
      if (op.blocking) this.#tried("truncateAfterBlocking", () => wal.truncateAfterBlocking(lsn));
      else this.#track("truncateAfter", wal.truncateAfter(lsn), () => {});
      return;
    }
    const end = this.#model.beginCut(record.lsn);
    // They move down first: a crash on the way leaves them there.
    for (const [name, { position, last }] of this.#readers) {
      this.#readers.set(name, { position: Math.min(position, end), last });
    }
    let promise: Promise<void> | null = null;
    let succeeded = false;
    if (op.blocking) succeeded = this.#tried("truncateAfterBlocking", () => wal.truncateAfterBlocking(lsn));
    else promise = wal.truncateAfter(lsn);
    promise?.catch(() => {});
    if (this.#isDown) return;
    const made = wal.end === end || this.machine.hasLied;
    const sync = made ? this.#cutMade(end) : null;
    if (!made) this.#model.cutRefused();
    if (succeeded && sync === null) this.#report("truncateAfterBlocking returned, and the log is as it was");
    if (succeeded && sync !== null) this.#model.synced(sync);
    if (promise === null) return;
    this.#track("truncateAfter", promise, () => {
      if (sync === null) this.#report("truncateAfter resolved, and the log is as it was");
      else this.#model.synced(sync);
    });
  }

  #cutMade(end: number): ReturnType<Model["cutMade"]> {
    for (const followed of this.#followers) followed.cut(end);
    if (this.#layout.segmentSize !== null) this.#archived.cut(end, this.#layout.segmentSize);
    for (const [name, { position, last }] of this.#readers) {
      this.#readers.set(name, { position: Math.min(position, end), last: Math.min(last, end) });
    }
    this.#durableSeen = Math.min(this.#durableSeen, end);
    return this.#model.cutMade(end);
  }

  #tried(what: string, call: () => unknown): boolean {
    try {
      call();
      return true;
    } catch (error) {
      this.#checkError(what, error);
      return false;
    }
  }

  #truncateBefore(wal: Wal, op: OpOf<"truncateAfter" | "truncateBefore">): void {
    const { records, end } = this.#model;
    const index = Math.floor(op.at * (records.length + 1));
    const lsn = records[index]?.lsn ?? end;
    this.#model.beginDrop(this.#layout.segmentSize === null ? [] : [lsn]);
    const sync = this.#model.beginSync(lsn);
    const done = (head: number): void => {
      this.#model.synced(sync);
      if (this.machine.hasLied) return;
      if (wal.head > this.#model.head && this.#model.mayBegin(wal.head)) this.#dropped(wal.head);
      const least = this.#layout.segmentSize === null ? 0 : lsn;
      if (head < least || head > wal.head)
        this.#report(`truncateBefore(${lsn}) answered ${head}, the head is ${wal.head}`);
    };
    if (op.blocking) {
      let head = 0;
      if (
        this.#tried("truncateBeforeBlocking", () => (head = wal.truncateBeforeBlocking(lsn as never))) &&
        !this.#isDown
      )
        done(head);
      return;
    }
    // Cut off while it waited for its sync.
    this.#track(
      "truncateBefore",
      wal.truncateBefore(lsn as never),
      done,
      () => this.#model.syncFailed(sync),
      ["WAL_CORRUPT"],
    );
  }

  #retain(wal: Wal, share: number): void {
    const { records, end, head } = this.#model;
    if (this.#layout.segmentSize !== null) this.#model.beginDrop([...records.map(({ lsn }) => lsn), end]);
    const maxBytes = Math.floor(share * (end - head));
    const done = (answer: number): void => {
      if (this.machine.hasLied) return;
      if (wal.head > this.#model.head && this.#model.mayBegin(wal.head)) this.#dropped(wal.head);
      if (answer > wal.head) this.#report(`retain answered ${answer}, the head is ${wal.head}`);
    };
    this.#track("retain", wal.retain({ maxBytes }), done, () => {}, ["WAL_CORRUPT"]);
  }

  #reader(wal: Wal, op: OpOf<"reader">): void {
    let reader: WalReader;
    try {
      reader = wal.reader(op.name);
      const { position } = reader;
      if (!this.#readers.has(op.name)) this.#readers.set(op.name, { position, last: position });
      const record = this.#recordAt(op.at);
      if (record === undefined || record.lsn < position) return;
      // Where the disk refuses, it stays where it was, in memory and on the disk.
      reader.advance(record.lsn as never);
      this.#readers.set(op.name, { position: reader.position, last: Math.max(reader.position, record.lsn) });
    } catch (error) {
      if (this.#isDown) this.#readers.delete(op.name);
      this.#checkError("reader", error);
    }
    if (this.#isDown) this.#readers.delete(op.name);
  }

  #forgetReader(wal: Wal, name: string): void {
    if (!this.#readers.delete(name)) return;
    this.#tried("reader.remove", () => wal.reader(name).remove());
  }

  /* ---- reading ---- */

  #iterate(wal: Wal, op: OpOf<"iterate">): void {
    const from = this.#recordAt(op.from)?.lsn ?? this.#model.end;
    const expected = this.#model.records.filter(({ lsn }) => lsn >= from);
    if (op.ahead) return this.#track("iterate", this.#readAhead(wal, from, expected), () => {});
    const got: SimRecord[] = [];
    const all = this.#tried("iter", () => {
      for (const record of wal.iter({ from: from as never }))
        got.push({ lsn: record.lsn, text: textOf(record.data) });
    });
    if (all) this.#checkRead(got, expected, true);
  }

  async #readAhead(wal: Wal, from: number, expected: readonly SimRecord[]): Promise<void> {
    const got: SimRecord[] = [];
    let lowest = Number.POSITIVE_INFINITY;
    const drops = this.#drops;
    const watcher = new Followed(null as never, 0, "appended");
    watcher.cut = (end) => {
      lowest = Math.min(lowest, end);
    };
    this.#followers.push(watcher);
    watcher.hasEnded = true;
    try {
      for await (const record of wal.iter({ from: from as never }))
        got.push({ lsn: record.lsn, text: textOf(record.data) });
    } catch (error) {
      const cutOrDropped = lowest < Number.POSITIVE_INFINITY || drops !== this.#drops;
      const truncated = error instanceof Error && (error as WalError).reason === "truncated";
      this.#checkRead(got, expected, false);
      if (truncated && cutOrDropped) return;
      throw error;
    }
    this.#checkRead(got, expected, lowest === Number.POSITIVE_INFINITY);
  }

  #checkRead(got: readonly SimRecord[], expected: readonly SimRecord[], all: boolean): void {
    if (this.#isDown) return;
    if (this.machine.hasLied) {
      for (const { lsn, text } of got)
        if (!this.#model.knows(text)) this.#report(`invented: the record at ${lsn}`);
      return;
    }
    const wrong = got.findIndex(({ lsn, text }, i) => expected[i]?.lsn !== lsn || expected[i]?.text !== text);
    if (wrong >= 0)
      this.#report(`reading gave the record at ${got[wrong]?.lsn}, not ${expected[wrong]?.lsn}`);
    else if (all && got.length !== expected.length)
      this.#report(`reading gave ${got.length} records of ${expected.length}`);
  }

  #follow(wal: Wal, until: "appended" | "durable"): void {
    if (this.#followers.length > 4 || this.machine.hasLied) return;
    this.#followers.push(new Followed(wal.follow({ until }), wal.head, until));
  }

  #next(wal: Wal, times: number): void {
    for (const followed of this.#followers) {
      for (let i = 0; i < times && !followed.hasEnded; i++) this.#askNext(wal, followed);
    }
  }

  /** May wait for ever: it is ended when all is to settle. */
  #askNext(wal: Wal, followed: Followed): void {
    const end = (): void => {
      followed.hasEnded = true;
      void followed.iterator.return?.();
    };
    this.#endless.push(end);
    const given = async (): Promise<void> => {
      followed.asked++;
      try {
        const { done, value } = await followed.iterator.next();
        if (this.#isDown || this.machine.hasLied || this.#wal !== wal) return;
        if (done === true) followed.hasEnded = true;
        else this.#report(followed.given(value, this.#model, wal.durable));
      } catch (error) {
        const isTold =
          error instanceof Error && (error as WalError).code === "WAL_CORRUPT" && !this.machine.hasLied;
        if (!isTold || this.#isDown || this.#wal !== wal) {
          followed.hasEnded = true;
          throw error;
        }
        this.#report(followed.told(error as WalError, this.#model));
      } finally {
        followed.asked--;
      }
    };
    this.#track("next of a follower", given(), () => {});
  }

  /** As another process does: what it is given is contiguous, and was appended there. */
  #followBeside(op: OpOf<"followBeside">): void {
    if (this.machine.hasLied) return;
    const view = this.machine.undisturbed(() => {
      try {
        return this.#lib.open(this.#disk, this.#layout, { readOnly: true, maxRecordSize }, true);
      } catch (error) {
        this.#checkError("open to follow", error);
        return null;
      }
    });
    if (view === null) return;
    let iterator: ReturnType<Wal["follow"]>;
    try {
      iterator = view.follow({ until: op.until });
    } catch (error) {
      return this.#checkError("follow beside the writer", error);
    }
    const reading = async (): Promise<void> => {
      // It begins at the head that there is when it looks first.
      let at: number | null = null;
      for (let left = op.records; left > 0; left--) {
        try {
          const { done, value } = await iterator.next();
          if (done === true) break;
          if (this.#isDown || this.machine.hasLied) return;
          if (at !== null && value.lsn !== at)
            this.#report(`a follower beside the writer stood at ${at} and was given ${value.lsn}`);
          if (!this.#model.knows(textOf(value.data)))
            this.#report(`invented for a follower: the record at ${value.lsn}`);
          at = value.next;
        } catch (error) {
          const { reason, offset = 0, code } = error as WalError;
          if (code !== "WAL_CORRUPT" || reason !== "truncated") throw error;
          at = offset;
        }
      }
      await view.close();
    };
    this.#endless.push(() => void iterator.return?.());
    this.#track("follow beside the writer", reading(), () => {});
  }

  /** Reading only, beside a writer or after a crash: shows what is there and changes nothing. */
  #lookOn(op: OpOf<"look">): void {
    const before = this.machine.files();
    const view = viewOf(before, this.#layout);
    const isThere =
      !view.missing && (this.#layout.segmentSize === null || segmentsIn(before, this.#layout.path).size > 0);
    if (!isThere) return;
    const maxRecordBytes = op.maxRecordSize ?? maxRecordSize;
    const expected = this.#expectedOpen(view, { onDamage: null, verify: op.verify, maxRecordBytes });
    this.machine.undisturbed(() => this.#lookQuietly(op, maxRecordBytes, expected));
    const changed = difference(before, this.machine.files());
    this.#insist(changed === null, `a look changed ${changed}`);
  }

  #lookQuietly(op: OpOf<"look">, maxRecordBytes: number, expected: Expected): void {
    let wal: Wal;
    try {
      const options = { readOnly: true, verify: op.verify, maxRecordSize: maxRecordBytes };
      wal = this.#lib.open(this.#disk, this.#layout, options, true);
    } catch (error) {
      this.#checkError("look", error, ["WAL_CORRUPT"]);
      const { reason } = error as WalError;
      this.#insist(
        !expected.opens && expected.reason === reason,
        `a look refused with ${reason} what ${described(expected)}`,
      );
      const explained = this.machine.hasLied || this.#poisoned || this.#mayRefuse(null, expected);
      const due = op.maxRecordSize !== null || explained;
      this.#insist(due, `a look after mere crashes refused with ${reason}`);
      return;
    }
    this.#insist(expected.opens, `a look did not refuse what ${described(expected)}`);
    const { recovery } = wal;
    const got = [recovery.end, recovery.records, recovery.discarded, recovery.damage?.kind];
    const want = [expected.end, expected.records, expected.discarded, expected.damage?.kind];
    this.#insist(
      JSON.stringify(got) === JSON.stringify(want),
      `a look reports ${JSON.stringify(got)}, not ${JSON.stringify(want)}`,
    );
    if (op.maxRecordSize === null) {
      const found = this.#contentOf(wal);
      const fault = this.machine.hasLied ? null : this.#model.faultOf(found);
      this.#insist(fault === null, `a look after ${this.#model.ended} shows: ${fault}`);
    }
    wal.closeBlocking();
  }

  #second(): void {
    this.machine.undisturbed(() => {
      let code: string | null = null;
      try {
        this.#lib.open(this.#disk, this.#layout, { maxRecordSize }, true);
      } catch (error) {
        code = (error as WalError).code;
      }
      this.#insist(
        code === "WAL_LOCKED" || (this.machine.hasLied && code !== null),
        `a second writer got ${code ?? "the log"}`,
      );
    });
  }

  #tooLarge(wal: Wal): void {
    let code: string | null = null;
    try {
      wal.append(new Uint8Array(maxRecordSize + 1));
    } catch (error) {
      code = (error as WalError).code;
    }
    if (this.#isDown || this.#poisoned) return;
    const due = code === "WAL_RECORD_TOO_LARGE" || (code === "WAL_POISONED" && this.#faulty);
    this.#insist(due, `a record above the limit: ${code}`);
  }

  /** Where the hook fails, it says how. */
  #awaitArchive(wal: Wal): void {
    const failed = (): void => {
      if (wal.stats().archive?.failures === 0) this.#report("archived() failed, and no failure is counted");
    };
    this.#track("archived", wal.archived(), () => {}, failed, ["WAL_IO"]);
  }

  /* ---- the end of a process ---- */

  async #close(wal: Wal, blocking: boolean): Promise<void> {
    this.#closing = true;
    let closed: { readonly error: unknown } | { readonly value: unknown };
    if (blocking) {
      try {
        closed = { value: wal.closeBlocking() };
      } catch (error) {
        closed = { error };
      }
    } else closed = await this.#awaited("close", wal.close());
    await this.#settle();
    if (this.#isDown) return;
    if ("error" in closed) this.#checkError("close", closed.error);
    const whole =
      !("error" in closed) && wal.durable === wal.end && !this.#poisoned && !this.#model.isBeingCut;
    if (!whole && !this.#faulty) this.#report(`closed, with ${wal.durable} of ${wal.end} durable`);
    if (!this.machine.hasLied && this.#model.mayBegin(wal.head) && wal.head > this.#model.head)
      this.#dropped(wal.head);
    if (whole) this.#model.closed();
    else {
      this.#model.crashed("kill");
      this.#crashedSince = true;
    }
    this.#leave();
  }

  #nextLayout(segmentSize: number | null): Layout {
    const number = ++this.#logs;
    return { path: segmentSize === null ? `/logs/${number}.wal` : `/logs/${number}`, segmentSize };
  }

  async #convert(segmentSize: number | null): Promise<void> {
    if (this.#wal !== null || this.#model.ended !== "closed" || this.#crashedSince || this.machine.hasLied)
      return;
    const before = this.machine.files();
    const view = viewOf(before, this.#layout);
    if (view.missing || view.image.length === 0 || (segmentSize === null && view.head > 0)) return;
    const target = this.#nextLayout(segmentSize);
    const answer = await this.#awaited("convert", this.#lib.convert(this.#disk, this.#layout, target));
    if (this.#isDown) return;
    const after = this.machine.files();
    for (const [path, bytes] of Object.entries(before)) {
      const isSame = after[path] !== undefined && sameBytes(after[path], bytes);
      this.#insist(isSame || !isOfLog(this.#layout, path), `convert changed ${path} of its source`);
    }
    if ("error" in answer) return this.#checkError("convert", answer.error);
    const result = viewOf(this.machine.durableFiles(), target);
    const isWhole =
      result.head === view.head &&
      sameBytes(result.image.subarray(view.head), view.image.subarray(view.head));
    this.#insist(isWhole, "what convert made is not on the disk as it was in the source");
    this.#layout = target;
    this.#readers.clear();
    this.#archived.forget();
  }

  #lie(op: OpOf<"lie">): void {
    const layout = this.#layout;
    const isMark = (path: string): boolean => path === `${beside(layout)}mark`;
    const isMeant = (path: string): boolean => {
      if (op.file === "any") return path.startsWith(layout.path);
      return op.file === "mark" ? isMark(path) : isOfLog(layout, path);
    };
    this.machine.lie(op.kind, isMeant, op.at, op.bit);
  }
}

function lastOpen(onDamage: OpenOp["onDamage"]): OpenOp {
  return { op: "open", blocking: true, onDamage, verify: "full", hook: "none" };
}

function isStopped(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof Stopped) return true;
  return false;
}

function described(expected: Expected): string {
  if (!expected.opens) return `is to be refused with ${expected.reason} at ${expected.offset}`;
  return `is to be opened up to ${expected.end}`;
}
