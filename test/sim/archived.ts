/** What an archive hook is given, held against the log: whole segments, on stable storage, with no hole between. */
import { crc32c, type SealedSegment } from "wal-db";
import type { Machine } from "./machine.ts";
import { type Layout, sameBytes, segmentsIn } from "./view.ts";

export class Archived {
  /** All segments from here on were to be handed over; null: there was no hook yet. */
  #upTo: number | null = null;
  #cuts = 0;

  forget(): void {
    this.#upTo = null;
  }

  /** The log is about to be opened with a hook. */
  begin(lowest: number): void {
    this.#upTo ??= lowest;
  }

  cut(end: number, segmentSize: number): void {
    this.#cuts++;
    if (this.#upTo !== null) this.#upTo = Math.min(this.#upTo, Math.floor(end / segmentSize) * segmentSize);
  }

  /** Before the hook does its work. Answers what is to be called when it is through. */
  given(segment: SealedSegment, machine: Machine): { readonly fault: string | null; taken(): void } {
    const isIt = (path: string): boolean => path === segment.path;
    const seen = machine.files(isIt)[segment.path];
    const durable = machine.durableFiles(isIt)[segment.path];
    const cuts = this.#cuts;
    const taken = (): void => {
      if (cuts === this.#cuts) this.#upTo = Math.max(this.#upTo ?? 0, segment.end);
    };
    return {
      fault: machine.hasLied ? null : this.#faultOf(segment, seen, durable),
      taken,
    };
  }

  /** What was removed before it was handed over, or null. */
  removedTooEarly(machine: Machine, { path, segmentSize }: Layout): string | null {
    if (this.#upTo === null || segmentSize === null) return null;
    const indexes = [...segmentsIn(machine.files(), path).keys()];
    const lowest = Math.min(...indexes) * segmentSize;
    return indexes.length > 0 && lowest > this.#upTo
      ? `segments from ${this.#upTo} to ${lowest} are gone and were never archived`
      : null;
  }

  #faultOf(
    segment: SealedSegment,
    seen: Uint8Array | undefined,
    durable: Uint8Array | undefined,
  ): string | null {
    const what = `the archive was handed ${segment.start} to ${segment.end}`;
    if (seen === undefined || seen.length !== segment.end - segment.start)
      return `${what}, which is not a whole segment`;
    if (durable === undefined || !sameBytes(durable, seen)) return `${what}, which is not on stable storage`;
    if (crc32c(seen) !== segment.checksum) return `${what} with a wrong checksum`;
    const isContiguous = this.#upTo === null || segment.start <= this.#upTo;
    return !isContiguous ? `${what}, though it has only what is below ${this.#upTo}` : null;
  }
}
