/**
 * The scan: the one forward walk over a log's bytes, as a pure state machine. Recovery, iteration
 * and read all drive this; blocking and asynchronous reading are two thin loops around it.
 *
 *   step() ->  "record"   an intact record: lsn, payloadStart, payloadLength (in the window), next
 *              "need"     bytes are wanted: `want` of them from `offset` on; show() a window, step again
 *              "end"      `offset` is exactly the end: every byte was part of an intact record
 *              "damage"   no intact record begins at `offset`: reason
 *
 *        log:     0 ... | record | record | header | payload ...        | ... end
 *        window:            |----windowStart------------------|
 *                                         ^ offset
 *
 * The scan asks for a header before it looks at it, and for a payload only once the header's
 * length has been held against `maxRecordBytes` and against `end`: what it wants is never more
 * than one header plus one permitted payload that is really there. It decides nothing about
 * damage; it stays where it is, and says the same again when asked again.
 *
 * Many small records are verified ahead, in one go: the kernel says how far the window holds whole and
 * intact frames from `offset` on. What it does not vouch for is verified one by one, and judged, here. Who only
 * counts records asks by pass(): it goes over all of them at once.
 */
import { readU32 } from "../bytes.ts";
import type { Lsn } from "../lsn.ts";
import { crc32cRange, crcKernel } from "./crc32c.ts";
import { type DamageReason, headerBytes, lengthOffset } from "./format.ts";
import { kernelInputBytes } from "./kernel.ts";

/** How far ahead a scan verifies at first, after one record alone; each next time it is four times as far. */
const aheadBytesInitial = 1024;

export type ScanStep = "record" | "need" | "end" | "damage";

export class Scan {
  /** Where the next record begins, if one does. */
  offset: Lsn;
  /** The bytes of the log end here. */
  end: number;
  readonly maxRecordBytes: number;

  /** After "record": where it began, and its payload within the window. */
  lsn: Lsn;
  payloadStart = 0;
  payloadLength = 0;

  /** After "need": so many bytes from `offset` on must be in the window. */
  want = 0;

  /** After "record" from pass(): how many. */
  passed = 0;

  /** After "damage". */
  reason: DamageReason = "torn-header";

  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  #windowEnd = 0;
  /** All frames of the window that end at or below are intact. */
  #verifiedEnd = 0;
  #aheadBytes = 0;
  /** How many frames the kernel vouched for, if this step has asked it. */
  #vouchedFor = 0;

  constructor(from: Lsn, end: number, maxRecordBytes: number) {
    this.offset = from;
    this.lsn = from;
    this.end = end;
    this.maxRecordBytes = maxRecordBytes;
  }

  /** Shows the scan `bytes[0, length)`, which stand in the log from `windowStart` on. */
  show(bytes: Uint8Array, windowStart: number, length: number): void {
    this.#window = bytes;
    this.#windowStart = windowStart;
    this.#windowEnd = windowStart + length;
    this.#verifiedEnd = 0;
  }

  /** Goes on at another offset. */
  seek(offset: Lsn): void {
    this.offset = offset;
    this.#verifiedEnd = 0;
    this.#aheadBytes = 0;
  }

  step(): ScanStep {
    const offset = this.offset;
    const available = this.end - offset;
    if (available < headerBytes) return available <= 0 ? "end" : this.#damage("torn-header");
    if (offset < this.#windowStart || offset + headerBytes > this.#windowEnd) return this.#need(headerBytes);

    const window = this.#window;
    const at = offset - this.#windowStart;
    const length = readU32(window, at + lengthOffset);
    if (length > this.maxRecordBytes) return this.#damage("implausible-length");
    if (length > available - headerBytes) return this.#damage("torn-payload");
    const size = headerBytes + length;
    if (offset + size > this.#windowEnd) return this.#need(size);

    if (offset + size > this.#verifiedEnd && !this.#verify(at, size))
      return this.#damage("checksum-mismatch");
    this.lsn = offset;
    this.payloadStart = at + headerBytes;
    this.payloadLength = length;
    this.offset = (offset + size) as Lsn;
    return "record";
  }

  /** The same, but over as many intact records at once as is known of: `passed`. Which they were is not told. */
  pass(): ScanStep {
    this.#vouchedFor = 0;
    const step = this.step();
    if (step !== "record") return step;
    this.passed = Math.max(1, this.#vouchedFor);
    if (this.#vouchedFor > 0) this.offset = this.#verifiedEnd as Lsn;
    return step;
  }

  /** Whether the frame at `at` in the window is intact; looks at those behind it too. */
  #verify(at: number, size: number): boolean {
    if (size <= this.#aheadBytes) {
      const to = Math.min(this.end, this.#windowEnd, this.offset + this.#aheadBytes) - this.#windowStart;
      const kernel = crcKernel();
      const intact = kernel?.walk(this.#window, at, to, this.maxRecordBytes) ?? 0;
      this.#aheadBytes = Math.min(4 * this.#aheadBytes, kernelInputBytes);
      this.#verifiedEnd = this.offset + intact;
      this.#vouchedFor = kernel?.walked ?? 0;
      if (intact > 0) return true;
    } else if (this.#aheadBytes === 0) this.#aheadBytes = aheadBytesInitial;
    const window = this.#window;
    return crc32cRange(window, at + lengthOffset, at + size) === readU32(window, at);
  }

  #need(want: number): ScanStep {
    this.want = want;
    return "need";
  }

  #damage(reason: DamageReason): ScanStep {
    this.reason = reason;
    return "damage";
  }
}
