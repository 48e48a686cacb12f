/**
 * What one thread must know of the others to work with them on one log, and what is known of them
 * where the platform tells nothing. On Linux: store/threads.ts.
 */

export interface Threads {
  /** The identity of this thread: a safe integer above 0. */
  self(): number;
  /** False when that thread is gone; undefined when this platform cannot tell. */
  isAlive(identity: number): boolean | undefined;
  /** Milliseconds, from anywhere, never back. */
  now(): number;
}

/** Identities from here on say nothing of a thread; those that a platform gives are below. */
export const unknownIdentityMin: number = 2 ** 52;

const self = unknownIdentityMin + Math.floor(Math.random() * unknownIdentityMin);

/** Where nobody can tell which threads live. Two of the same number would only wait a little longer. */
export const unknownThreads: Threads = {
  self: () => self,
  isAlive: () => undefined,
  now: () => performance.now(),
};
