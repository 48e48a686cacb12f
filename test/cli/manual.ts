/** The manual page and docs/cli.md, made of the commands' data. write-documents.ts writes them; a test holds them to it. */
import type { Command } from "#internal/cli/command.js";
import { entries } from "#internal/cli/commands.js";
import { exitCodes } from "#internal/cli/exit-code.js";
import { helpOf, optionMeaning, optionsOf, optionText, usageOf } from "#internal/cli/help.js";

/** By path. */
export async function documents(): Promise<ReadonlyMap<string, string>> {
  const commands = await Promise.all(entries.map((entry) => entry.load()));
  return new Map([
    ["docs/cli.md", referencePage(commands)],
    ["man/wal-db.1", manualPage(commands)],
  ]);
}

/** roff, for `man`. */
export function manualPage(commands: readonly Command[]): string {
  return [
    ".TH WAL-DB 1",
    ".SH NAME",
    "wal\\-db \\- look into a write\\-ahead log, and mend it",
    ".SH SYNOPSIS",
    ".B wal\\-db",
    "\\fICOMMAND\\fR [\\fIoptions\\fR] ...",
    ".SH DESCRIPTION",
    ...introduction.flatMap((paragraph) => [".PP", roff(paragraph)]),
    ".SH COMMANDS",
    ...commands.flatMap(commandSection),
    ".SH EXIT STATUS",
    ...exitCodes.flatMap(({ code, meaning }) => [".TP", `.B ${code}`, roff(meaning)]),
    ".SH ENVIRONMENT",
    ...environment.flatMap(([name, meaning]) => [".TP", `.B ${name}`, roff(meaning)]),
    "",
  ].join("\n");
}

function commandSection(command: Command): string[] {
  return [
    `.SS ${roff(usageOf(command))}`,
    roff(command.summary),
    ...command.description.flatMap((paragraph) => [".PP", roff(paragraph)]),
    ...Object.entries(optionsOf(command)).flatMap(([name, option]) => [
      ".TP",
      `.B ${roff(optionText(name, option))}`,
      roff(optionMeaning(option)),
    ]),
    ...command.examples.flatMap(({ line, does }) => [
      ".PP",
      roff(does),
      ".PP",
      ".nf",
      roff(`    ${line}`),
      ".fi",
    ]),
  ];
}

/** A line of roff: a backslash, a dash, and a dot or quote at its beginning mean something there. */
function roff(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Markdown: the help of each command as it stands. */
export function referencePage(commands: readonly Command[]): string {
  return [
    "# The command line",
    "",
    "<!-- Made from the help of the commands by `npm run docs:cli`. Change it there. -->",
    "",
    ...introduction.flatMap((paragraph) => [paragraph, ""]),
    "## Exit codes",
    "",
    ...exitCodes.map(({ code, meaning }) => `- **${code}**: ${meaning}`),
    "",
    "## Environment",
    "",
    ...environment.map(([name, meaning]) => `- \`${name}\`: ${meaning}`),
    ...commands.flatMap((command) => [
      "",
      `## ${command.name}`,
      "",
      "```text",
      helpOf(command).trimEnd(),
      "```",
    ]),
    "",
  ].join("\n");
}

const introduction: readonly string[] = [
  "wal-db looks into a log without a line of code, on a live system, without risk. A command changes nothing unless its name says so: append, truncate, repair, convert, import and quarantine restore do. All others open the log without its lock, repair nothing, and read beside a live writer.",
  "LOG is a file, or the directory of a segmented log. The segment size is found out from the files; where there is only one, give it.",
  "With --json the answer is JSON, one value to the line; without it, it is text for people. The records of dump and tail are JSON in a pipe, too; --table is for people there. LSNs and lengths are numbers, bytes are base64. What comes from a log is never sent to a terminal as it is: control characters are escaped.",
  "Warnings, progress and questions go to standard error; progress and questions only where it is a terminal.",
];

const environment: readonly (readonly [string, string])[] = [
  ["NO_COLOR", "If set and not empty, no colour."],
  ["FORCE_COLOR", "Colour also where there is no terminal; 0 or false: none. Counts more than NO_COLOR."],
  ["WAL_DB_DEBUG", "1: where a failure came from is shown beside what it says."],
];
