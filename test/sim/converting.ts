/** Converting a closed log, and going on with the result. */
import { isOfLog, sameBytes, viewOf } from "./view.ts";
import type { Situation } from "./situation.ts";
import type { Answers } from "./answers.ts";

export class Converting {
  readonly #at: Situation;
  readonly #answers: Answers;

  constructor(at: Situation, answers: Answers) {
    this.#at = at;
    this.#answers = answers;
  }

  async convert(segmentSize: number | null): Promise<void> {
    if (
      this.#at.wal !== null ||
      this.#at.model.ended !== "closed" ||
      this.#at.crashedSince ||
      this.#at.machine.hasLied
    )
      return;
    const before = this.#at.machine.files();
    const view = viewOf(before, this.#at.layout);
    if (view.missing || view.image.length === 0 || (segmentSize === null && view.head > 0)) return;
    const target = this.#at.nextLayout(segmentSize);
    const answer = await this.#answers.awaited(
      "convert",
      this.#at.lib.convert(this.#at.disk, this.#at.layout, target),
    );
    if (this.#at.isDown) return;
    const after = this.#at.machine.files();
    for (const [path, bytes] of Object.entries(before)) {
      const isSame = after[path] !== undefined && sameBytes(after[path], bytes);
      this.#at.insist(isSame || !isOfLog(this.#at.layout, path), `convert changed ${path} of its source`);
    }
    if ("error" in answer) return this.#at.checkError("convert", answer.error);
    const result = viewOf(this.#at.machine.durableFiles(), target);
    // Past the end of what was converted there may be room in the source that a failed append has left.
    const end = result.image.length;
    const isWhole =
      result.head === view.head &&
      sameBytes(result.image.subarray(view.head), view.image.subarray(view.head, end)) &&
      view.image.subarray(end).every((byte) => byte === 0);
    this.#at.insist(isWhole, "what convert made is not on the disk as it was in the source");
    this.#at.layout = target;
    this.#at.readers.clear();
    this.#at.archived.forget();
  }
}
