/**
 * A stage: records whose callers wait for stable storage anyway, held back until the turn is over and
 * then written together, in one write instead of one each.
 *
 *   appendAndSync   framed into the stage                       no LSN yet, nothing reserved
 *   end of turn     one reservation, one write                  LSN = where the write began + offset
 *   sync            the group of all who came in this turn      resolve, each with its LSN
 *
 * A record in a stage is nowhere yet: whoever appends or looks writes the stage first, so that nobody
 * can tell. What is lost with the process was not acknowledged.
 *
 * Where the write fails for want of room, the records are written one by one: as many as fit are there,
 * and only the callers of the others are told.
 */
import type { WalError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";

export class Stage {
  /** Resolves when all that could be written is on stable storage. */
  readonly durable: Promise<void>;
  /** How many records it holds. */
  records = 0;
  readonly #settle: { resolve: () => void; reject: (error: unknown) => void };
  #start = 0;
  /** By offset in the stage, when they were written one by one. */
  #apart: Map<number, Lsn | WalError> | null = null;

  constructor() {
    let settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
    this.durable = new Promise<void>((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.#settle = settle as NonNullable<typeof settle>;
    // Each caller has a promise of its own that says so; this one alone must not end the process.
    this.durable.catch(() => {});
  }

  written(start: Lsn): void {
    this.#start = start;
  }

  writtenApart(outcomes: Map<number, Lsn | WalError>): void {
    this.#apart = outcomes;
  }

  /** The flush that all of its callers wait for. */
  wait(flush: Promise<void>): void {
    flush.then(this.#settle.resolve, this.#settle.reject);
  }

  /** @throws {WalError} why the record at that offset in the stage could not be written. */
  lsnOf(offset: number): Lsn {
    if (this.#apart === null) return (this.#start + offset) as Lsn;
    const outcome = this.#apart.get(offset);
    if (typeof outcome === "number") return outcome;
    throw outcome ?? new TypeError(`no record was staged at ${offset}`);
  }
}

export function recordsIn(stages: readonly Stage[]): number {
  let count = 0;
  for (const { records } of stages) count += records;
  return count;
}
