/**
 * Runs a program: asks the log, tells the model, and holds the one against the other after every step,
 * every crash and every open. What it finds is thrown as a Finding; nothing else may be thrown.
 */
import { Machine } from "./machine.ts";
import { type Op, type OpenOp, powerCut, type Program, type OpOf } from "./program.ts";
import type { SimLibrary } from "./sim-library.ts";
import type { Clock } from "./clock.ts";
import type { Wal } from "wal-db";
import { beside, isOfLog } from "./view.ts";
import type { Counts } from "./counts.ts";
import { Situation } from "./situation.ts";
import { Answers } from "./answers.ts";
import { Crashing } from "./crashing.ts";
import { LiveLog } from "./live-log.ts";
import { Opening } from "./opening.ts";
import { Expecting } from "./expecting.ts";
import { Staging } from "./staging.ts";
import { Syncing } from "./syncing.ts";
import { Texts } from "./texts.ts";
import { Writing } from "./writing.ts";
import { Truncating } from "./truncating.ts";
import { Readers } from "./readers.ts";
import { Iterating } from "./iterating.ts";
import { Following } from "./following.ts";
import { Looking } from "./looking.ts";
import { Closing } from "./closing.ts";
import { Converting } from "./converting.ts";

export class World {
  readonly #at: Situation;
  readonly #answers: Answers;
  readonly #crashing: Crashing;
  readonly #live: LiveLog;
  readonly #readers: Readers;
  readonly #opening: Opening;
  readonly #syncing: Syncing;
  readonly #writing: Writing;
  readonly #staging: Staging;
  readonly #truncating: Truncating;
  readonly #iterating: Iterating;
  readonly #following: Following;
  readonly #looking: Looking;
  readonly #closing: Closing;
  readonly #converting: Converting;

  constructor(lib: SimLibrary, program: Program, clock: Clock) {
    const at = new Situation(lib, program, clock);
    this.#at = at;
    this.#answers = new Answers(at);
    this.#crashing = new Crashing(at);
    this.#live = new LiveLog(at);
    this.#readers = new Readers(at);
    const expecting = new Expecting(at);
    this.#opening = new Opening(at, this.#answers, expecting, this.#live, this.#readers);
    this.#syncing = new Syncing(at, this.#answers);
    const texts = new Texts(at.model);
    this.#writing = new Writing(at, this.#answers, this.#syncing, texts);
    this.#staging = new Staging(at, this.#answers, this.#crashing, this.#syncing, texts);
    this.#truncating = new Truncating(at, this.#answers, this.#live);
    this.#iterating = new Iterating(at, this.#answers);
    this.#following = new Following(at, this.#answers);
    this.#looking = new Looking(at, expecting);
    this.#closing = new Closing(at, this.#answers, this.#live);
    this.#converting = new Converting(at, this.#answers);
  }

  get counts(): Counts {
    return this.#at.counts;
  }

  get machine(): Machine {
    return this.#at.machine;
  }

  async run(): Promise<void> {
    for (const op of this.#at.program.ops) await this.#step(op);
    await this.#lastWords();
    this.#at.counts.faults = this.#at.machine.faultsMet;
    this.#at.counts.lies = this.#at.machine.lies;
  }

  /** When all is over the log still opens, takes records and keeps them. */
  async #lastWords(): Promise<void> {
    if (this.#at.wal !== null) await this.#step({ op: "crash", crash: powerCut });
    this.#at.machine.clearFaults();
    await this.#step(lastOpen(null));
    // Refused, as it may be where a claim is lost; taken at its word it loses nothing all the same.
    if (this.#at.wal === null) await this.#step(lastOpen("quarantine"));
    if (this.#at.machine.hasLied) return;
    this.#at.insist(this.#at.wal !== null, "the log does not open at the end");
    await this.#step({ op: "appendAndSync", sizes: [20], blocking: true, filled: "text" });
    await this.#step({ op: "crash", crash: powerCut });
    await this.#step(lastOpen("refuse"));
  }

  async #step(op: Op): Promise<void> {
    this.#at.counts.ops++;
    this.#at.machine.note(op.op);
    await this.#do(op);
    await this.#look();
  }

  /** After every step. */
  async #look(): Promise<void> {
    if (this.#at.finding !== null) throw this.#at.finding;
    const { watchFailure, stoppedBy } = this.#at.machine;
    if (watchFailure !== null) throw watchFailure.error;
    if (stoppedBy !== null) {
      this.#crashing.down(stoppedBy);
      await this.#answers.drain();
    }
    if (this.#at.wal !== null) this.#live.checkLive(this.#at.wal);
    if (this.#at.finding !== null) throw this.#at.finding;
  }

  async #do(op: Op): Promise<void> {
    switch (op.op) {
      case "open":
        return this.#opening.open(op);
      case "look":
        return this.#looking.lookOn(op);
      case "fault":
        return this.#at.machine.fault(op);
      case "lie":
        return this.#lie(op);
      case "arm":
        return this.#at.machine.arm(op.calls, op.half, op.crash);
      case "writeBack":
        return this.#at.machine.writeBack(op.seed);
      case "crash":
        if (this.#at.machine.stoppedBy === null) this.#crashing.down(op.crash);
        return this.#answers.drain();
      case "turn":
        for (let i = 0; i < op.times; i++) await this.#at.clock.turn();
        return;
      case "settle":
        return this.#answers.settle();
      case "convert":
        return this.#converting.convert(op.segmentSize);
      default:
        if (this.#at.wal !== null) return this.#ask(this.#at.wal, op);
    }
  }

  async #ask(wal: Wal, op: Op): Promise<void> {
    switch (op.op) {
      case "append":
      case "batch":
        return this.#writing.append(wal, op);
      case "appendAndSync":
        return this.#writing.appendAndSync(wal, op);
      case "staged":
        return this.#staging.turn(wal, op);
      case "sync":
        return this.#syncing.sync(wal, op.blocking);
      case "truncateAfter":
        return this.#truncating.truncateAfter(wal, op);
      case "truncateBefore":
        return this.#truncating.truncateBefore(wal, op);
      case "retain":
        return this.#truncating.retain(wal, op.share);
      case "reader":
        return this.#readers.reader(wal, op);
      case "forgetReader":
        return this.#readers.forgetReader(wal, op.name);
      case "iterate":
        return this.#iterating.iterate(wal, op);
      case "follow":
        return this.#following.follow(wal, op.until);
      case "next":
        return this.#following.next(wal, op.times);
      case "followBeside":
        return this.#following.followBeside(op);
      case "second":
        return this.#looking.second();
      case "tooLarge":
        return this.#writing.tooLarge(wal);
      case "archived":
        return this.#closing.awaitArchive(wal);
      case "close":
        return this.#closing.close(wal, op.blocking);
      default:
        throw new Error(`the simulator does not know ${op.op}`);
    }
  }

  #lie(op: OpOf<"lie">): void {
    const layout = this.#at.layout;
    const isMark = (path: string): boolean => path === `${beside(layout)}mark`;
    const isMeant = (path: string): boolean => {
      if (op.file === "any") return path.startsWith(layout.path);
      return op.file === "mark" ? isMark(path) : isOfLog(layout, path);
    };
    this.#at.machine.lie(op.kind, isMeant, op.at, op.bit);
  }
}

function lastOpen(onDamage: OpenOp["onDamage"]): OpenOp {
  return { op: "open", blocking: true, onDamage, verify: "full", hook: "none" };
}
