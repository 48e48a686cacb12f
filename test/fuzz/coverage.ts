/** What of the library has run so far, as V8 counts it: blocks of code, and how often, by powers of two. */
import { type Profiler, Session } from "node:inspector";

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();
  readonly #folder: string;

  /** @param folder Where the library is; what stands elsewhere does not count. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  get size(): number {
    return this.#seen.size;
  }

  /** How much of what ran since the last call had not run so before. */
  news(): number {
    const before = this.#seen.size;
    this.#session.post("Profiler.takePreciseCoverage", (error, taken) => {
      if (error === null) for (const script of taken.result) this.#note(script);
    });
    return this.#seen.size - before;
  }

  #note({ url, functions }: Profiler.ScriptCoverage): void {
    if (!url.includes(this.#folder)) return;
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        if (count > 0) this.#seen.add(`${url}:${startOffset}:${endOffset}:${31 - Math.clz32(count)}`);
      }
    }
  }
}
