/**
 * Where a command writes. Results go to standard output; what is said about them (progress, warnings,
 * questions, errors) to standard error. Colour, progress and questions are for people: a pipe gets none.
 *
 * Colour: FORCE_COLOR (but "0" and "false") turns it on, else NO_COLOR (if not empty) turns it off, else it is
 * on where the stream is a terminal whose TERM is not "dumb".
 */
import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import { Progress } from "./progress.ts";

/** A style that `node:util` knows: "red", "dim", "bold". */
export type Style = Parameters<typeof styleText>[0];

const bufferChars: number = 64 * 1024;
const columnsDefault = 80;

/** What becomes of a stream that takes no more. Each may be called more than once. */
export interface OutputEnd {
  /** Nobody reads it any more. */
  readonly closed: () => void;
  /** It could not be written: a disk that is full, say. What was written before may be a part of it. */
  readonly failed: (error: NodeJS.ErrnoException) => void;
}

/** One of the two streams. */
export class Output {
  readonly isTerminal: boolean;
  readonly #stream: NodeJS.WriteStream;
  readonly #hasColour: boolean;
  readonly #end: OutputEnd;
  #pending = "";

  constructor(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv, end: OutputEnd) {
    this.#stream = stream;
    this.isTerminal = isTerminal(stream);
    this.#hasColour = wantsColour(env, this.isTerminal);
    this.#end = end;
    stream.on("error", (error) => this.#ended(error));
  }

  /** Columns of the terminal; 80 where there is none. */
  get columns(): number {
    return Math.max(20, this.#stream.columns || columnsDefault);
  }

  style(style: Style, text: string): string {
    // Whether there is colour is decided here, not by what styleText thinks of its stream.
    return this.#hasColour ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Writes a line. Kept back for company until `flush`, or until there is enough of it. */
  line(text: string = ""): void {
    this.#pending += `${text}\n`;
    if (this.#pending.length >= bufferChars) this.#release();
  }

  /** Writes bytes as they are: never those of a record to a terminal. */
  bytes(bytes: Uint8Array): void {
    this.#release();
    if (!this.#stream.destroyed) this.#stream.write(bytes);
  }

  /** Text without an end of line, at once. */
  text(text: string): void {
    this.#release();
    if (!this.#stream.destroyed) this.#stream.write(text);
  }

  /** Hands all lines on. */
  release(): void {
    this.#release();
  }

  /** Whether the stream takes no more just now: then await `room`, within a long output. */
  get isFull(): boolean {
    return this.#stream.writableNeedDrain && !this.#stream.destroyed;
  }

  /** Resolves once the stream takes more, or nothing any more. */
  async room(): Promise<void> {
    if (!this.isFull) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#stream.off("drain", done);
        this.#stream.off("close", done);
        this.#stream.off("error", done);
        resolve();
      };
      this.#stream.on("drain", done);
      this.#stream.on("close", done);
      this.#stream.on("error", done);
    });
  }

  /** Hands all lines on and resolves once they are written, or `failed` or `closed` has been called. */
  async flush(): Promise<void> {
    this.#release();
    if (this.#stream.destroyed) return;
    // Also where nothing waits: a file is written at once, and its failure is told of only here.
    await new Promise<void>((resolve) => {
      this.#stream.write("", (error) => {
        if (error) this.#ended(error);
        resolve();
      });
    });
  }

  #ended(error: NodeJS.ErrnoException): void {
    if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") this.#end.closed();
    else this.#end.failed(error);
  }

  #release(): void {
    if (this.#pending === "") return;
    const text = this.#pending;
    this.#pending = "";
    if (!this.#stream.destroyed) this.#stream.write(text);
  }
}

/** Standard output, standard error and, where both ends are people, questions. */
export class Terminal {
  readonly out: Output;
  readonly err: Output;
  readonly #stdin: NodeJS.ReadStream;

  /** @param end Of standard output. */
  constructor(streams: Streams, env: NodeJS.ProcessEnv, end: OutputEnd) {
    this.out = new Output(streams.stdout, env, end);
    // There is nobody to be told that nobody can be told.
    this.err = new Output(streams.stderr, env, { closed: () => {}, failed: () => {} });
    this.#stdin = streams.stdin;
  }

  /** Whether somebody is there to be asked. */
  get canAsk(): boolean {
    return isTerminal(this.#stdin) && this.err.isTerminal;
  }

  /** Asks on standard error; anything but y or yes is no. */
  async confirm(question: string, signal: AbortSignal): Promise<boolean> {
    await this.out.flush();
    await this.err.flush();
    const lines = createInterface({ input: this.#stdin, output: process.stderr });
    // The interface takes Ctrl-C from the terminal before the process sees a signal.
    lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    // Ctrl-D closes it, and says so in a different way on each runtime.
    const closed = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    try {
      const asked = lines.question(`${question} [y/N] `, { signal }).catch(() => "");
      const answer = await Promise.race([asked, closed]);
      signal.throwIfAborted();
      return /^y(?:es)?$/i.test(answer.trim());
    } finally {
      lines.close();
    }
  }

  /** A bar on standard error, if that is a terminal; else nothing is shown. */
  progress(what: string): Progress {
    return new Progress(this.err, what);
  }

  /** Something to know beside the result, on standard error. */
  note(text: string): void {
    this.err.line(text);
    this.err.release();
  }

  warn(text: string): void {
    this.note(`${this.err.style("yellow", "warning:")} ${text}`);
  }
}

/** The three standard streams of a process. */
export interface Streams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** The types say true or false; it is undefined where the stream is none. */
function isTerminal({ isTTY }: { readonly isTTY?: boolean | undefined }): boolean {
  return isTTY ?? false;
}

export function wantsColour(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false;
  return isTerminal && env["TERM"] !== "dumb";
}
