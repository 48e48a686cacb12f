/** What is appended: payloads as text, each with a number of its own in front where it has the room. */
import { frameOf } from "../support/plain-format.ts";
import { bytesOf, textOf } from "./followed.ts";
import type { Model } from "./model.ts";
import type { Filled } from "./program.ts";

/** So long is a number, and what follows it. */
const numberedBytesMin = 10;

export class Texts {
  readonly #model: Model;
  #made = 0;

  constructor(model: Model) {
    this.#model = model;
  }

  filled(sizes: readonly number[], filled: Filled): string[] {
    return sizes.map((size) => {
      const number = `#${this.#made++} `;
      if (filled === "zeros") return "\0".repeat(size);
      const rest = Math.max(0, size - number.length);
      if (filled === "log" && rest < 1000) {
        const inner = "x".repeat(rest >> 2);
        this.#model.mention(inner);
        return number + textOf(frameOf(bytesOf(inner))).repeat(2);
      }
      return (number + String.fromCharCode(33 + (this.#made % 90)).repeat(rest)).slice(0, Math.max(size, 0));
    });
  }

  /** No two of them alike, so none too short for that. */
  unlike(sizes: readonly number[]): string[] {
    return this.filled(
      sizes.map((size) => Math.max(size, numberedBytesMin)),
      "text",
    );
  }
}
