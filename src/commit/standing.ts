/**
 * Standing: which calls one Wal takes now. It may be closed, or closing; opened to look on only; or of
 * a thread that has joined, whose owner may have closed the log for all.
 */
import { invalidArgument, WalError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import { closedByOwner, poisoned } from "./group-commit.ts";
import type { LogState } from "./log-state.ts";

/** What a Wal is from its first day to its last. */
export interface Role {
  readonly path: string | undefined;
  readonly readOnly: boolean;
  /** Has opened the log, has its lock, and will close it. Any other has joined it from a share. */
  readonly isOwner: boolean;
}

export class Standing {
  readonly role: Role;
  readonly #state: LogState;
  /** Nothing more is appended or synced here. */
  #closing = false;
  /** The store is let go of. */
  #closed = false;

  constructor(role: Role, state: LogState) {
    this.role = role;
    this.#state = state;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Open here, and not closed by the owner elsewhere: the store, and the mark with it, is ours to use. */
  get isOpen(): boolean {
    return !this.#closed && (this.role.isOwner || !this.#state.isClosed);
  }

  setClosing(): void {
    this.#closing = true;
  }

  setClosed(): void {
    this.#closed = true;
  }

  checkOpen(): void {
    if (!this.isOpen) throw this.closedError();
  }

  checkOwner(call: string): void {
    if (this.role.isOwner) return;
    throw new WalError(
      "WAL_UNSUPPORTED",
      `${call} is for the thread that opened ${this.name.replace("The log", "the log")}; this one has joined it. ` +
        "Ask that thread, by a message, to do it.",
    );
  }

  checkSyncable(): void {
    if (this.#closing || (!this.role.isOwner && this.#state.isClosing)) throw this.closedError();
    if (!this.role.readOnly) return;
    throw new WalError("WAL_READ_ONLY", `${this.name} was opened with readOnly.`, { path: this.role.path });
  }

  checkWritable(): void {
    // First of all: nothing else tells a thread that only appends.
    if (!this.role.isOwner) this.#state.lookForOwner();
    // On the way of every append: one look at what threads share, where all is well.
    if (this.#state.isOpen && !this.#closing && !this.role.readOnly && !this.#state.writing) return;
    this.checkSyncable();
    const { poison } = this.#state;
    if (poison !== null) throw poisoned(poison, this.role.path);
    if (this.#state.writing) throw calledByItsStore();
  }

  /** For calls that a poisoned log takes as well. */
  checkNotWriting(): void {
    if (this.#state.writing && this.#state.poison === null) throw calledByItsStore();
  }

  /**
   * How far the log is written, once all below `lsn` is that is in the tail: a place that `end` gave is
   * not past the end because another thread is behind with a record before it.
   *
   * @throws {WalError} WAL_POISONED when what is missing will never be written.
   */
  writtenUpTo(lsn: number): Lsn {
    this.#state.awaitWritten(lsn);
    const { committed, poison } = this.#state;
    if (lsn > committed && lsn <= this.#state.tail && poison !== null) throw poisoned(poison, this.role.path);
    return committed;
  }

  /** Why nothing more is appended: the log is poisoned, or else closed. */
  refusal(): WalError {
    const { poison } = this.#state;
    return poison === null ? this.closedError() : poisoned(poison, this.role.path);
  }

  closedError(): WalError {
    if (!this.role.isOwner && !this.#closing && this.#state.isClosing) return closedByOwner(this.role.path);
    return new WalError("WAL_CLOSED", `${this.name} is closed. Open it again to go on.`, {
      path: this.role.path,
    });
  }

  /** The log, in a message. */
  get name(): string {
    const { path } = this.role;
    return path === undefined ? "The log" : `The log ${path}`;
  }
}

function calledByItsStore(): WalError {
  return invalidArgument("A store called its own log while it was writing for it. A store only holds bytes.");
}
