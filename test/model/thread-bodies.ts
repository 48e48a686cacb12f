/**
 * What the threads of the model do: each body is a few calls on a log.
 *
 * The calls are those of Wal, without framing and options: what stands here is the order in which
 * append/writer.ts and wal.ts call the protocol. This file runs in the realm of the shipped code.
 */
import { poisoned } from "#internal/commit/group-commit.js";
import { asIoError, WalError } from "#internal/errors.js";
import type { Lsn } from "#internal/lsn.js";
import { SuffixCut } from "#internal/truncation/suffix-cut.js";
import type { Here } from "./replay.js";

class ModelLog {
  readonly #here: Here;
  readonly #cuts: SuffixCut;
  #lastEnd = 0 as Lsn;
  #syncs = 0;

  constructor(here: Here) {
    this.#here = here;
    this.#cuts = new SuffixCut(here.store, here.state, here.commit, null);
  }

  /** Whether it was appended; a refusal is remarked. */
  append(size: number, fails = false): boolean {
    this.#here.remark({ kind: "append begins" });
    try {
      const start = this.#write(size, fails);
      this.#here.remark({ kind: "appended", start, size });
      return true;
    } catch (error) {
      if (!(error instanceof WalError)) throw error;
      this.#here.remark(error.code === "WAL_IO" ? { kind: "failed" } : { kind: "refused", code: error.code });
      return false;
    }
  }

  #write(size: number, fails: boolean): Lsn {
    const { state } = this.#here;
    const start = this.#reserve(size);
    try {
      this.#here.write(start, size, !fails);
    } catch (error) {
      if (isStop(error)) throw error;
      throw this.#failedWrite(start, size, error);
    }
    state.release();
    this.#lastEnd = (start + size) as Lsn;
    return start;
  }

  #reserve(size: number): Lsn {
    const { state, commit } = this.#here;
    this.#check();
    for (;;) {
      const start = state.reserve(size);
      if (start >= 0) return start as Lsn;
      this.#check();
      if (this.#cuts.completeBlocking()) continue;
      commit.yieldLead();
      state.waitBlocking("other", () => !state.gateIsClosed || state.poison !== null || state.isClosing);
    }
  }

  #check(): void {
    const { state } = this.#here;
    if (state.poison !== null) throw poisoned(state.poison, undefined);
    if (state.isClosing) throw new WalError("WAL_CLOSED", "closed");
  }

  #failedWrite(start: Lsn, size: number, error: unknown): WalError {
    const { state } = this.#here;
    const failure = asIoError(error, `Writing ${size} bytes at ${start} failed`);
    if (!state.takeBack(start, size)) {
      state.setPoison(failure);
      return poisoned(failure, undefined);
    }
    this.#here.store.truncate(start);
    state.openGate(start);
    return failure;
  }

  /** What `sync` does: all that was appended before the call, by any thread. */
  async sync(): Promise<void> {
    await this.#owed("all", () => this.#here.commit.sync(this.#here.state.appended));
  }

  async syncBlocking(): Promise<void> {
    await this.#owed("all", () => this.#here.commit.syncBlocking(this.#here.state.appended));
  }

  async appendAndSync(size: number): Promise<void> {
    if (this.append(size)) await this.#owed("own", () => this.#here.commit.sync(this.#lastEnd));
  }

  async appendAndSyncBlocking(size: number): Promise<void> {
    if (this.append(size)) await this.#owed("own", () => this.#here.commit.syncBlocking(this.#lastEnd));
  }

  async cut(end: number): Promise<void> {
    await this.#cut(() => this.#cuts.cut(end as Lsn));
  }

  async cutBlocking(end: number): Promise<void> {
    await this.#cut(() => this.#cuts.cutBlocking(end as Lsn));
  }

  async #cut(cut: () => Promise<void> | void): Promise<void> {
    this.#here.remark({ kind: "cut begins" });
    try {
      await cut();
    } catch (error) {
      if (!(error instanceof WalError)) throw error;
      this.#here.remark({ kind: "refused", code: error.code });
    }
    this.#here.remark({ kind: "cut ends" });
  }

  /** As the owner does it: nothing more is appended, what was is synced, nobody flushes any more. */
  async close(): Promise<void> {
    const { state, commit } = this.#here;
    state.setClosing();
    if (state.poison === null) await this.sync();
    await commit.settled();
    state.seal();
    if (state.poison === null) await this.sync();
    await commit.settled();
    await commit.keepLead();
    state.setClosed();
    this.#here.remark({ kind: "lets go" });
  }

  async #owed(owes: "own" | "all", sync: () => Promise<void> | void): Promise<void> {
    const name = this.#syncs++;
    this.#here.remark({ kind: "sync begins", name, owes });
    try {
      await sync();
    } catch (error) {
      if (!(error instanceof WalError)) throw error;
      this.#here.remark({ kind: "refused", code: error.code });
      return;
    }
    this.#here.remark({ kind: "sync ends", name });
  }
}

function isStop(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("the search stopped");
}

export const bodies: Record<string, (here: Here) => Promise<void>> = {
  append: async (here) => {
    new ModelLog(here).append(8);
  },
  append2: async (here) => {
    const log = new ModelLog(here);
    log.append(8);
    log.append(16);
  },
  /** A batch is one reservation and one write. */
  batch: async (here) => {
    new ModelLog(here).append(32);
  },
  appendAndSync: async (here) => {
    await new ModelLog(here).appendAndSync(8);
  },
  appendAndSyncBlocking: async (here) => {
    await new ModelLog(here).appendAndSyncBlocking(8);
  },
  appendThenSync: async (here) => {
    const log = new ModelLog(here);
    log.append(8);
    await log.sync();
  },
  appendThenSyncBlocking: async (here) => {
    const log = new ModelLog(here);
    log.append(8);
    await log.syncBlocking();
  },
  failingAppend: async (here) => {
    new ModelLog(here).append(16, true);
  },
  sync: async (here) => {
    await new ModelLog(here).sync();
  },
  syncBlocking: async (here) => {
    await new ModelLog(here).syncBlocking();
  },
  /** A sync is under way while the same thread blocks for another. */
  syncAndSyncBlocking: async (here) => {
    const log = new ModelLog(here);
    log.append(8);
    const sync = log.sync();
    sync.catch(() => {});
    await log.syncBlocking();
    await sync;
  },
  syncAndAppend: async (here) => {
    const log = new ModelLog(here);
    const synced = log.appendAndSync(8);
    synced.catch(() => {});
    await Promise.resolve();
    await Promise.resolve();
    log.append(8);
    await synced;
  },
  cut: async (here) => {
    await new ModelLog(here).cut(8);
  },
  cutBlocking: async (here) => {
    await new ModelLog(here).cutBlocking(8);
  },
  cutThenSync: async (here) => {
    const log = new ModelLog(here);
    await log.cut(8);
    await log.appendAndSync(8);
  },
  close: async (here) => {
    await new ModelLog(here).close();
  },
  appendThenClose: async (here) => {
    const log = new ModelLog(here);
    log.append(8);
    await log.close();
  },
  failingThenAppend: async (here) => {
    const log = new ModelLog(here);
    log.append(16, true);
    log.append(8);
  },
  /** Comes when all is over: the log still works, or says why it does not. */
  newcomer: async (here) => {
    await new ModelLog(here).appendAndSyncBlocking(8);
  },
};
