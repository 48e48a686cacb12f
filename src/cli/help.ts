/** The help of a command, and of all, as text: made of the commands' data. */
import { type Command, commonOptions, type Option, type Options } from "./command.ts";
import type { Entry } from "./commands.ts";
import { exitCode, exitCodes } from "./exit-code.ts";
import { bytesText } from "./quantity.ts";

const columns = 80;
const indent = "  ";

/** The exit codes of any command. */
const alwaysExits: readonly (keyof typeof exitCode)[] = ["done", "usage", "missing", "system", "permission"];

export function usageOf(command: Command): string {
  const names = command.arguments.map(({ name, optional }) => (optional === true ? `[${name}]` : name));
  return ["wal-db", command.name, "[options]", ...names].join(" ");
}

/** All the options, those of every command last. */
export function optionsOf(command: Command): Options {
  return { ...command.options, ...commonOptions };
}

/** `-n, --limit N`. */
export function optionText(name: string, { short, kind, value, choices }: Option): string {
  const letter = short === undefined ? "" : `-${short}, `;
  if (kind === "flag") return `${letter}--${name}`;
  return `${letter}--${name} ${value ?? choices?.join("|") ?? "TEXT"}`;
}

/** Its summary, and what holds without it. */
export function optionMeaning({ summary, fallback, kind }: Option): string {
  if (fallback === undefined) return summary;
  const shown = kind === "bytes" && typeof fallback === "number" ? bytesText(fallback) : String(fallback);
  return `${summary} Default: ${shown}.`;
}

/** The exit codes of a command, low to high. */
export function exitsOf(command: Command): readonly { readonly code: number; readonly meaning: string }[] {
  const codes = new Set([...alwaysExits, ...(command.exits ?? [])].map((name) => exitCode[name]));
  return exitCodes.filter(({ code }) => (codes as Set<number>).has(code));
}

export function helpOf(command: Command): string {
  const sections = [
    command.summary,
    `Usage: ${usageOf(command)}`,
    ...command.description.map((paragraph) => wrapped(paragraph, columns).join("\n")),
    section(
      "Arguments",
      command.arguments.map(({ name, summary }) => [name, summary]),
    ),
    section(
      "Options",
      Object.entries(optionsOf(command)).map(([name, option]) => [
        optionText(name, option),
        optionMeaning(option),
      ]),
    ),
    examplesOf(command),
    section(
      "Exit codes",
      exitsOf(command).map(({ code, meaning }) => [String(code), meaning]),
    ),
  ];
  return `${sections.filter((text) => text !== "").join("\n\n")}\n`;
}

export function overview(entries: readonly Entry[]): string {
  return (
    [
      "Look into a write-ahead log, and mend it.",
      "Usage: wal-db COMMAND [options] ...",
      section(
        "Commands",
        entries.map(({ name, summary }) => [name, summary]),
      ),
      section("Options", [
        ["-h, --help", "Show this help; after a command, that of the command."],
        ["-V, --version", "Show the version."],
      ]),
      "A command changes nothing unless its name says so, and reads beside a live writer.\nMore of each: wal-db COMMAND --help",
      "",
    ]
      .join("\n\n")
      .trimEnd() + "\n"
  );
}

function examplesOf({ examples }: Command): string {
  const lines = examples.flatMap(({ line, does }) => [`${indent}# ${does}`, `${indent}${line}`]);
  return lines.length === 0 ? "" : ["Examples:", ...lines].join("\n");
}

type Row = readonly [string, string];

function section(title: string, rows: readonly Row[]): string {
  if (rows.length === 0) return "";
  const left = Math.min(26, Math.max(...rows.map(([term]) => term.length)));
  return [`${title}:`, ...rows.flatMap(([term, meaning]) => rowLines(term, meaning, left))].join("\n");
}

function rowLines(term: string, meaning: string, left: number): string[] {
  const gap = indent.length + left + 2;
  const [first = "", ...rest] = wrapped(meaning, columns - gap);
  const further = rest.map((line) => " ".repeat(gap) + line);
  if (term.length > left) return [indent + term, " ".repeat(gap) + first, ...further];
  return [`${indent}${term.padEnd(left)}  ${first}`, ...further];
}

export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
