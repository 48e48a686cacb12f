/**
 * What the simulator does, as data: a program is a layout and a list of operations with all their
 * numbers in them. It is made from a seed, run by world.ts, and made shorter by leaving operations
 * out (shrink.ts); so an operation says "the record at 0.4 of the log", not "the record at 112".
 */
import { Random } from "wal-db/testing";

/** How the machine goes down; of a power cut, what crash-options.ts says of each. */
export interface Crash {
  readonly how: "kill" | "power";
  readonly seed: number;
  readonly keep: "some" | "none" | "all";
  readonly names: "prefix" | "any";
  readonly tear: "sector" | "byte";
  readonly order: "made" | "any";
  readonly room: "zeros" | "remains";
  /** After a kill the cache lets go of what counts as clean: it matters where a flush had failed. */
  readonly dropsCache: boolean;
}

export const killed: Crash = {
  how: "kill",
  seed: 0,
  keep: "none",
  names: "prefix",
  tear: "sector",
  order: "made",
  room: "zeros",
  dropsCache: false,
};

/** All that was not flushed is gone. */
export const powerCut: Crash = { ...killed, how: "power" };

export interface OpenOp {
  readonly op: "open";
  readonly blocking: boolean;
  readonly onDamage: "quarantine" | "refuse" | "truncate" | null;
  readonly verify: "tail" | "full";
  readonly hook: "none" | "takes" | "fails" | "waits";
}

export type FaultCall =
  | "read"
  | "write"
  | "truncate"
  | "flush"
  | "flushDirectory"
  | "create"
  | "open"
  | "rename"
  | "remove";

export interface FaultOp {
  readonly op: "fault";
  readonly call: FaultCall;
  /** Which of them from now on. */
  readonly nth: number;
  readonly does: "EIO" | "ENOSPC" | "short" | "slow";
}

export type LieKind = "rot" | "hidden rot" | "lost" | "misdirected" | "flush";

export type Op =
  | OpenOp
  | FaultOp
  | {
      readonly op: "append" | "batch" | "appendAndSync";
      readonly sizes: readonly number[];
      readonly blocking: boolean;
      readonly filled: Filled;
    }
  /** All in one turn, with no look at the log before it ends. */
  | {
      readonly op: "staged";
      readonly calls: readonly StagedCall[];
      /** `turn`: by itself; `look`: somebody looks first; `crash`: as `crash` says, before either. */
      readonly ends: "turn" | "look" | "crash";
      readonly crash: Crash | null;
    }
  | { readonly op: "sync"; readonly blocking: boolean }
  /** `at`: which of the records, 0 the first; 1 is the end, for a front. */
  | { readonly op: "truncateAfter" | "truncateBefore"; readonly at: number; readonly blocking: boolean }
  | { readonly op: "retain"; readonly share: number }
  | { readonly op: "reader"; readonly name: string; readonly at: number }
  | { readonly op: "forgetReader"; readonly name: string }
  | { readonly op: "iterate"; readonly from: number; readonly ahead: boolean }
  | { readonly op: "follow"; readonly until: "appended" | "durable" }
  | { readonly op: "next"; readonly times: number }
  | { readonly op: "followBeside"; readonly until: "appended" | "durable"; readonly records: number }
  | { readonly op: "look"; readonly verify: "tail" | "full"; readonly maxRecordSize: number | null }
  | { readonly op: "second" | "tooLarge" | "archived" | "settle" }
  | { readonly op: "turn"; readonly times: number }
  | { readonly op: "close"; readonly blocking: boolean }
  | { readonly op: "convert"; readonly segmentSize: number | null }
  | { readonly op: "writeBack"; readonly seed: number }
  /** The next open or what follows it is cut short at its n-th changing call. */
  | { readonly op: "arm"; readonly calls: number; readonly half: boolean; readonly crash: Crash }
  | { readonly op: "crash"; readonly crash: Crash }
  | {
      readonly op: "lie";
      readonly kind: LieKind;
      readonly file: "log" | "mark" | "any";
      readonly at: number;
      readonly bit: number;
    };

export type OpOf<K extends Op["op"]> = Extract<Op, { readonly op: K }>;

export interface StagedCall {
  /** Of `appendAndSync` one call for each size. */
  readonly call: "appendAndSync" | "append" | "batch" | "sync";
  readonly sizes: readonly number[];
}

/** What a payload holds besides its number. */
export type Filled = "text" | "zeros" | "log";

export interface Program {
  readonly seed: number;
  /** Null: one file. */
  readonly segmentSize: number | null;
  readonly ops: readonly Op[];
}

const segmentSizes: readonly (number | null)[] = [null, null, null, 7, 16, 40, 100, 100, 300, 2000, 1 << 20];
const faultCalls: readonly FaultCall[] = [
  "read",
  "write",
  "write",
  "truncate",
  "flush",
  "flush",
  "flushDirectory",
  "create",
  "open",
  "rename",
  "remove",
];

/** Chooses from a seed; each choice is one draw, so programs of one seed are alike for ever. */
class Maker {
  readonly random: Random;
  readonly segmentSize: number | null;
  /** Some programs meet no fault at all, some no lie: what they break must be a crash's doing. */
  readonly faults: boolean;
  readonly lies: boolean;
  readonly byteMode: boolean;
  /** Somebody follows the log, and keeps asking. */
  readonly follows: boolean;
  /** Records past payloadInPlaceBytesMin, which are written in two parts. */
  readonly large: boolean;

  constructor(seed: number) {
    this.random = new Random(seed * 7919 + 17);
    const segmentSize = this.of(segmentSizes);
    // As many files as there are records, and more: slow, so not as often.
    this.segmentSize = segmentSize === 7 && !this.chance(4) ? 64 : segmentSize;
    this.faults = this.chance(3);
    this.lies = this.chance(6);
    this.byteMode = this.chance(5);
    this.follows = this.chance(5);
    // A record of a quarter MiB in segments of 7 bytes would be as many files.
    this.large = this.chance(6) && (this.segmentSize === null || this.segmentSize > 10_000);
  }

  below(n: number): number {
    return this.random.next(n);
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  part(): number {
    return this.below(1001) / 1000;
  }

  size(): number {
    const kind = this.below(20);
    if (kind < 14) return this.below(40);
    if (kind < 19) return this.below(160);
    return this.large && this.chance(4) ? 262_144 + this.below(64) : 300 + this.below(200);
  }

  sizes(most: number): number[] {
    return Array.from({ length: 1 + this.below(most) }, () => this.size());
  }

  filled(): Filled {
    return this.of(["text", "text", "text", "text", "zeros", "log"]);
  }

  crash(): Crash {
    return {
      how: this.chance(3) ? "kill" : "power",
      seed: this.below(1_000_000),
      keep: this.of(["some", "some", "some", "some", "none", "all"]),
      names: this.of(["prefix", "any"]),
      tear: this.byteMode ? "byte" : "sector",
      order: this.of(["made", "made", "any"]),
      room: this.of(["zeros", "zeros", "zeros", "zeros", "zeros", "remains"]),
      dropsCache: this.chance(4),
    };
  }

  open(): OpenOp {
    return {
      op: "open",
      blocking: this.chance(2),
      onDamage: this.of([null, null, null, null, null, "refuse", "quarantine", "truncate"]),
      verify: this.of(["tail", "tail", "full"]),
      hook: this.segmentSize === null ? "none" : this.of(["none", "none", "takes", "fails", "waits"]),
    };
  }

  /** Something that users do. */
  work(): Op {
    const blocking = this.chance(2);
    const kind = this.below(37);
    if (kind < 7) return { op: "append", sizes: [this.size()], blocking, filled: this.filled() };
    if (kind < 9) return { op: "batch", sizes: this.sizes(5), blocking, filled: this.filled() };
    if (kind < 12) return { op: "appendAndSync", sizes: [this.size()], blocking, filled: this.filled() };
    if (kind < 15) return { op: "sync", blocking };
    if (kind < 17) return { op: "truncateAfter", at: this.part(), blocking };
    if (kind < 19) return { op: "truncateBefore", at: this.part(), blocking };
    if (kind < 25) return { op: "turn", times: 1 + this.below(3) };
    switch (kind) {
      case 25:
        return { op: "retain", share: this.part() };
      case 26:
        return { op: "reader", name: this.of(["a", "b"]), at: this.part() };
      case 27:
        return { op: "iterate", from: this.part(), ahead: this.chance(2) };
      case 28:
        return { op: "follow", until: this.of(["appended", "durable"]) };
      case 29:
      case 30:
        return { op: "next", times: 1 + this.below(4) };
      case 31:
        return { op: "settle" };
      case 32:
        return { op: "writeBack", seed: this.below(1_000_000) };
      case 33:
      case 34:
      case 35:
        return this.staged();
      default:
        return this.rare();
    }
  }

  staged(): Op {
    const calls = Array.from({ length: 1 + this.below(5) }, () => this.stagedCall());
    const ends = this.of(["turn", "turn", "turn", "look", "crash"] as const);
    return { op: "staged", calls, ends, crash: ends === "crash" ? this.crash() : null };
  }

  stagedCall(): StagedCall {
    const call = this.of([
      "appendAndSync",
      "appendAndSync",
      "appendAndSync",
      "append",
      "batch",
      "sync",
    ] as const);
    // Above what is staged at all, or so many that they are written in more than one go.
    if (call === "appendAndSync" && this.large && this.chance(2)) return { call, sizes: this.stagedLarge() };
    return { call, sizes: call === "sync" ? [] : this.sizes(call === "append" ? 1 : 4) };
  }

  stagedLarge(): number[] {
    if (this.chance(4)) return Array.from({ length: 28 }, () => 12_000 + this.below(4000));
    return Array.from({ length: 1 + this.below(6) }, () => 8000 + this.below(10_000));
  }

  rare(): Op {
    switch (this.below(7)) {
      case 0:
        return { op: "second" };
      case 1:
        return { op: "tooLarge" };
      case 2:
        return { op: "archived" };
      case 3:
        return { op: "forgetReader", name: this.of(["a", "b"]) };
      case 4:
        return { op: "followBeside", until: this.of(["appended", "durable"]), records: 1 + this.below(6) };
      case 5:
        return { op: "look", verify: "full", maxRecordSize: null };
      default:
        return { op: "look", verify: this.of(["tail", "full"]), maxRecordSize: this.chance(2) ? 20 : null };
    }
  }

  fault(): FaultOp {
    const call = this.of(faultCalls);
    const all = call === "write" ? (["EIO", "ENOSPC", "short"] as const) : (["EIO"] as const);
    const does = call === "flush" ? this.of(["EIO", "slow", "slow"] as const) : this.of<FaultOp["does"]>(all);
    return { op: "fault", call, nth: 1 + this.below(call === "read" || call === "write" ? 6 : 3), does };
  }

  fullDisk(): FaultOp[] {
    const does = this.of(["ENOSPC", "ENOSPC", "EIO", "short"] as const);
    const first = 1 + this.below(2);
    return Array.from({ length: 1 + this.below(3) }, (_, i) => {
      return { op: "fault", call: "write", nth: first + i, does };
    });
  }

  lie(): Op {
    const kind = this.of<LieKind>(["rot", "hidden rot", "lost", "misdirected", "flush"]);
    return {
      op: "lie",
      kind,
      file: this.of(["log", "log", "mark", "any"]),
      at: this.part(),
      bit: this.below(8),
    };
  }

  /** From one open to the end of that process. */
  life(ops: Op[]): void {
    const arm = (most: number): Op => ({
      op: "arm",
      calls: 1 + this.below(most),
      half: this.chance(2),
      crash: this.crash(),
    });
    // Cut short in its recovery, perhaps twice.
    while (this.chance(4)) ops.push(arm(10), this.open());
    if (this.chance(9)) ops.push({ op: "look", verify: this.of(["tail", "full"]), maxRecordSize: null });
    if (this.faults && this.chance(4)) ops.push(this.fault());
    ops.push(this.open());
    if (this.follows) ops.push({ op: "follow", until: this.of(["appended", "durable"]) });
    const length = this.below(3) === 0 ? 4 + this.below(30) : 2 + this.below(10);
    const armAt = this.chance(2) ? this.below(length) : -1;
    for (let i = 0; i < length; i++) {
      if (i === armAt) ops.push(arm(25));
      if (this.faults && this.chance(8)) ops.push(this.fault());
      // No room for the records of a turn together, nor for some of them alone.
      if (this.faults && this.chance(20)) ops.push(...this.fullDisk(), this.staged());
      if (this.lies && this.chance(14)) ops.push(this.lie());
      ops.push(this.work());
      if (this.follows && this.chance(2)) ops.push({ op: "next", times: 1 + this.below(3) });
    }
    if (this.chance(4)) {
      ops.push({ op: "close", blocking: this.chance(2) });
      if (this.chance(3))
        ops.push({
          op: "convert",
          segmentSize: this.of(this.large ? [null, 1 << 20] : [null, 40, 300, 2000]),
        });
      if (this.lies && this.chance(3)) ops.push(this.lie());
      if (this.chance(2)) ops.push({ op: "crash", crash: this.crash() });
    } else ops.push({ op: "crash", crash: this.crash() });
  }
}

/** @param generations How often the process is started at least. */
export function programOf(seed: number, generations: number): Program {
  const maker = new Maker(seed);
  const ops: Op[] = [];
  for (let life = 0; life < generations; life++) maker.life(ops);
  return { seed, segmentSize: maker.segmentSize, ops };
}

/** The program for people to read: an operation a line. */
export function shown(program: Program): string {
  const layout = program.segmentSize === null ? "one file" : `segments of ${program.segmentSize} bytes`;
  const lines = program.ops.map(({ op, ...rest }, i) => {
    const details = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    return `${String(i + 1).padStart(4)}  ${op} ${details.join(" ")}`;
  });
  return [`seed ${program.seed}, ${layout}`, ...lines].join("\n");
}
