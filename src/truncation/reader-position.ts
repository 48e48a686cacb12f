/**
 * Named readers: those who still need the log, so that `retain` does not drop it under them.
 *
 * A position is kept beside the log in the form of a mark (recovery/mark.ts), in the page cache
 * until it is flushed by the system or by `close`: after a power cut it may be an older one, which
 * keeps more of the log, never less; or it may have outlived the records it had passed, and moves down
 * to the end when the log is opened.
 */
import { asIoError, invalidArgument, messageOf, WalError } from "../errors.ts";
import type { Lsn } from "../lsn.ts";
import { Mark } from "../recovery/mark.ts";
import type { NamedFile, StoreSide, WalStore } from "../store/store.ts";

const filePrefix = "reader-";
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Someone who reads the log at a pace of their own, known by name across restarts. */
export interface WalReader {
  readonly name: string;
  /** Records before this are no longer needed by this reader. */
  readonly position: Lsn;
  /**
   * Says that everything below `lsn` is dealt with. Survives a crash of the process; after a power
   * cut the position may be an older one.
   *
   * @throws {WalError} WAL_INVALID_ARGUMENT when `lsn` is below the position or past the end, or the
   *   reader was removed; WAL_CLOSED.
   */
  advance(lsn: Lsn): void;
  /**
   * Forgets the reader, durably: the log is no longer kept for it.
   *
   * @throws {WalError} WAL_IO when its file cannot be removed; WAL_CLOSED.
   */
  remove(): void;
}

export class ReaderPosition implements WalReader {
  readonly name: string;
  readonly #file: NamedFile;
  readonly #mark: Mark;
  readonly #writtenUpTo: (lsn: number) => Lsn;
  readonly #onRemoved: () => void;
  #advanced = false;
  #gone: "removed" | "closed" | null = null;

  constructor(name: string, file: NamedFile, writtenUpTo: (lsn: number) => Lsn, onRemoved: () => void) {
    this.name = name;
    this.#file = file;
    this.#mark = new Mark(file);
    this.#writtenUpTo = writtenUpTo;
    this.#onRemoved = onRemoved;
  }

  /**
   * The first position, of a reader that is new, on stable storage; or the one that a first attempt
   * has left. Where it cannot be kept there is no reader, here at least: a file that cannot be removed
   * either is one to the next open, and may stand at 0.
   */
  begin(from: Lsn): void {
    if (this.#mark.raise(this.#mark.lsn ?? from)) return;
    let left = "";
    try {
      this.#file.remove();
    } catch (error) {
      this.#file.close();
      left =
        ` Its file could not be removed either (${messageOf(error)}), so that once the log is opened again it may count as a ` +
        "reader that has read nothing: ask for it again then, and remove it.";
    }
    this.#gone = "removed";
    this.#onRemoved();
    throw new WalError(
      "WAL_IO",
      `The position of reader ${this.name} could not be written. Is the disk full?${left}`,
    );
  }

  get position(): Lsn {
    return this.#mark.lsn ?? (0 as Lsn);
  }

  advance(lsn: Lsn): void {
    this.#checkThere();
    const end = this.#writtenUpTo(Number.isSafeInteger(lsn) ? lsn : 0);
    if (!Number.isSafeInteger(lsn) || lsn < this.position || lsn > end) {
      throw invalidArgument(
        `Reader ${this.name} stands at ${this.position}; it can advance from there to the end of the log at ` +
          `${end}, not to ${String(lsn)}.`,
      );
    }
    if (lsn > this.position && this.#mark.raise(lsn)) this.#advanced = true;
  }

  /** The log was cut at `end`: the position moves down with it. */
  cut(end: Lsn): void {
    this.#mark.lower(end);
  }

  close(): void {
    this.#gone ??= "closed";
    try {
      if (this.#advanced) this.#file.flush();
    } finally {
      this.#file.close();
    }
  }

  remove(): void {
    if (this.#gone === "removed") return;
    this.#checkThere();
    try {
      this.#file.remove();
    } catch (error) {
      throw asIoError(error, `Removing the position of reader ${this.name} failed`);
    }
    this.#gone = "removed";
    this.#onRemoved();
  }

  #checkThere(): void {
    if (this.#gone === "closed") {
      throw new WalError("WAL_CLOSED", `The log of reader ${this.name} is closed. Open it again to go on.`);
    }
    if (this.#gone === "removed") {
      throw invalidArgument(`Reader ${this.name} was removed. Ask the log for a new one.`);
    }
  }
}

/** All the named readers of a log: those of this process, and those of earlier ones. */
export class ReaderPositions {
  readonly #store: WalStore;
  readonly #writtenUpTo: (lsn: number) => Lsn;
  readonly #open = new Map<string, ReaderPosition>();

  constructor(store: WalStore, writtenUpTo: (lsn: number) => Lsn) {
    this.#store = store;
    this.#writtenUpTo = writtenUpTo;
    try {
      for (const file of store.side?.names?.() ?? []) {
        const name = file.startsWith(filePrefix) ? file.slice(filePrefix.length) : "";
        // One whose position a power cut has torn stands at 0: nothing is written, the disk may be full.
        if (namePattern.test(name)) this.#openReader(name);
      }
      // A position may be on the disk before the records it has passed, and outlive them.
      this.cut(writtenUpTo(0));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The reader of that name, at `from` if it is new. */
  get(name: string, from: Lsn): ReaderPosition {
    if (typeof name !== "string" || !namePattern.test(name)) {
      const got = typeof name === "string" ? `"${name}"` : typeof name;
      throw invalidArgument(
        `The name of a reader is 1 to 64 letters, digits, dots, dashes and underscores; got ${got}.`,
      );
    }
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const reader = this.#openReader(name);
    reader.begin(from);
    return reader;
  }

  /** Those that are known, by name. */
  get all(): WalReader[] {
    return [...this.#open.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The lowest position of any reader; infinity when there is none. */
  get lowest(): number {
    let lowest = Infinity;
    for (const reader of this.#open.values()) lowest = Math.min(lowest, reader.position);
    return lowest;
  }

  cut(end: Lsn): void {
    for (const reader of this.#open.values()) reader.cut(end);
  }

  /** Closes all; throws what the first that failed threw. */
  close(): void {
    let failure: { readonly error: unknown } | null = null;
    for (const reader of this.#open.values()) {
      try {
        reader.close();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== null) throw failure.error;
  }

  #openReader(name: string): ReaderPosition {
    const side: StoreSide | undefined = this.#store.side;
    if (side?.named === undefined) {
      throw new WalError(
        "WAL_UNSUPPORTED",
        "This store keeps no positions of readers: it has nowhere to put them.",
        {
          path: this.#store.path,
        },
      );
    }
    const file = side.named(filePrefix + name);
    let reader: ReaderPosition;
    try {
      reader = new ReaderPosition(name, file, this.#writtenUpTo, () => this.#open.delete(name));
    } catch (error) {
      file.close();
      throw asIoError(error, `The position of reader ${name} could not be read`, { path: this.#store.path });
    }
    this.#open.set(name, reader);
    return reader;
  }
}
