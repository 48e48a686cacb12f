/**
 * Ends a process that hangs within one input. A thread of its own looks whether the inputs go on; where
 * one takes longer than the limit, it tells which and kills the process, which would hear nothing else.
 */
import { Worker } from "node:worker_threads";

const program = `
const { workerData } = require("node:worker_threads");
const { writeSync } = require("node:fs");
const { beat, text, milliseconds } = workerData;
let seen = -1;
setInterval(() => {
  const now = Atomics.load(beat, 0);
  if (now !== seen || now === 0) return void (seen = now);
  const length = Atomics.load(beat, 1);
  writeSync(2, "hangs: " + Buffer.from(text.slice(0, length)).toString() + "\\n");
  process.kill(process.pid, "SIGKILL");
}, milliseconds);
`;

export class Watchdog {
  readonly #beat = new Int32Array(new SharedArrayBuffer(8));
  readonly #text = new Uint8Array(new SharedArrayBuffer(64 * 1024));
  readonly #worker: Worker;

  constructor(milliseconds: number) {
    const workerData = { beat: this.#beat, text: this.#text, milliseconds };
    this.#worker = new Worker(program, { eval: true, workerData });
    this.#worker.unref();
  }

  /** The next input begins; `what` is told if it does not end. */
  next(what: string): void {
    const { written } = new TextEncoder().encodeInto(what, this.#text);
    Atomics.store(this.#beat, 1, written);
    Atomics.add(this.#beat, 0, 1);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
