/** What the writer tells of itself on its standard output, one JSON object a line. */
export interface WriterReport {
  /** So many lines of the file are acknowledged: `appendAndSync` has resolved for the last of them. */
  readonly acknowledged: number;
  /** Since this process opened the log. */
  readonly commits: number;
  readonly flushes: number;
  /** From the first append on. */
  readonly milliseconds: number;
}

/** Takes the output in chunks as they come and calls `on` for every whole line. */
export function reportReader(on: (report: WriterReport) => void): (chunk: string) => void {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk).split("\n");
    // A process that is killed may leave half a line: it has told nothing then.
    rest = lines.pop() ?? "";
    for (const line of lines) on(JSON.parse(line));
  };
}
