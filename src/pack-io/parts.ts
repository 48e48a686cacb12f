/**
 * What every codec here is made of: two functions, one that writes a value where a writer is and one that reads it where a
 * reader is, and what other codecs must know of it. Codecs made of others keep their functions, so that a schema is a
 * tree of closures, made once; nothing is compiled from text, which a browser's policy may forbid.
 *
 * What must hold: `read` reads what `write` wrote and moves as far; `write` of anything, and `read` of anything, end
 * soon or throw a Fault; what they throw passes each part of the schema, which puts its name in front of the path.
 */
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

export interface Parts<T> {
  readonly write: (writer: Writer, value: T) => void;
  readonly read: (reader: Reader) => T;
  /** The fewest bytes that a value takes. Where it is 0, no value takes any, and `slots` says what one makes. */
  readonly minBytes: () => number;
  /** How many places for values one value makes, if it takes no bytes: an object, its members and so on. */
  readonly slots: () => number;
  /**
   * `value`: JavaScript tells two keys of a Map apart if their encodings differ, and only then. `bytes`: it does not, they
   * are objects, and equal bytes tell equal keys.
   */
  readonly identity: "value" | "bytes";
  /**
   * Whether bytes that decode to equal values are equal; not so where something is sorted, or has versions. True if it is
   * so of all that it is made of. `asked` are the deferred parts that have been asked already: a grammar whose types
   * all contain one another has more ways through it than can be gone.
   */
  readonly isCanonical: (asked: Set<unknown>) => boolean;
  /** Whether null is one of the values: then an option of it could not tell none from some. */
  readonly takesNull: () => boolean;
  /** Whether some of it is not known before it is first used. */
  readonly isDeferred: boolean;
}

/** Computes once, when first asked. */
export function once<T>(compute: () => T): () => T {
  let known: { readonly value: T } | null = null;
  return () => (known ??= { value: compute() }).value;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
