/** Reads the command line of a command by its data: node:util's parseArgs, and what each value must say. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import {
  type Command,
  commonOptions,
  type Invocation,
  type Option,
  type Options,
  type Values,
} from "./command.ts";
import { usageError } from "./failure.ts";
import { nearest } from "./nearest.ts";
import { bytesFrom } from "./quantity.ts";

type Parsed = string | boolean | number | undefined;

/** Null: its help was asked for. */
export function readCommandLine(command: Command, words: readonly string[]): Invocation<Options> | null {
  const options: Options = { ...command.options, ...commonOptions };
  const { values, positionals } = parsed(command, options, words);
  if (values["help"] === true) return null;
  checkArguments(command, positionals);
  const given: Record<string, Parsed> = {};
  for (const [name, option] of Object.entries(options)) given[name] = valueOf(name, option, values[name]);
  return { arguments: positionals, options: given as Values<Options> };
}

function parsed(
  command: Command,
  options: Options,
  words: readonly string[],
): { readonly values: Readonly<Record<string, unknown>>; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...words], options: parseArgsOptions(options), allowPositionals: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw usageError(`${command.name}: ${message.split(/\n|\. To specify/)[0]}`, slipHint(command, message));
  }
}

function slipHint(command: Command, message: string): string {
  const given = /Unknown option '(-[^']*)'/.exec(message)?.[1];
  const names = Object.keys({ ...command.options, ...commonOptions });
  const meant = given?.startsWith("--") === true ? nearest(given.slice(2), names) : null;
  if (meant !== null) return `Did you mean --${meant}?`;
  if (given?.startsWith("--") === true) return helpHint(command);
  return `${helpHint(command)} A name that begins with a dash: ./-name.`;
}

export function parseArgsOptions(options: Options): NonNullable<ParseArgsConfig["options"]> {
  const config: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, { kind, short }] of Object.entries(options)) {
    const type = kind === "flag" ? "boolean" : "string";
    config[name] = short === undefined ? { type } : { type, short };
  }
  return config;
}

function checkArguments(command: Command, given: readonly string[]): void {
  const needed = command.arguments.filter((each) => each.optional !== true);
  const missing = needed[given.length];
  if (given.length < needed.length && missing !== undefined) {
    throw usageError(`${command.name}: ${missing.name} is missing.`, helpHint(command));
  }
  const extra = given[command.arguments.length];
  if (extra !== undefined)
    throw usageError(`${command.name}: "${extra}" is one too many.`, helpHint(command));
  for (const [index, { name, choices }] of command.arguments.entries()) {
    const value = given[index];
    if (choices === undefined || value === undefined || choices.includes(value)) continue;
    throw usageError(`${command.name}: ${name} is one of ${choices.join(", ")}; got "${value}".`);
  }
}

function valueOf(name: string, option: Option, given: unknown): Parsed {
  if (option.kind === "flag") return given === true;
  if (typeof given !== "string") return option.fallback;
  switch (option.kind) {
    case "lsn":
      return wholeNumber(name, given, "an LSN, a whole number of bytes from 0 on");
    case "count":
      return wholeNumber(name, given, "a whole number from 0 on");
    case "bytes":
      return bytesOf(name, given);
    case "choice":
      return choiceOf(name, given, option.choices ?? []);
    default:
      return given;
  }
}

function wholeNumber(name: string, text: string, what: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value)) return value;
  throw usageError(`--${name} is ${what}; got "${text}".`);
}

function bytesOf(name: string, text: string): number {
  const bytes = bytesFrom(text);
  if (bytes !== null && bytes > 0) return bytes;
  throw usageError(`--${name} is a size such as 4096, 64k or 16MiB; got "${text}".`);
}

function choiceOf(name: string, text: string, choices: readonly string[]): string {
  if (choices.includes(text)) return text;
  throw usageError(`--${name} is one of ${choices.join(", ")}; got "${text}".`);
}

export function helpHint(command: Command): string {
  return `See wal-db ${command.name} --help.`;
}
