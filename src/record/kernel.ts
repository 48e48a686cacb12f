/**
 * The kernel: the inner loops of kernel/frames.ts, as WebAssembly, and the memory they work on. One
 * for each thread, made when it is first of use.
 *
 *   0          tables and work space of the kernel itself
 *   0x20000    input, 64 KiB    bytes that stand elsewhere are copied here to be looked at
 *   0x30000    scratch, 512 KiB frames are put together here, and need no copy
 *
 * The memory never grows, so that its views stay as they are. Everything that uses it does so within
 * one synchronous call, and leaves nothing there, but for the scratch: see `takeScratch`.
 *
 * Where WebAssembly or its SIMD is missing or forbidden there is no kernel; what asks for it has
 * another way.
 */
import { kernelCode } from "./kernel-code.ts";

const memoryPages = 11;
const inputStart = 0x20000;
export const scratchStart: number = 0x30000;

/** What the input holds, and so the most that is looked at in one go. */
export const kernelInputBytes: number = 64 * 1024;
export const kernelScratchBytes: number = 512 * 1024;

interface KernelCalls {
  crc(at: number, end: number, seed: number): number;
  walk(at: number, end: number, lengthMax: number): number;
  walked(): number;
  seal(at: number, length: number): void;
}

/** As much of WebAssembly's interface as is used here: the compiler's own types of it come with those of a browser. */
interface WebAssemblyCalls {
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

export class Kernel {
  /** Views on it are all that this kernel can look at without a copy. */
  readonly buffer: ArrayBuffer;
  readonly #calls: KernelCalls;
  readonly #input: Uint8Array;
  readonly #scratch: Uint8Array;
  #scratchUser: object | null = null;

  constructor(table: Int32Array) {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyCalls };
    const memory = new WebAssembly.Memory({ initial: memoryPages, maximum: memoryPages });
    const module = new WebAssembly.Module(bytesOf(kernelCode));
    const instance = new WebAssembly.Instance(module, { env: { memory } });
    this.#calls = instance.exports as KernelCalls;
    this.buffer = memory.buffer;
    new Int32Array(memory.buffer, 0, table.length).set(table);
    this.#input = new Uint8Array(memory.buffer, inputStart, kernelInputBytes);
    this.#scratch = new Uint8Array(memory.buffer, scratchStart, kernelScratchBytes);
  }

  /**
   * The CRC32C of `bytes[from, to)`, wherever they stand, but not in what the kernel works with: of its memory
   * only in the scratch. `seed` is that of what came before.
   */
  crc(bytes: Uint8Array, from: number, to: number, seed: number): number {
    if (bytes.buffer === this.buffer) {
      const start = bytes.byteOffset;
      return this.#calls.crc(start + from, start + to, seed) >>> 0;
    }
    let crc = seed;
    for (let at = from; at < to; at += kernelInputBytes) {
      const count = Math.min(to - at, kernelInputBytes);
      // Not subarray(): of a class of the user's own that calls a constructor of theirs.
      this.#input.set(new Uint8Array(bytes.buffer, bytes.byteOffset + at, count));
      crc = this.#calls.crc(inputStart, inputStart + count, crc);
    }
    return crc >>> 0;
  }

  /** Writes the header of the frame at `start` in the scratch, whose payload is in place. */
  seal(start: number, payloadLength: number): void {
    this.#calls.seal(scratchStart + start, payloadLength);
  }

  /**
   * How many bytes from `from` on are whole, intact frames with payloads of at most `lengthMax`, of
   * the first `kernelInputBytes` and none beyond `to`.
   */
  walk(bytes: Uint8Array, from: number, to: number, lengthMax: number): number {
    const count = Math.min(to - from, kernelInputBytes);
    this.#input.set(bytes.subarray(from, from + count));
    return this.#calls.walk(inputStart, inputStart + count, lengthMax) - inputStart;
  }

  /** How many frames that were. */
  get walked(): number {
    return this.#calls.walked();
  }

  /**
   * The scratch, for `user` alone until it gives it back; null while another has it: the store of one
   * log may append to another one while it is writing.
   */
  takeScratch(user: object): Uint8Array | null {
    if (this.#scratchUser !== null && this.#scratchUser !== user) return null;
    this.#scratchUser = user;
    return this.#scratch;
  }

  giveScratchBack(user: object): void {
    if (this.#scratchUser === user) this.#scratchUser = null;
  }
}

let made: Kernel | null | undefined;

/** The kernel of this thread, null where there can be none. */
export function kernelHere(table: Int32Array): Kernel | null {
  if (made !== undefined) return made;
  try {
    made = new Kernel(table);
  } catch {
    made = null;
  }
  return made;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
