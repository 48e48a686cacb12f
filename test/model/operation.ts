/** What a thread asks of the world: one step of the search each. */
export type Operation =
  | { readonly kind: "load"; readonly cell: number }
  | { readonly kind: "store"; readonly cell: number; readonly value: number }
  | { readonly kind: "add"; readonly cell: number; readonly value: number }
  | {
      readonly kind: "compareExchange";
      readonly cell: number;
      readonly expected: number;
      readonly value: number;
    }
  | {
      readonly kind: "wait" | "pause";
      readonly cell: number;
      readonly expected: number;
    }
  | {
      readonly kind: "waitAsync";
      readonly cell: number;
      readonly expected: number;
      readonly event: number;
    }
  | { readonly kind: "notify"; readonly cell: number }
  /** One positioned write. `whole` is false for one that fails half-way. */
  | {
      readonly kind: "write";
      readonly start: number;
      readonly size: number;
      readonly whole: boolean;
    }
  | { readonly kind: "truncate"; readonly length: number }
  /** A flush covers what this thread wrote, and what `from` to `to` holds. */
  | {
      readonly kind: "flush";
      readonly from: number;
      readonly to: number;
      readonly event: number;
    }
  | { readonly kind: "flushBlocking"; readonly from: number; readonly to: number }
  | { readonly kind: "flushBlockingEnds" }
  /** The cause of the poison, which takes more than one step to write and to read. */
  | { readonly kind: "noteWrite"; readonly half: number; readonly cause: number }
  | { readonly kind: "noteRead"; readonly half: number }
  | { readonly kind: "isAlive"; readonly thread: number };

/** What a thread says of itself between two steps. It costs no step: it is held against the world at once. */
export type Remark =
  /** An append was called for; and then it returned, was refused, or failed and was taken back. */
  | { readonly kind: "append begins" }
  | { readonly kind: "appended"; readonly start: number; readonly size: number }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "failed" }
  /**
   * A sync was called for. Owed when the one of the same name ends: this thread's last record, or
   * every record, of any thread, whose append has returned by now.
   */
  | {
      readonly kind: "sync begins";
      readonly name: number;
      readonly owes: "own" | "all";
    }
  | { readonly kind: "sync ends"; readonly name: number }
  /** This thread holds that every byte below is written. */
  | { readonly kind: "claims written"; readonly below: number }
  /** The owner gives the lock back: from now on the log may be another process's. */
  | { readonly kind: "lets go" }
  /** In between, the store loses records that were appended; they are not owed any more. */
  | { readonly kind: "cut begins" }
  | { readonly kind: "cut ends" };

/** Where a thread stands. */
export type Standing =
  | { readonly kind: "asks"; readonly operation: Operation }
  /** In its event loop, with nothing to do before something that it waits for has come. */
  | { readonly kind: "idle" }
  | { readonly kind: "through" };
