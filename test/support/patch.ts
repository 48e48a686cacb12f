/** A place in the built library, and what to put there instead. */
export interface Patch {
  /** Below dist/, as in `commit/log-state.js`. */
  readonly file: string;
  /** What stands there now. Exactly once; change it here when the code changes. */
  readonly find: string | RegExp;
  readonly put: string;
}

/** The text with the patch in it. A pattern that is not there exactly once is an error, not a guess. */
export function patched(text: string, { file, find, put }: Patch): string {
  const places = typeof find === "string" ? text.split(find).length - 1 : countOf(find, text);
  if (places !== 1) throw new Error(`${file}: ${String(find)} is there ${places} times, not once`);
  return text.replace(find, () => put);
}

function countOf(find: RegExp, text: string): number {
  return [...text.matchAll(new RegExp(find, "g"))].length;
}
