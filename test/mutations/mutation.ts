import type { Patch } from "../support/patch.ts";

/** One bug, put into a copy of the built library on purpose. */
export interface Mutation extends Patch {
  readonly name: string;
  /** The tests of the suite that must find it: each of them, by itself. */
  readonly foundBy: readonly Detector[];
}

export interface Detector {
  /** Below test/, without its ending, as in `commit/group-commit`. */
  readonly file: string;
  /** Only the tests whose title has this in it. Default: all of the file. */
  readonly title?: string;
}
