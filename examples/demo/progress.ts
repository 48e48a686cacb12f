const barWidth = 30;

/** How often a line is given out where it cannot be overwritten. */
const plainMilliseconds = 1000;

/** Lines acknowledged so far: one line that moves on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #total: number;
  readonly #live = process.stdout.isTTY;
  #shownAt = performance.now();
  #open = false;

  constructor(total: number) {
    this.#total = total;
  }

  show(done: number): void {
    const now = performance.now();
    if (now - this.#shownAt < (this.#live ? 40 : plainMilliseconds)) return;
    this.#shownAt = now;
    const full = Math.round((done / this.#total) * barWidth);
    const bar = "#".repeat(full) + ".".repeat(barWidth - full);
    const text = `   [${bar}] ${count(done)} of ${count(this.#total)} lines acknowledged`;
    if (this.#live) process.stdout.write(`\r${text}\u001B[K`);
    else console.log(text);
    this.#open = this.#live;
  }

  /** Prints a line that stays, in place of the moving one. */
  log(text: string): void {
    if (this.#open) process.stdout.write("\r\u001B[K");
    this.#open = false;
    console.log(text);
  }
}

/** 1,234,567 */
export function count(value: number): string {
  return value.toLocaleString("en-GB", { maximumFractionDigits: 0 });
}

/** "1 line", "2 lines" */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}
