/**
 * What a command is: its name, arguments and options as data, and what it does. From the data are made how
 * its command line is read (command-line.ts), its help (help.ts), docs/cli.md, the manual page and the
 * completions of the shells.
 */
import type { Lsn } from "../index.ts";
import type { exitCode } from "./exit-code.ts";
import type { Streams, Terminal } from "./terminal.ts";

/** What is given for an option: nothing, any text, or text that must say something. */
export type OptionKind = "flag" | "text" | "path" | "lsn" | "count" | "bytes" | "choice";

export interface Option {
  readonly kind: OptionKind;
  /** One line, with a full stop. */
  readonly summary: string;
  /** One letter. */
  readonly short?: string;
  /** What stands for its value in the help: `LSN`. */
  readonly value?: string;
  /** Of a choice: what it may be. */
  readonly choices?: readonly string[];
  /** What it is when it is not given. */
  readonly fallback?: string | number;
}

/** By their long names, without the dashes. */
export type Options = Readonly<Record<string, Option>>;

export interface Argument {
  /** As the help shows it: `LOG`. */
  readonly name: string;
  readonly summary: string;
  /** What a shell completes it with. Default: the names of files. */
  readonly choices?: readonly string[];
  readonly optional?: boolean;
}

export interface Example {
  /** The command line, without the prompt. */
  readonly line: string;
  readonly does: string;
}

/** What an option of this kind becomes. */
type Value<O extends Option> = O["kind"] extends "flag"
  ? boolean
  : O["kind"] extends "lsn"
    ? Given<O, Lsn>
    : O["kind"] extends "count" | "bytes"
      ? Given<O, number>
      : O["choices"] extends readonly (infer C)[]
        ? Given<O, C>
        : Given<O, string>;

type Given<O extends Option, V> = O extends { readonly fallback: string | number } ? V : V | undefined;

export type Values<O extends Options> = { readonly [Name in keyof O]: Value<O[Name]> };

/** A command line, read and checked. */
export interface Invocation<O extends Options> {
  /** As many as the command has, but for optional ones that were left out. */
  readonly arguments: readonly string[];
  readonly options: Values<O>;
}

/** What a command has to work with. */
export interface Context {
  readonly terminal: Terminal;
  readonly stdin: Streams["stdin"];
  readonly env: NodeJS.ProcessEnv;
  /** Aborts at Ctrl-C, and when nobody reads the output any more. What is thrown then is not shown. */
  readonly signal: AbortSignal;
}

export interface CommandSpec<O extends Options> {
  readonly name: string;
  /** One line, with a full stop. */
  readonly summary: string;
  /** Paragraphs; what it changes, what it costs. */
  readonly description: readonly string[];
  readonly arguments: readonly Argument[];
  readonly options: O;
  readonly examples: readonly Example[];
  /** The exit codes it has, beside those that every command has. */
  readonly exits?: readonly (keyof typeof exitCode)[];
  /** Returns the exit code. What it throws is told on standard error (failure.ts). */
  run(context: Context, given: Invocation<O>): Promise<number>;
}

/** A command, whatever its options. */
export interface Command extends CommandSpec<Options> {}

/** Checks that `run` takes what the options say. */
export function command<const O extends Options>(spec: CommandSpec<O>): Command {
  return spec;
}

/** The options of whatever opens a log. */
export const logOptions = {
  "segment-size": {
    kind: "bytes",
    value: "BYTES",
    summary: "Bytes per segment of a log in a directory; else as its files show.",
  },
  "max-record-size": {
    kind: "bytes",
    value: "BYTES",
    summary: "The largest record there can be; a longer one is taken for damage.",
    fallback: 67_108_864,
  },
} as const;

export const jsonOption = {
  json: { kind: "flag", summary: "Answer in JSON, also on a terminal." },
} as const;

/** Of whatever destroys something. */
export const yesOption = {
  yes: { kind: "flag", short: "y", summary: "Do it without asking." },
} as const;

/** The options that every command has. */
export const commonOptions = {
  help: { kind: "flag", short: "h", summary: "Show this help." },
} as const;

export const logArgument: Argument = {
  name: "LOG",
  summary: "The log: a file, or the directory of its segments.",
};
