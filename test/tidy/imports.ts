import { posix } from "node:path";
import type { Texts } from "../support/source-files.js";

export interface Import {
  /** The importing file. */
  readonly from: string;
  /** A file of this package, or what stands in the import where it leads elsewhere (`node:fs`). */
  readonly to: string;
}

const statement = /^(?:import|export)\b[^;"]*?\bfrom\s*"([^"]+)";?$|^import\s*"([^"]+)";?$/gm;
const dynamic = /\bimport\(\s*["'`]([^"'`]+)["'`]\s*\)/g;

/** Every import, re-export and dynamic import of these sources, types included. */
export function importsOf(sources: Texts): Import[] {
  const imports: Import[] = [];
  for (const [from, text] of sources) {
    const code = text.replace(/^\s*\/?\*.*$/gm, "").replace(/^\s*\/\/.*$/gm, "");
    for (const match of [...code.matchAll(statement), ...code.matchAll(dynamic)]) {
      const specifier = (match[1] ?? match[2]) as string;
      const to = specifier.startsWith(".") ? posix.join(posix.dirname(from), specifier) : specifier;
      imports.push({ from, to });
    }
  }
  return imports;
}
