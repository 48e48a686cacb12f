/** The table of records: one screenful at a time, filtered, each row with its bytes to be unfolded. */
import type { PageData } from "../src/cli/report/page-data.ts";
import { byId, figure, make } from "./elements.ts";
import { matching, numberOf, type RecordFilter } from "./record-filter.ts";
import { decodeBase64, hexDump, shownText } from "./shown-bytes.ts";

const rowsPerPage = 50;
const columns = 4;

export class RecordsTable {
  readonly #data: PageData;
  readonly #form = byId("filter", HTMLFormElement);
  readonly #body = byId("records-body", HTMLTableSectionElement);
  readonly #count = byId("filter-count", HTMLElement);
  readonly #place = byId("records-place", HTMLElement);
  readonly #back = byId("records-back", HTMLButtonElement);
  readonly #on = byId("records-on", HTMLButtonElement);
  #found: readonly number[] = [];
  #first = 0;
  #waiting: ReturnType<typeof setTimeout> | undefined;

  /** Puts the table into the page, and lives as long as its form. */
  static begin(data: PageData): void {
    new RecordsTable(data).#listen();
  }

  private constructor(data: PageData) {
    this.#data = data;
  }

  #listen(): void {
    this.#form.addEventListener("input", () => {
      clearTimeout(this.#waiting);
      this.#waiting = setTimeout(() => this.#filter(), 120);
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#filter();
    });
    // The fields are empty only after the event.
    this.#form.addEventListener("reset", () => setTimeout(() => this.#filter()));
    this.#back.addEventListener("click", () => this.#turn(-rowsPerPage));
    this.#on.addEventListener("click", () => this.#turn(rowsPerPage));
    this.#filter();
  }

  #asked(): RecordFilter {
    const text = (name: string): string => {
      const field = this.#form.elements.namedItem(name);
      return field instanceof HTMLInputElement ? field.value : "";
    };
    return {
      contains: text("contains"),
      lsnFrom: numberOf(text("lsn-from")),
      lsnTo: numberOf(text("lsn-to")),
      lengthFrom: numberOf(text("length-from")),
      lengthTo: numberOf(text("length-to")),
      nearDamageOnly: byId("near-damage", HTMLInputElement).checked,
    };
  }

  #filter(): void {
    clearTimeout(this.#waiting);
    const { records } = this.#data;
    this.#found = matching(records, this.#asked());
    this.#first = 0;
    const all = figure(records.lsn.length);
    this.#count.textContent =
      this.#found.length === records.lsn.length
        ? `All ${all} records of this page.`
        : `${figure(this.#found.length)} of the ${all} records of this page match.`;
    this.#show();
  }

  #turn(by: number): void {
    this.#first = Math.max(0, Math.min(this.#found.length - 1, this.#first + by));
    this.#show();
    byId("records-scroll", HTMLElement).scrollTop = 0;
  }

  #show(): void {
    const rows = this.#found.slice(this.#first, this.#first + rowsPerPage);
    this.#body.replaceChildren(...(rows.length === 0 ? [emptyRow()] : rows.map((index) => this.#row(index))));
    const last = this.#first + rows.length;
    this.#place.textContent =
      rows.length === 0 ? "" : `${figure(this.#first + 1)}–${figure(last)} of ${figure(this.#found.length)}`;
    this.#back.disabled = this.#first === 0;
    this.#on.disabled = last >= this.#found.length;
  }

  #row(index: number): HTMLElement {
    const { records, startBytes } = this.#data;
    const bytes = decodeBase64(records.start[index] ?? "");
    const length = records.length[index] ?? 0;
    const near = records.nearDamage[index] === 1;
    const lsn = figure(records.lsn[index] ?? 0);
    const button = make("button", "unfold", lsn) as HTMLButtonElement;
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", `LSN ${lsn}: show the bytes`);
    const head = make("th", "number", button);
    head.setAttribute("scope", "row");
    const content = make("td", "content", shownText(bytes) + (length > startBytes ? "…" : ""));
    content.dir = "ltr";
    const row = make(
      "tr",
      near ? "near" : "",
      make("td", "number faint", figure(records.number[index] ?? 0)),
      head,
      make("td", "number", figure(length)),
      content,
    );
    button.addEventListener("click", () => unfold(row, button, bytes, length));
    return row;
  }
}

function unfold(row: HTMLElement, button: HTMLButtonElement, bytes: Uint8Array, length: number): void {
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  if (isOpen) {
    row.nextElementSibling?.remove();
    return;
  }
  const rest = length - bytes.length;
  const dump = length === 0 ? "An empty record." : hexDump(bytes);
  const cell = document.createElement("td");
  cell.colSpan = columns;
  cell.append(make("pre", "hex", rest > 0 ? `${dump}\n      and ${figure(rest)} more bytes` : dump));
  row.after(make("tr", "bytes", cell));
}

function emptyRow(): HTMLElement {
  const cell = make(
    "td",
    "nothing",
    "No record of this page matches. The reset button shows all again.",
  ) as HTMLTableCellElement;
  cell.colSpan = columns;
  return make("tr", "", cell);
}
