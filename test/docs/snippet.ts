/**
 * Finds the examples that users read: the fenced `ts` blocks of a Markdown file, and the `@example`
 * blocks of the doc comments in a source file.
 *
 * A block is one module, run as it stands. Where it leans on something that its reader has and it
 * does not show, a comment above the fence names the prelude that stands for it:
 *
 *        <!-- prelude: open-log -->
 *
 *        ```ts
 *        wal.append("...");
 *        ```
 *
 * The preludes are in preludes.ts; for a doc comment its symbol names the prelude. A comment behind
 * a `console.log(...);` says what it prints, and the test holds the two together; several values,
 * of a loop, are parted by " / ".
 */

export interface Snippet {
  /** The file, relative to the package. */
  readonly file: string;
  /** Where its first line stands in that file, from 1 on. */
  readonly line: number;
  readonly code: string;
  /** The prelude it asks for, or null. */
  readonly prelude: string | null;
}

const fenceOpen = /^(\s*)```(\S*)\s*(.*)$/;
const preludeComment = /^\s*<!-- prelude: ([\w.-]+) -->\s*$/;

/** The languages that a fence may name; code in any other would not be run. */
const fenceLanguages: readonly string[] = ["ts", "text", "sh"];

export function snippetsOfMarkdown(file: string, markdown: string): Snippet[] {
  const lines = markdown.split("\n");
  const snippets: Snippet[] = [];
  for (let i = 0; i < lines.length; i++) {
    const open = fenceOpen.exec(lines[i] as string);
    if (open === null) continue;
    const [, indent = "", language = "", rest = ""] = open;
    if (!fenceLanguages.includes(language) || rest !== "") {
      throw new Error(
        `${file}:${i + 1}: a fence is one of ${fenceLanguages.join(", ")}, nothing more; got "${language} ${rest}"`,
      );
    }
    const first = i + 1;
    const close = lines.findIndex((line, at) => at >= first && line.trim() === "```");
    if (close < 0) throw new Error(`${file}:${i + 1}: this fence is never closed`);
    if (language === "ts") {
      const code = lines.slice(first, close).map((line) => line.slice(indent.length));
      const above = lines[i - 1]?.trim() === "" ? lines[i - 2] : lines[i - 1];
      const named = preludeComment.exec(above ?? "");
      snippets.push({ file, line: first + 1, code: code.join("\n"), prelude: named?.[1] ?? null });
    }
    i = close;
  }
  return snippets;
}

const declaration =
  /^\s*(?:export\s+)?(?:static\s+|async\s+|readonly\s+|get\s+)*(?:class\s+|function\s+|interface\s+|type\s+|const\s+)?([\w$]+)/;
const classLine = /^export (?:class|interface) (\w+)/;

/** The prelude of each is its symbol: `crc32c`, `Wal`, `Wal.append`. */
export function snippetsOfSource(file: string, source: string): Snippet[] {
  const lines = source.split("\n");
  const snippets: Snippet[] = [];
  let owner: string | null = null;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const opened = classLine.exec(line);
    if (opened !== null) owner = opened[1] as string;
    else if (line === "}") owner = null;
    if (line.trim() !== "* @example") continue;
    const end = lines.findIndex((each, at) => at > i && /^\s*(\*\/|\* @)/.test(each));
    const code = lines.slice(i + 1, end).map((each) => each.replace(/^\s*\* ?/, ""));
    const after = lines.findIndex((each, at) => at >= end && each.trim() === "*/") + 1;
    const name = declaration.exec(lines[after] ?? "")?.[1];
    if (end < 0 || name === undefined) throw new Error(`${file}:${i + 1}: this @example belongs to nothing`);
    const symbol = owner === null ? name : `${owner}.${name}`;
    snippets.push({ file, line: i + 2, code: code.join("\n"), prelude: symbol });
  }
  return snippets;
}

/** What the comments behind `console.log` say will be printed; null where one has no such comment. */
export function statedOutput(code: string): string[] | null {
  const stated: string[] = [];
  for (const line of code.split("\n")) {
    if (!line.includes("console.log(")) continue;
    const comment = /console\.log\(.*\);\s*\/\/ (.+)$/.exec(line)?.[1];
    if (comment === undefined) return null;
    stated.push(...comment.split(" / "));
  }
  return stated;
}
