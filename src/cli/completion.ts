/**
 * Scripts that complete command lines, made of the commands' data. Names of commands, options and what an
 * option or argument can be; everything else is completed as the name of a file.
 */
import type { Argument, Command, Option } from "./command.ts";
import { optionsOf } from "./help.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

export function completionFor(shell: Shell, commands: readonly Command[]): string {
  if (shell === "bash") return bash(commands);
  return shell === "zsh" ? zsh(commands) : fish(commands);
}

function optionsWith(command: Command): [string, Option][] {
  return Object.entries(optionsOf(command));
}

function words({ short, name }: { readonly short: string | undefined; readonly name: string }): string[] {
  return short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`];
}

/* ---- bash ---- */

function bash(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  return [
    '# bash completion of wal-db. To have it: eval "$(wal-db completion bash)" in ~/.bashrc',
    "_wal_db() {",
    '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
    "  COMPREPLY=()",
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W "${names} help --help --version" -- "$word"))`,
    "    return",
    "  fi",
    '  case "${COMP_WORDS[1]}" in',
    ...commands.flatMap(bashCase),
    `    help) COMPREPLY=($(compgen -W "${names}" -- "$word")) ;;`,
    "  esac",
    "}",
    "complete -o default -F _wal_db wal-db",
    "",
  ].join("\n");
}

function bashCase(command: Command): string[] {
  const options = optionsWith(command);
  const choices = options
    .filter(([, { choices }]) => choices !== undefined)
    .map(([name, option]) => {
      const pattern = words({ name, short: option.short }).join("|");
      return `        ${pattern}) COMPREPLY=($(compgen -W "${(option.choices ?? []).join(" ")}" -- "$word")); return ;;`;
    });
  const valued = options
    .filter(([, { kind, choices }]) => kind !== "flag" && kind !== "path" && choices === undefined)
    .flatMap(([name, { short }]) => words({ name, short }));
  const all = options.flatMap(([name, { short }]) => words({ name, short })).join(" ");
  const [first] = command.arguments;
  return [
    `    ${command.name})`,
    '      case "$before" in',
    ...choices,
    // What is typed there is a number or a text: no file.
    ...(valued.length === 0 ? [] : [`        ${valued.join("|")}) compopt +o default; return ;;`]),
    "      esac",
    '      case "$word" in',
    `        -*) COMPREPLY=($(compgen -W "${all}" -- "$word")) ;;`,
    ...(first?.choices === undefined
      ? []
      : [
          `        *) [ "$COMP_CWORD" -eq 2 ] && COMPREPLY=($(compgen -W "${first.choices.join(" ")}" -- "$word")) ;;`,
        ]),
    "      esac",
    "      ;;",
  ];
}

/* ---- zsh ---- */

function zsh(commands: readonly Command[]): string {
  return [
    "#compdef wal-db",
    '# zsh completion of wal-db. To have it: wal-db completion zsh > "${fpath[1]}/_wal-db"',
    "_wal_db() {",
    "  local -a commands",
    "  commands=(",
    ...commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`),
    "  )",
    "  if (( CURRENT == 2 )); then",
    "    _describe command commands",
    "    return",
    "  fi",
    "  local command=${words[2]}",
    "  shift words",
    "  (( CURRENT-- ))",
    "  case $command in",
    ...commands.flatMap((command) => [
      `    ${command.name})`,
      "      _arguments \\",
      [...optionsWith(command).flatMap(([name, option]) => zshOption(name, option)), ...zshArguments(command)]
        .map((spec) => `        ${quoted(spec)}`)
        .join(" \\\n"),
      "      ;;",
    ]),
    "  esac",
    "}",
    'if [ "$funcstack[1]" = "_wal_db" ] || [ "$funcstack[1]" = "_wal-db" ]; then _wal_db "$@"; else compdef _wal_db wal-db; fi',
    "",
  ].join("\n");
}

function zshOption(name: string, option: Option): string[] {
  const { kind, choices, short, summary } = option;
  const meaning = `[${summary.replaceAll("[", "(").replaceAll("]", ")").replaceAll(":", "\\:")}]`;
  const message = (option.value ?? "value").toLowerCase();
  const value =
    kind === "flag"
      ? ""
      : choices !== undefined
        ? `:${message}:(${choices.join(" ")})`
        : kind === "path"
          ? `:${message}:_files`
          : `:${message}: `;
  return words({ name, short }).map((word) => `${word}${meaning}${value}`);
}

function zshArguments(command: Command): string[] {
  return command.arguments.map(({ name, choices, optional }: Argument, index) => {
    const colon = optional === true ? "::" : ":";
    return `${index + 1}${colon}${name.toLowerCase()}:${choices === undefined ? "_files" : `(${choices.join(" ")})`}`;
  });
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/* ---- fish ---- */

function fish(commands: readonly Command[]): string {
  return [
    "# fish completion of wal-db. To have it: wal-db completion fish > ~/.config/fish/completions/wal-db.fish",
    ...commands.map(
      ({ name, summary }) =>
        `complete -c wal-db -f -n __fish_use_subcommand -a ${name} -d ${fishQuoted(summary)}`,
    ),
    ...commands.flatMap(fishCommand),
    "",
  ].join("\n");
}

function fishCommand(command: Command): string[] {
  const when = `-n '__fish_seen_subcommand_from ${command.name}'`;
  const options = optionsWith(command).map(([name, { short, kind, choices, summary }]) => {
    const letter = short === undefined ? "" : ` -s ${short}`;
    const value =
      kind === "flag"
        ? ""
        : choices !== undefined
          ? ` -x -a ${fishQuoted(choices.join(" "))}`
          : kind === "path"
            ? " -r -F"
            : " -x";
    return `complete -c wal-db ${when} -l ${name}${letter}${value} -d ${fishQuoted(summary)}`;
  });
  const [first] = command.arguments;
  if (first?.choices === undefined) return options;
  return [...options, `complete -c wal-db ${when} -f -a ${fishQuoted(first.choices.join(" "))}`];
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
