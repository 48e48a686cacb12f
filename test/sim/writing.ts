/** Appending, one call after the other. */
import { bytesOf } from "./followed.ts";
import type { OpOf } from "./program.ts";
import type { Wal, WalError } from "wal-db";
import { type Situation, maxRecordSize } from "./situation.ts";
import type { Answers } from "./answers.ts";
import type { Syncing } from "./syncing.ts";
import type { Texts } from "./texts.ts";

export class Writing {
  readonly #at: Situation;
  readonly #answers: Answers;
  readonly #syncing: Syncing;
  readonly #texts: Texts;

  constructor(at: Situation, answers: Answers, syncing: Syncing, texts: Texts) {
    this.#at = at;
    this.#answers = answers;
    this.#syncing = syncing;
    this.#texts = texts;
  }

  append(wal: Wal, op: OpOf<"append" | "batch" | "appendAndSync">): void {
    const texts = this.#texts.filled(op.sizes, op.filled);
    const lsns = this.#at.model.beginAppend(texts);
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
    if (this.#at.machine.hasLied) return;
    this.#at.insist(!this.#at.poisoned, "an append succeeded on a poisoned log");
    this.#at.insist(got.join() === lsns.join(), `appended at ${got.join()}, not ${lsns.join()}`);
    this.#at.model.appended();
  }

  #appendFailed(what: string, error: unknown, count: number): void {
    if (this.#at.isDown) return;
    this.#at.model.appendFailed(count);
    this.#at.checkError(what, error);
  }

  appendAndSync(wal: Wal, op: OpOf<"append" | "batch" | "appendAndSync">): void {
    const [text = ""] = this.#texts.filled(op.sizes, op.filled);
    const [lsn = 0] = this.#at.model.beginAppend([text]);
    const end = this.#at.model.end;
    if (op.blocking) return this.#appendAndSyncBlocking(wal, text, lsn);
    const promise = wal.appendAndSync(bytesOf(text));
    if (this.#at.isDown) return void promise.catch(() => {});
    if (wal.end !== end && !this.#at.machine.hasLied) {
      this.#at.model.appendFailed(1);
      this.#answers.track("appendAndSync", promise, () =>
        this.#at.report("an append that did not succeed was acknowledged"),
      );
      return;
    }
    this.#appended([lsn], [lsn]);
    this.#syncing.track("appendAndSync", promise, (answer) => {
      if (answer !== lsn && !this.#at.machine.hasLied)
        this.#at.report(`appendAndSync answered ${answer}, not ${lsn}`);
    });
  }

  #appendAndSyncBlocking(wal: Wal, text: string, lsn: number): void {
    const end = this.#at.model.end;
    let failure: { readonly error: unknown } | null = null;
    let got = lsn;
    try {
      got = wal.appendAndSyncBlocking(bytesOf(text));
    } catch (error) {
      failure = { error };
    }
    if (this.#at.isDown) return;
    if (failure !== null && wal.end !== end)
      return this.#appendFailed("appendAndSyncBlocking", failure.error, 1);
    if (failure === null || !this.#at.machine.hasLied) {
      // It is in the log, whatever became of the flush.
      this.#at.poisoned = failure === null && this.#at.poisoned;
      this.#appended([got], [lsn]);
    }
    if (failure === null) this.#at.model.synced(this.#at.model.beginSync());
    else this.#at.checkError("appendAndSyncBlocking", failure.error);
  }

  tooLarge(wal: Wal): void {
    let code: string | null = null;
    try {
      wal.append(new Uint8Array(maxRecordSize + 1));
    } catch (error) {
      code = (error as WalError).code;
    }
    if (this.#at.isDown || this.#at.poisoned) return;
    const due = code === "WAL_RECORD_TOO_LARGE" || (code === "WAL_POISONED" && this.#at.faulty);
    this.#at.insist(due, `a record above the limit: ${code}`);
  }
}
