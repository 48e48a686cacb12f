/**
 * What damage means, in the words of docs/recovery.md:
 *
 *   loss      below the mark: it was acknowledged
 *   torn      past it, nothing intact follows: what a crash leaves
 *   corrupt   past it, and intact records follow, or the log holds none
 */
import type { LogInspection, RecoveryReport } from "../index.ts";
import { exitCode } from "./exit-code.ts";
import type { Damage } from "./walk.ts";

export type Verdict = "whole" | "torn" | "corrupt" | "loss";

const exits: Readonly<Record<Verdict, number>> = {
  whole: exitCode.done,
  torn: exitCode.torn,
  corrupt: exitCode.corrupt,
  loss: exitCode.loss,
};

export function exitOf(verdict: Verdict): number {
  return exits[verdict];
}

/** The places of damage that were passed; only the first ones are kept, since a hostile log has any number. */
export class DamageList {
  readonly kept: Damage[] = [];
  count = 0;
  /** Bytes in all. */
  bytes = 0;

  add(damage: Damage): void {
    this.count++;
    this.bytes += damage.length;
    if (this.kept.length < damagesKeptMax) this.kept.push(damage);
  }
}

const damagesKeptMax = 1000;

/** Of a log that was read to its end. */
export function verdictOf(recovery: RecoveryReport, damages: DamageList): Verdict {
  const mark = recovery.mark ?? 0;
  const [first] = damages.kept;
  if (recovery.end < mark || (first !== undefined && first.lsn < mark)) return "loss";
  if (recovery.damage === null && damages.count === 0) return "whole";
  const isTail = first === undefined || first.lsn >= recovery.end;
  return recovery.damage?.kind === "torn" && isTail ? "torn" : "corrupt";
}

/** Beside a live writer: an incomplete record at the end may be one that is just being written. */
export function mayBeOnItsWay({ lock }: LogInspection, recovery: RecoveryReport): boolean {
  const { damage } = recovery;
  if (lock.state !== "held" || damage === null || damage.kind !== "torn") return false;
  return damage.reason === "torn-header" || damage.reason === "torn-payload";
}
