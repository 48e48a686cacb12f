/**
 * HTML that is escaped because there is no other way to make it: what stands between the literal parts of an
 * `html` template is text, unless it is Html itself.
 */
export class Html {
  readonly text: string;

  /** @internal */
  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlPart = string | number | null | Html | readonly HtmlPart[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Characters that show nothing, or turn the text around them: they would make a page say what is not there. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;

/** Text as it may stand in a page: escaped, what cannot be seen shown as a dot; line ends and tabs stay. */
export function escapeHtml(text: string): string {
  return text
    .replace(unseen, (char) => (char === "\n" || char === "\t" ? char : "·"))
    .replace(/[&<>"']/g, (char) => entities[char] ?? char);
}

function textOf(part: HtmlPart): string {
  if (part === null) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(textOf).join("");
  return escapeHtml(String(part));
}

export function html(literals: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  // A line is indented for whoever reads the template.
  const outdented = literals.map((literal) => literal.replace(/\n\s+/g, "\n"));
  return new Html(
    outdented.reduce((all, literal, index) => all + textOf(parts[index - 1] ?? null) + literal),
  );
}

/** JSON for a script element that is data: nothing in it can end the element, or begin a comment in it. */
export function embeddedJson(value: unknown): Html {
  return new Html(
    JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (char) => {
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
    }),
  );
}

/** A text of this package's own, a script or a style, as it is. */
export function ownText(text: string): Html {
  return new Html(text);
}
