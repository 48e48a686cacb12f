/** Reading only, and a second writer: neither changes anything. */
import type { OpOf } from "./program.ts";
import type { Wal, WalError } from "wal-db";
import { difference, segmentsIn, viewOf } from "./view.ts";
import { type Situation, maxRecordSize } from "./situation.ts";
import { type Expecting, described, type Expected } from "./expecting.ts";

export class Looking {
  readonly #at: Situation;
  readonly #expecting: Expecting;

  constructor(at: Situation, expecting: Expecting) {
    this.#at = at;
    this.#expecting = expecting;
  }

  /** Reading only, beside a writer or after a crash: shows what is there and changes nothing. */
  lookOn(op: OpOf<"look">): void {
    const before = this.#at.machine.files();
    const view = viewOf(before, this.#at.layout);
    const isThere =
      !view.missing &&
      (this.#at.layout.segmentSize === null || segmentsIn(before, this.#at.layout.path).size > 0);
    if (!isThere) return;
    const maxRecordBytes = op.maxRecordSize ?? maxRecordSize;
    const expected = this.#expecting.expectedOpen(view, {
      onDamage: null,
      verify: op.verify,
      maxRecordBytes,
    });
    this.#at.machine.undisturbed(() => this.#lookQuietly(op, maxRecordBytes, expected));
    const changed = difference(before, this.#at.machine.files());
    this.#at.insist(changed === null, `a look changed ${changed}`);
  }

  #lookQuietly(op: OpOf<"look">, maxRecordBytes: number, expected: Expected): void {
    let wal: Wal;
    try {
      const options = { readOnly: true, verify: op.verify, maxRecordSize: maxRecordBytes };
      wal = this.#at.lib.open(this.#at.disk, this.#at.layout, options, true);
    } catch (error) {
      this.#at.checkError("look", error, ["WAL_CORRUPT"]);
      const { reason } = error as WalError;
      this.#at.insist(
        !expected.opens && expected.reason === reason,
        `a look refused with ${reason} what ${described(expected)}`,
      );
      const explained =
        this.#at.machine.hasLied || this.#at.poisoned || this.#expecting.mayRefuse(null, expected);
      const due = op.maxRecordSize !== null || explained;
      this.#at.insist(due, `a look after mere crashes refused with ${reason}`);
      return;
    }
    this.#at.insist(expected.opens, `a look did not refuse what ${described(expected)}`);
    const { recovery } = wal;
    const got = [recovery.end, recovery.records, recovery.discarded, recovery.damage?.kind];
    const want = [expected.end, expected.records, expected.discarded, expected.damage?.kind];
    this.#at.insist(
      JSON.stringify(got) === JSON.stringify(want),
      `a look reports ${JSON.stringify(got)}, not ${JSON.stringify(want)}`,
    );
    if (op.maxRecordSize === null) {
      const found = this.#expecting.contentOf(wal);
      const fault = this.#at.machine.hasLied ? null : this.#at.model.faultOf(found);
      this.#at.insist(fault === null, `a look after ${this.#at.model.ended} shows: ${fault}`);
    }
    wal.closeBlocking();
  }

  second(): void {
    this.#at.machine.undisturbed(() => {
      let code: string | null = null;
      try {
        this.#at.lib.open(this.#at.disk, this.#at.layout, { maxRecordSize }, true);
      } catch (error) {
        code = (error as WalError).code;
      }
      this.#at.insist(
        code === "WAL_LOCKED" || (this.#at.machine.hasLied && code !== null),
        `a second writer got ${code ?? "the log"}`,
      );
    });
  }
}
