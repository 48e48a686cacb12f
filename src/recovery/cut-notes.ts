/**
 * The notes of cuts: where the end of the log was cut off, and how often, in a few bytes beside it,
 * for those who follow it from another process. From the log alone they could not tell: what was
 * cut may have been replaced, by records of the same lengths, between two of their looks.
 *
 *        +0         +4          +8            +12                +20
 *        +----------+-----------+-------------+------------------+------------- ... +56
 *        | crc32c   | notes u32 | count u32   | end u64          |  the next note, alike
 *        +----------+-----------+-------------+------------------+------------- ...
 *                   |<------- covered, to the end of the last note ------------ ...
 *
 * A note says: cut number `count` left the log ending at `end`. Oldest first; both numbers rise: a
 * cut makes earlier ones that were not below it needless. When there are too many, the two
 * oldest become one with the count of the newer and the lower end, which claims too much and never
 * too little.
 *
 * Each cut is noted twice: before the log is cut, so that none goes unnoted, and when it was cut,
 * before anything takes the place of what was. Whoever has read bytes, then reads the notes and finds
 * no new one, has read bytes as they were after the cut that was noted last, or as they were before
 * it, from one that is still under way; the second note will tell him of it. So a follower may be
 * told of one cut twice, never not at all. The notes are not flushed: a power cut that takes them
 * takes the followers too.
 */
import { readU32, readU64, writeU32, writeU64 } from "../bytes.ts";
import type { Lsn } from "../lsn.ts";
import { crc32cRange } from "../record/crc32c.ts";
import type { MarkFile } from "../store/store.ts";

export const cutNotesName = "cuts";

const headBytes = 8;
const noteBytes = 12;
const notesMax = 4;

interface Note {
  readonly count: number;
  readonly end: Lsn;
}

export class CutNotes {
  static readonly none: CutNotes = new CutNotes([]);
  readonly #notes: readonly Note[];

  private constructor(notes: readonly Note[]) {
    this.#notes = notes;
  }

  /** Null: the bytes are neither empty nor whole. Beside a live writer, read them again. */
  static of(bytes: Uint8Array): CutNotes | null {
    // All zeros: a power cut kept the length of the file and not what was in it.
    if (bytes.every((byte) => byte === 0)) return CutNotes.none;
    if (bytes.length < headBytes) return null;
    const length = headBytes + readU32(bytes, 4) * noteBytes;
    if (length > bytes.length || crc32cRange(bytes, 4, length) !== readU32(bytes, 0)) return null;
    const notes: Note[] = [];
    for (let at = headBytes; at < length; at += noteBytes) {
      notes.push({ count: readU32(bytes, at), end: readU64(bytes, at + 4) as Lsn });
    }
    return new CutNotes(notes);
  }

  /** How many cuts there have been. */
  get count(): number {
    return this.#notes.at(-1)?.count ?? 0;
  }

  /** The lowest end that the log was cut to since there had been `count` cuts; infinity: it was not. */
  lowestSince(count: number): number {
    // Fewer than there were: the notes were lost and begun anew, and what was cut is not known.
    if (this.count < count) return -1;
    return Math.min(...this.#notes.filter((note) => note.count > count).map((note) => note.end));
  }

  with(end: Lsn): CutNotes {
    const notes = [...this.#notes.filter((note) => note.end < end), { count: this.count + 1, end }];
    while (notes.length > notesMax) {
      const [oldest, next] = notes as [Note, Note];
      notes.splice(0, 2, { count: next.count, end: oldest.end });
    }
    return new CutNotes(notes);
  }

  /** Always of one length, so that a file once made takes no more room. */
  encode(): Uint8Array {
    const bytes = new Uint8Array(headBytes + notesMax * noteBytes);
    writeU32(bytes, 4, this.#notes.length);
    this.#notes.forEach((note, index) => {
      writeU32(bytes, headBytes + index * noteBytes, note.count);
      writeU64(bytes, headBytes + index * noteBytes + 4, note.end);
    });
    writeU32(bytes, 0, crc32cRange(bytes, 4, headBytes + this.#notes.length * noteBytes));
    return bytes;
  }
}

/**
 * The writer's side; of a shared log there is one in each thread, and who notes has closed the gate
 * (log-state.ts), so that none does at the same time. The file is made with the first note.
 */
export class CutNotebook {
  readonly #file: MarkFile;

  constructor(file: MarkFile) {
    this.#file = file;
  }

  /** Before the log is cut at `end`. Throws what the store throws: then it must not be cut. */
  note(end: Lsn): void {
    // Read each time: the last note may be another thread's.
    const notes = CutNotes.of(this.#file.read()) ?? CutNotes.none;
    this.#file.write(0, notes.with(end).encode());
  }
}
