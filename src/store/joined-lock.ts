/**
 * What keeps a log from being opened again while threads that had joined an owner that died could still
 * write to it.
 *
 *   app.wal.joined      beside the file of a log; `joined` within a segmented directory
 *
 * The owner's lock goes with its thread; a thread that had joined learns of the death only when it looks.
 * So each of them holds a lock of its own, the kernel's shared one on this file:
 *
 *   the owner     makes the file when it first shares the log, with a token in it that is never the same again;
 *                 removes it when it closes the log, having shut the others out, before its own lock goes
 *   who joins     locks the file, shared; and then looks whether it is the one of the share, still under its
 *                 name: if not, the owner is gone. Lets go when it closes, or has seen the log poisoned and
 *                 nothing of its own is under way
 *   who opens     with the log's lock: no such file, and nobody joined is left who could write (never shared,
 *                 or closed in order, whatever idle threads may still have open). Else tries the lock,
 *                 exclusive, and does not wait for it. Got: removes the file before it lets go. Not got: they
 *                 are there
 *
 * Either who joins has the lock before the one who opens tries, or it finds the name gone, or another's token.
 * Nobody tries without the log's lock, so nobody takes the try of another for a thread that joined. None of it
 * needs to know which threads live, nor to reach the disk: after a power cut nobody holds anything.
 */
import { errnoOf, WalError } from "../errors.ts";
import type { Disk } from "./disk.ts";
import { removeIfThere } from "./durable-fs.ts";
import { readFully, writeFully } from "./positioned-file.ts";

export class JoinedLock {
  readonly #disk: Disk;
  readonly #path: string;
  /** Of the owner: the token in the file that it has made. */
  #token: string | null = null;
  /** Of one who joined: locked, shared. */
  #fd: number | null = null;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** The owner: makes the file, once; returns its token. */
  make(): string {
    if (this.#token !== null) return this.#token;
    const token = crypto.randomUUID();
    removeIfThere(this.#disk, this.#path);
    const fd = this.#disk.open(this.#path, "create");
    try {
      writeFully(this.#disk, fd, new TextEncoder().encode(token), 0);
    } finally {
      this.#disk.close(fd);
    }
    this.#token = token;
    return token;
  }

  /**
   * Who joins: takes the lock, held until `close`.
   *
   * @throws {WalError} WAL_CLOSED when the owner that made the file with `token` is gone.
   */
  hold(token: string, log: string): void {
    const fd = this.#openIfThere("r");
    if (fd !== null) {
      try {
        if (this.#disk.lockShared(fd, this.#path) && this.#isTheOne(fd, token)) {
          this.#fd = fd;
          return;
        }
      } catch (error) {
        this.#letGo(fd);
        throw error;
      }
      this.#letGo(fd);
    }
    throw new WalError(
      "WAL_CLOSED",
      `The thread that had opened the log ${log} has closed it, or died. Open it again, and share it anew.`,
      { path: log },
    );
  }

  /** Who opens, with the log's lock: whether threads that had joined an owner that died are there. */
  isHeld(): boolean {
    const fd = this.#openIfThere("r+");
    if (fd === null) return false;
    try {
      if (!this.#disk.lock(fd, this.#path)) return true;
      // Before the lock goes: whoever comes late must not find it.
      removeIfThere(this.#disk, this.#path);
      return false;
    } finally {
      this.#letGo(fd);
    }
  }

  /** Of the owner: the others are shut out. Of one who joined: it writes no more. */
  close(): void {
    if (this.#token !== null) this.#removeOwn(this.#token);
    this.#token = null;
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) this.#letGo(fd);
  }

  /** One that stays costs the next open a look, and idle threads that had joined must be closed for it. */
  #removeOwn(token: string): void {
    try {
      const fd = this.#openIfThere("r");
      if (fd === null) return;
      try {
        if (!this.#isTheOne(fd, token)) return;
      } finally {
        this.#disk.close(fd);
      }
      removeIfThere(this.#disk, this.#path);
    } catch {
      return;
    }
  }

  #isTheOne(fd: number, token: string): boolean {
    const bytes = new Uint8Array(64);
    const got = readFully(this.#disk, fd, bytes, 0);
    if (new TextDecoder().decode(bytes.subarray(0, got)) !== token) return false;
    return this.#disk.stat(this.#path).identity === this.#disk.statOpen(fd).identity;
  }

  #openIfThere(mode: "r" | "r+"): number | null {
    try {
      return this.#disk.open(this.#path, mode);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return null;
      throw error;
    }
  }

  #letGo(fd: number): void {
    this.#disk.unlock(fd);
    this.#disk.close(fd);
  }
}
