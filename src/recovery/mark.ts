/**
 * The mark: the highest record boundary known to be on stable storage, in a few bytes beside the
 * log. It is what tells a torn tail (past it) from the loss of acknowledged data (below it), and
 * where the scan of an open begins. The Rust crate ignores it.
 *
 *        +0              +8          +12         +16                            +32
 *        +---------------+-----------+-----------+-------------------------------+
 *        | LSN u64       | seq u32   | crc32c    |  the second slot, alike       |
 *        +---------------+-----------+-----------+-------------------------------+
 *        |<------ covered ---------->|
 *
 * A slot is valid if and only if its checksum is. Of two valid ones the newer sequence counts
 * (`(a - b) as i32 > 0`: it wraps). None valid: no claim.
 *
 * A mark is written only after the flush it speaks of has succeeded, into the slot that does not
 * count, and is itself not flushed, but for the first: an old mark is still true, a torn one leaves
 * the other. So a crash may take back the newest marks, never make one claim too much. It goes down
 * only through `lower`, which is durable on return, and comes before the log shrinks.
 */
import { readU32, readU64, writeU32, writeU64 } from "../bytes.ts";
import type { Lsn } from "../lsn.ts";
import { crc32cRange } from "../record/crc32c.ts";
import type { MarkFile } from "../store/store.ts";

const slotBytes = 16;
const sequenceOffset = 8;
const crcOffset = 12;
const twoTo32 = 0x1_0000_0000;

interface Slot {
  readonly lsn: Lsn;
  readonly sequence: number;
  readonly index: 0 | 1;
}

function decodeSlot(bytes: Uint8Array, index: 0 | 1): Slot | null {
  const at = index * slotBytes;
  if (at + slotBytes > bytes.length) return null;
  if (crc32cRange(bytes, at, at + crcOffset) !== readU32(bytes, at + crcOffset)) return null;
  const lsn = readU64(bytes, at);
  if (!Number.isSafeInteger(lsn)) return null;
  return { lsn: lsn as Lsn, sequence: readU32(bytes, at + sequenceOffset), index };
}

function encodeSlot(lsn: Lsn, sequence: number): Uint8Array {
  const bytes = new Uint8Array(slotBytes);
  writeU64(bytes, 0, lsn);
  writeU32(bytes, sequenceOffset, sequence);
  writeU32(bytes, crcOffset, crc32cRange(bytes, 0, crcOffset));
  return bytes;
}

/** The slot that counts, then the other. */
function slotsByAge(bytes: Uint8Array): readonly [Slot | null, Slot | null] {
  const first = decodeSlot(bytes, 0);
  const second = decodeSlot(bytes, 1);
  if (first === null || second === null) return [first ?? second, null];
  return ((second.sequence - first.sequence) | 0) > 0 ? [second, first] : [first, second];
}

/** What the mark beside a log claims, and how to change it. */
export class Mark {
  #lsn: Lsn | null;
  #sequence: number;
  #nextSlot: 0 | 1;
  /** What the slot that does not count claims. Above `#lsn` only within `lower`, or after a crash there. */
  #older: Lsn | null;
  /** That there is a claim at all tells what a power cut leaves from loss: the first is flushed. */
  #isKept: boolean;
  readonly #file: MarkFile;

  /** Reads the mark. What the store throws is thrown: a mark that cannot be read is not "no claim". */
  constructor(file: MarkFile) {
    this.#file = file;
    this.#lsn = null;
    this.#sequence = 0;
    this.#nextSlot = 0;
    this.#older = null;
    this.#isKept = false;
    this.reload();
  }

  /** Reads it again: another thread of the log may have written it since. Throws what the store throws. */
  reload(): void {
    const [slot, older] = slotsByAge(this.#file.read());
    this.#lsn = slot?.lsn ?? null;
    this.#sequence = slot?.sequence ?? 0;
    this.#nextSlot = slot?.index === 0 ? 1 : 0;
    this.#older = older?.lsn ?? null;
    // A second slot is written only after the first was flushed. One alone may have been left by a
    // process that was killed before it did.
    this.#isKept ||= older !== null;
  }

  /** Every record below was on stable storage; null: no claim. */
  get lsn(): Lsn | null {
    return this.#lsn;
  }

  /** What the slot that does not count claims: the mark before this one, while the log was not cut since. */
  get previous(): Lsn | null {
    return this.#older;
  }

  /**
   * Raises the mark after a flush, into the page cache. A failure is left at that: the older mark
   * stays true, and the next write goes to the same slot. Returns whether the mark is at `lsn` or above.
   */
  raise(lsn: Lsn): boolean {
    try {
      if (!this.#isKept && this.#lsn !== null) this.#keep();
      if (this.#lsn === null || lsn > this.#lsn) this.#write(lsn);
      if (!this.#isKept) this.#keep();
      return true;
    } catch {
      return false;
    }
  }

  /** Lowers the mark, durably, so that the log may shrink. Throws what the store throws. */
  lower(lsn: Lsn): void {
    if (this.#lsn === null || (lsn >= this.#lsn && lsn >= (this.#older ?? 0))) return;
    // Both slots: were only one to say so, a torn slot would leave the higher claim standing. And where
    // a process was killed in here, the lower claim may be seen and yet not be on the disk: flush it
    // before the higher one is overwritten.
    if (lsn < this.#lsn) this.#write(lsn);
    this.#file.flush();
    this.#write(this.#lsn);
    this.#keep();
  }

  #keep(): void {
    this.#file.flush();
    this.#isKept = true;
  }

  #write(lsn: Lsn): void {
    const sequence = (this.#sequence + 1) % twoTo32;
    this.#file.write(this.#nextSlot * slotBytes, encodeSlot(lsn, sequence));
    this.#older = this.#lsn;
    this.#lsn = lsn;
    this.#sequence = sequence;
    this.#nextSlot = this.#nextSlot === 0 ? 1 : 0;
  }
}
