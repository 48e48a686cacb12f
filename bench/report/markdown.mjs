/** docs/benchmarks.md, from a run. */
import { caveats, peers } from "../peers.mjs";
import { headLines, caseCells } from "./table.mjs";
import { verdicts } from "./goals.mjs";

const escape = (cell) => cell.replaceAll("|", "\\|");

/** As oxfmt would have it: cells padded to the widest of their column. */
export function markdownTable(head, cells, rightFrom = head.length) {
  const lines = [head, ...cells].map((line) => line.map(escape));
  const widths = head.map((_, n) => Math.max(3, ...lines.map((line) => line[n].length)));
  const shown = (line) =>
    `| ${line.map((cell, n) => (n >= rightFrom ? cell.padStart(widths[n]) : cell.padEnd(widths[n]))).join(" | ")} |`;
  const rule = `| ${widths.map((width, n) => (n >= rightFrom ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`;
  return [shown(lines[0]), rule, ...lines.slice(1).map(shown)].join("\n");
}

function goalSection(result) {
  const cells = verdicts(result).map(({ work, goal, compared, kind, reached, verdict }) => [
    work,
    goal,
    `${compared}${kind === "cost" ? " (cost)" : ""}`,
    reached,
    verdict === "NOT MET" ? "**not met**" : verdict,
  ]);
  return markdownTable(["work", "goal", "compared", "reached", "verdict"], cells);
}

function caseSection(each) {
  const { head, cells } = caseCells(each);
  return `### ${each.title}\n\n${markdownTable([each.name, ...head.slice(1)], cells, 1)}`;
}

function versions({ present }) {
  return Object.values(present)
    .map(({ title, version }) => `${title} ${version}`)
    .join("; ");
}

export function markdown(result) {
  const facts = peers.map(({ subject, commit, append, more }) => [subject, commit, append, more]);
  return `# Benchmarks

Made by \`npm run bench:docs\` from a run of \`npm run bench\`; not written by hand.

${headLines(result)
  .map((line) => `- ${line}`)
  .join("\n")}
- ${versions(result)}
${result.floor.compiler === null ? "" : `- native floor: ${result.floor.compiler}, \`-O2\`\n`}
Each subject has a process of its own at each case, warms up there, and takes turns with the others round by round. Figures
of another machine will differ; the ratios less so.

## Goals

${goalSection(result)}

## What is compared

${markdownTable(["subject", "durable commit", "append, not flushed", "offers besides"], facts)}

That those who are said to flush do flush was seen once with \`strace -f -c -e trace=fsync,fdatasync\`: as many flushes as
commits with one caller.

${caveats.map((line) => `- ${line}`).join("\n")}

## Figures

${result.cases.map(caseSection).join("\n\n")}

## To run it

\`\`\`sh
npm run bench:install   # once: the peers, into bench/node_modules; better-sqlite3 may need a compiler
npm run bench -- --quick
npm run bench
\`\`\`

\`--only commit,replay\` picks cases, \`--rounds 7\` asks for more rounds, \`--dir\` says on which disk. It writes
\`bench/out/benchmarks.json\`, and \`benchmarks.html\` with charts.
`;
}
