/**
 * What a call costs, counted and not timed: the bytes that it allocates by `new Uint8Array(n)`, which
 * is how this library allocates, and the reads that it makes. Beyond a limit both fail, so that what
 * would fill the memory, or go on for ever, ends.
 */
import type { Disk } from "#internal/store/disk.js";

export interface MeterLimits {
  /** The largest single allocation, and all of them together. */
  readonly onceBytes: number;
  readonly sumBytes: number;
  readonly reads: number;
}

export class Meter {
  readonly #limits: MeterLimits;
  #onceBytes = 0;
  #sumBytes = 0;
  #reads = 0;

  constructor(limits: MeterLimits) {
    this.#limits = limits;
  }

  get onceBytes(): number {
    return this.#onceBytes;
  }

  /** What was above its limit, in words, or null. */
  get excess(): string | null {
    const { onceBytes, sumBytes, reads } = this.#limits;
    if (this.#onceBytes > onceBytes) return `${this.#onceBytes} bytes at once, with ${onceBytes} allowed`;
    if (this.#sumBytes > sumBytes) return `${this.#sumBytes} bytes in all, with ${sumBytes} allowed`;
    if (this.#reads > reads) return `${this.#reads} reads, with ${reads} allowed`;
    return null;
  }

  allocated(bytes: number): void {
    this.#onceBytes = Math.max(this.#onceBytes, bytes);
    this.#sumBytes += bytes;
    this.#check();
  }

  /** The same disk, with its reads counted. */
  on(disk: Disk): Disk {
    const count = (): void => {
      this.#reads++;
      this.#check();
    };
    return new Proxy(disk, {
      get: (target, name) => {
        if (name === "read" || name === "readAhead") count();
        const member: unknown = Reflect.get(target, name);
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
  }

  #check(): void {
    const { excess } = this;
    if (excess !== null) throw new Error(`over the limit: ${excess}`);
  }
}

let metered: Meter | null = null;
const plain = globalThis.Uint8Array;

/** `new Uint8Array` as ever, but that whoever is metered is told before it is made. */
const counted: Uint8ArrayConstructor = new Proxy(plain, {
  construct(target, args: unknown[], newTarget): object {
    if (metered !== null && typeof args[0] === "number") metered.allocated(args[0]);
    return Reflect.construct(target, args, newTarget === counted ? target : newTarget) as object;
  },
});

/** Calls and counts what it allocates until it has resolved. */
export async function withMeter<T>(meter: Meter, call: () => T | Promise<T>): Promise<T> {
  metered = meter;
  globalThis.Uint8Array = counted;
  try {
    return await call();
  } finally {
    metered = null;
    globalThis.Uint8Array = plain;
  }
}
