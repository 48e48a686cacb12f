/**
 * The search: where does the next intact record begin, past damage?
 *
 * First at the place the damaged header itself names, which is right whenever only payload bytes
 * were damaged, and keeps a payload that holds a log of its own from being taken for the log. Then
 * at every offset after the damage, in order.
 *
 *   step() ->  "found"     an intact record begins at `offset`
 *              "need"      as in the scan: `want` bytes from `offset` on
 *              "none"      no intact record begins anywhere up to the end
 *              "unknown"   none was found, but the work allowed did not reach for every candidate
 *
 * A run of zeros is passed over at once: no record begins where eight bytes are zero (format.ts).
 *
 * A 32-bit checksum lets one in 2^32 candidates pass by chance; a candidate needs a plausible
 * length first. The work is bounded: see limits.ts, `search...`.
 */
import { readU32 } from "../bytes.ts";
import {
  searchLargeBudgetBytes,
  searchSmallBudgetBytesMin,
  searchSmallBudgetFactor,
  searchSmallBytesMax,
} from "../limits.ts";
import { zerosEnd } from "../zeros.ts";
import { crc32cRange } from "./crc32c.ts";
import { emptyRecordCrc, headerBytes, lengthOffset } from "./format.ts";
import type { Window } from "./window.ts";

export type SearchStep = "found" | "need" | "none" | "unknown";

export class Search {
  /** After "found": where. After "need": from where bytes are wanted. */
  offset: number;
  want: number = headerBytes;

  readonly #window: Window;
  readonly #damage: number;
  readonly #end: number;
  readonly #maxRecordBytes: number;
  #stage: "header" | "stated" | "every" = "header";
  #smallBudget: number;
  #largeBudget: number = searchLargeBudgetBytes;
  #leftOut = false;

  /** @param damage Where the scan stopped. */
  constructor(window: Window, damage: number, end: number, maxRecordBytes: number) {
    this.#window = window;
    this.#damage = damage;
    this.#end = end;
    this.#maxRecordBytes = maxRecordBytes;
    this.#smallBudget = Math.max(searchSmallBudgetBytesMin, (end - damage) * searchSmallBudgetFactor);
    this.offset = damage;
  }

  step(): SearchStep {
    if (this.#stage === "header") {
      const step = this.#stepToStated();
      if (step !== null) return step;
    }
    if (this.#stage === "stated") {
      const step = this.#try(this.offset);
      if (step !== "none") return step;
      this.#stage = "every";
      this.offset = this.#damage + 1;
    }
    const last = this.#end - headerBytes;
    while (this.offset <= last) {
      const step = this.#try(this.offset);
      if (step !== "none") return step;
      this.#moveOn();
    }
    return this.#leftOut ? "unknown" : "none";
  }

  /**
   * To the next offset, or past zeros to the first at which eight bytes may be other than zero: eight zeros are
   * no header. The last seven of a window stay, since what follows them is not known yet.
   */
  #moveOn(): void {
    const { bytes, length, start } = this.#window;
    const at = ++this.offset - start;
    if (at >= length || bytes[at] !== 0) return;
    const first = zerosEnd(bytes, at, length) - (headerBytes - 1);
    if (first > at) this.offset = start + first;
  }

  /** Reads the damaged header, for the place that it names as the next record's. */
  #stepToStated(): SearchStep | null {
    this.#stage = "every";
    this.offset = this.#damage;
    if (this.#damage + headerBytes > this.#end) {
      this.offset = this.#end;
      return null;
    }
    if (!this.#has(this.#damage, headerBytes)) {
      this.#stage = "header";
      return this.#need(headerBytes);
    }
    const length = readU32(this.#window.bytes, this.#damage - this.#window.start + lengthOffset);
    const stated = this.#damage + headerBytes + length;
    if (length <= this.#maxRecordBytes && stated + headerBytes <= this.#end) {
      this.#stage = "stated";
      this.offset = stated;
    } else {
      this.offset = this.#damage + 1;
    }
    return null;
  }

  /** Whether an intact record begins at `offset`, or what is needed to tell. */
  #try(offset: number): "found" | "need" | "none" {
    if (!this.#has(offset, headerBytes)) return this.#need(headerBytes);
    const window = this.#window;
    const at = offset - window.start;
    const length = readU32(window.bytes, at + lengthOffset);
    if (length === 0) return readU32(window.bytes, at) === emptyRecordCrc ? "found" : "none";
    const size = headerBytes + length;
    if (length > this.#maxRecordBytes || offset + size > this.#end) return "none";
    if (!this.#has(offset, size)) {
      if (!this.#affordable(length)) return "none";
      return this.#need(size);
    }
    if (!this.#spend(length)) return "none";
    const crc = crc32cRange(window.bytes, at + lengthOffset, at + size);
    return crc === readU32(window.bytes, at) ? "found" : "none";
  }

  #has(offset: number, count: number): boolean {
    return offset >= this.#window.start && offset + count <= this.#window.end;
  }

  #need(want: number): "need" {
    this.want = want;
    return "need";
  }

  #affordable(length: number): boolean {
    const left = length <= searchSmallBytesMax ? this.#smallBudget : this.#largeBudget;
    if (length <= left) return true;
    this.#leftOut = true;
    return false;
  }

  #spend(length: number): boolean {
    if (!this.#affordable(length)) return false;
    if (length <= searchSmallBytesMax) this.#smallBudget -= length;
    else this.#largeBudget -= length;
    return true;
  }
}
