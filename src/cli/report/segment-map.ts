/**
 * The map: one strip from the first byte that is there to the last, as an SVG that needs no script and no style
 * attribute; below it a cell for each segment. All it shows stands in words beside it.
 *
 *     head                                mark          end
 *      |                                   |             |
 *   ///|===================================|-------------|......   files, to scale
 *              !            !!                   ^                 damage, quarantine
 */
import { bytesText, counted, countText } from "../quantity.ts";
import type { Damage } from "../walk.ts";
import { html, type Html } from "./html.ts";
import type { ReportedLog, ReportedSegment } from "./reported-log.ts";

const cellsMax = 480;
const ticksMax = 240;

interface Scale {
  readonly from: number;
  readonly to: number;
}

function scaleOf({ segments, head, length, end, mark }: ReportedLog): Scale {
  const from = Math.min(head, segments[0]?.start ?? head);
  return { from, to: Math.max(length, end, mark ?? 0, from + 1) };
}

function place({ from, to }: Scale, offset: number): string {
  return `${Math.min(100, Math.max(0, (100 * (offset - from)) / (to - from))).toFixed(3)}%`;
}

function strip(scale: Scale, from: number, to: number, className: string, title: string): Html | null {
  if (to <= from) return null;
  const width = `${((100 * (Math.min(to, scale.to) - from)) / (scale.to - scale.from)).toFixed(3)}%`;
  return html`<rect x="${place(scale, from)}" y="40" width="${width}" height="26" class="${className}"
    ><title>${title}</title></rect
  >`;
}

function isLeftHalf({ from, to }: Scale, offset: number): boolean {
  return (offset - from) / (to - from) < 0.5;
}

/** A name over the strip, on the side of its line where there is room for it. Row 0 is the one right above. */
function flag(scale: Scale, offset: number, name: string, row: number): Html {
  const isLeft = isLeftHalf(scale, offset);
  const x = place(scale, offset);
  const top = 20 - row * 16;
  return html`<line x1="${x}" x2="${x}" y1="${top}" y2="66" class="flag" /><text
      x="${x}"
      dx="${isLeft ? 5 : -5}"
      y="${top + 10}"
      class="flag-name ${isLeft ? "" : "to-left"}"
      >${name} <tspan class="faint">${countText(offset)}</tspan></text
    >`;
}

/** Head, mark and end never write over each other: the head's name goes to the right, the end's to the left if it can. */
function flags(
  scale: Scale,
  { head, mark, end }: ReportedLog,
): { readonly rows: number; readonly drawn: Html } {
  const sharesRow = !isLeftHalf(scale, end);
  const rows = (mark === null ? 0 : 1) + (sharesRow ? 1 : 2);
  const marked = mark === null ? null : flag(scale, mark, "mark", 0);
  const drawn = html`${flag(scale, head, "head", rows - 1)}${flag(scale, end, "end", sharesRow ? rows - 1 : rows - 2)}${marked}`;
  return { rows, drawn };
}

function scaleMarks(scale: Scale): Html {
  const parts = 4;
  const marks = Array.from({ length: parts + 1 }, (_, index) => {
    const offset = scale.from + ((scale.to - scale.from) * index) / parts;
    const side = index === 0 ? "" : index === parts ? "to-left" : "to-middle";
    return html`<text x="${place(scale, offset)}" y="104" class="scale ${side}"
      >${bytesText(Math.round(offset))}</text
    >`;
  });
  return html`${marks}`;
}

function segmentTicks(scale: Scale, segments: readonly ReportedSegment[]): Html | null {
  if (segments.length < 2 || segments.length > ticksMax) return null;
  const lines = segments.slice(1).map(({ start }) => {
    const x = place(scale, start);
    return html`<line x1="${x}" x2="${x}" y1="40" y2="66" class="border" />`;
  });
  return html`${lines}`;
}

/** In words: for those who do not see the picture, and for whoever hovers over it. */
export function mapInWords(log: ReportedLog, damageCount: number): string {
  const marked = log.mark === null ? "there is no mark" : `the mark is at ${countText(log.mark)}`;
  return (
    `${counted(log.segments.length, log.kind === "file" ? "file" : "segment")}; the head is at ${countText(log.head)}, ` +
    `${marked}, the end is at ${countText(log.end)}, the files end at ${countText(log.length)}; ` +
    `${counted(damageCount, "damage")}, ${counted(log.quarantines.length, "quarantine")}.`
  );
}

export function segmentMap(log: ReportedLog, damages: readonly Damage[], damageCount: number): Html {
  const scale = scaleOf(log);
  const { head, end, length } = log;
  const mark = Math.min(log.mark ?? head, end);
  const lost = log.mark !== null && log.mark > end ? log.mark : end;
  const { rows, drawn } = flags(scale, log);
  // All is placed for two rows of names.
  const shift = (rows - 2) * 16;
  return html`<svg
    class="map"
    width="100%"
    height="${112 + shift}"
    role="img"
    aria-label="${mapInWords(log, damageCount)}"
  >
    <defs>
      <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <line x1="0" x2="0" y1="0" y2="6" class="hatch" />
      </pattern>
    </defs>
    <g transform="translate(0 ${shift})">
      <rect x="0" y="40" width="100%" height="26" class="ground" />
      ${strip(scale, scale.from, head, "dropped", `Dropped: before the head, ${bytesText(head - scale.from)}`)}
      ${strip(scale, head, mark, "flushed", `Below the mark: ${bytesText(mark - head)} known to be on stable storage`)}
      ${strip(scale, mark, end, "unmarked", `Past the mark: ${bytesText(end - mark)}`)}
      ${strip(scale, end, lost, "lost", `Lost: the mark says that ${bytesText(lost - end)} more were here`)}
      ${strip(scale, Math.max(end, lost), length, "past", `Past the end: ${bytesText(length - end)}, no part of the log`)}
      ${segmentTicks(scale, log.segments)}
      ${damages.map((damage) => {
        const x = place(scale, damage.lsn);
        const title = `Damage at ${countText(damage.lsn)}: ${damage.reason}, ${bytesText(damage.length)}`;
        return html`${strip(scale, damage.lsn, damage.lsn + damage.length, "damage", title)}<line
            x1="${x}"
            x2="${x}"
            y1="38"
            y2="74"
            class="damage-line"
            ><title>${title}</title></line
          >`;
      })}
      ${log.quarantines.map(({ name, lsn, bytes }) => {
        const x = place(scale, lsn);
        return html`<svg x="${x}" y="70" overflow="visible">
          <path d="M0 0l6 10h-12z" class="quarantine">
            <title>${name}: ${bytesText(bytes)} saved from ${countText(lsn)}</title>
          </path>
        </svg>`;
      })}
      ${drawn} ${scaleMarks(scale)}
    </g>
  </svg>`;
}

/** What a segment is, of which only one thing can be said: the worst. */
export function segmentState(
  log: ReportedLog,
  segment: Pick<ReportedSegment, "start" | "end">,
  damages: readonly Damage[],
): "damaged" | "dropped" | "flushed" | "unmarked" {
  const { start, end } = segment;
  const isDamaged = damages.some(({ lsn, length }) => lsn < end && lsn + Math.max(1, length) > start);
  if (isDamaged) return "damaged";
  if (end <= log.head && start < log.head) return "dropped";
  return log.mark !== null && end <= log.mark ? "flushed" : "unmarked";
}

/** Up to `cellsMax` cells; of a log of more segments, several to a cell. */
export function segmentCells(log: ReportedLog, damages: readonly Damage[]): Html | null {
  const { segments } = log;
  if (segments.length < 2) return null;
  const perCell = Math.ceil(segments.length / cellsMax);
  const cells: Html[] = [];
  for (let index = 0; index < segments.length; index += perCell) {
    const first = segments[index];
    const last = segments[Math.min(segments.length, index + perCell) - 1];
    if (first === undefined || last === undefined) break;
    const state = segmentState(log, { start: first.start, end: last.end }, damages);
    const names = first === last ? first.name : `${first.name} to ${last.name}`;
    cells.push(
      html`<i class="${state}" title="${names}: ${countText(first.start)} to ${countText(last.end)}"></i>`,
    );
  }
  const each = perCell === 1 ? "One cell for each segment." : `One cell for ${counted(perCell, "segment")}.`;
  return html`<div class="cells" aria-hidden="true">${cells}</div>
    <p class="note">${each} The table below says the same.</p>`;
}
