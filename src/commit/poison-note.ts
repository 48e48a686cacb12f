/**
 * The cause of a poisoned log, in shared memory, so that every thread can name it.
 *
 *        +0              +4
 *        +---------------+--------------------------------------+
 *        | length i32    | JSON: code, message, offset, errno,  |
 *        |               | reason, path                         |
 *        +---------------+--------------------------------------+
 *
 * Written once, before the phase says "poisoned", and read after: see log-state.ts.
 */
import { WalError, type WalErrorCode } from "../errors.ts";
import { poisonNoteBytes } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import type { PoisonNote } from "./log-state.ts";

const textAt = 4;
/** Leaves room for the rest, and for every letter to take its longest form. */
const messageLettersMax = 400;

interface Noted {
  readonly code: WalErrorCode;
  readonly message: string;
  readonly offset?: Lsn | undefined;
  readonly errno?: string | undefined;
  readonly reason?: string | undefined;
  readonly path?: string | undefined;
}

export class SharedPoisonNote implements PoisonNote {
  readonly buffer: SharedArrayBuffer;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(poisonNoteBytes)) {
    this.buffer = buffer;
  }

  write(cause: WalError): void {
    const { code, message, offset, errno, reason, path } = cause;
    const short = message.slice(0, messageLettersMax);
    const noted: Noted = { code, message: short, offset, errno, reason, path };
    const room = this.buffer.byteLength - textAt;
    let text = new TextEncoder().encode(JSON.stringify(noted));
    if (text.length > room) text = new TextEncoder().encode(JSON.stringify({ code, message: short, offset }));
    new Uint8Array(this.buffer, textAt).set(text);
    Atomics.store(new Int32Array(this.buffer, 0, 1), 0, text.length);
  }

  read(): WalError {
    const length = Atomics.load(new Int32Array(this.buffer, 0, 1), 0);
    // A copy: shared bytes cannot be decoded where they are.
    const text = new TextDecoder().decode(Uint8Array.from(new Uint8Array(this.buffer, textAt, length)));
    try {
      const { code, message, ...facts } = JSON.parse(text) as Noted;
      return new WalError(code, message, facts);
    } catch {
      return new WalError("WAL_IO", "Another thread failed, and died before it could say how");
    }
  }
}
