/** A bar on a terminal, with rate and time left; nothing at all elsewhere. */
import { bytesText, durationText } from "./quantity.ts";
import type { Output } from "./terminal.ts";

const drawEveryMilliseconds = 100;
const barColumnsMax = 30;
const eraseLine = "\r\x1b[2K";

export class Progress {
  readonly #output: Output;
  readonly #what: string;
  readonly #begun: number = performance.now();
  #drawnAt = -Infinity;
  #isDrawn = false;

  constructor(output: Output, what: string) {
    this.#output = output;
    this.#what = what;
  }

  /** Bytes done, and in all: fits `onProgress` of the library. Draws ten times a second at most. */
  readonly update = (done: number, total: number): void => {
    if (!this.#output.isTerminal || total <= 0) return;
    const now = performance.now();
    if (now - this.#drawnAt < drawEveryMilliseconds && done < total) return;
    this.#drawnAt = now;
    this.#isDrawn = true;
    this.#output.text(eraseLine + this.#line(Math.min(done, total), total, (now - this.#begun) / 1000));
  };

  /** Takes the bar away: before anything else is written, and at the end. */
  clear(): void {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    this.#output.text(eraseLine);
  }

  #line(done: number, total: number, seconds: number): string {
    const share = done / total;
    const rate = seconds > 0 ? done / seconds : 0;
    const left = rate > 0 ? durationText((total - done) / rate) : "?";
    const facts = ` ${String(Math.floor(share * 100)).padStart(3)}%  ${bytesText(rate)}/s  ${left} left`;
    const columns = Math.min(barColumnsMax, this.#output.columns - this.#what.length - facts.length - 4);
    const full = Math.round(share * Math.max(0, columns));
    const bar = columns < 4 ? "" : ` [${"#".repeat(full)}${".".repeat(columns - full)}]`;
    return `${this.#what}${bar}${facts}`.slice(0, this.#output.columns - 1);
  }
}
