/** The damages, each with the bytes around it. */
import { bytesText, countText } from "../quantity.ts";
import { hexRows, type HexRow } from "./hex-rows.ts";
import type { Damage } from "../walk.ts";
import { html, type Html, type HtmlPart } from "./html.ts";
import type { Report } from "./report.ts";
import type { DamageKind } from "./reported-log.ts";

/** Bytes shown before the place where the damage begins, and from there on. */
export const bytesBefore = 48;
export const bytesFrom = 144;

export interface ShownDamage extends Damage {
  /** The file that holds the place, and the place in it. */
  readonly file: string;
  readonly fileOffset: number;
  readonly kind: DamageKind;
  /** The bytes around, from `bytesAt` on; none where they could not be read. */
  readonly bytes: Uint8Array;
  readonly bytesAt: number;
}

const reasons: Readonly<Record<string, string>> = {
  "torn-header": "The bytes end within a record's header.",
  "torn-payload": "The bytes end within a record's payload.",
  "implausible-length": "The header names a length that no record here can have.",
  "checksum-mismatch": "The checksum does not match the bytes.",
};

const meanings: Readonly<Record<DamageKind, Html>> = {
  loss: html`<strong class="bad">Below the mark: acknowledged data is lost.</strong>`,
  torn: html`What a crash leaves; the next open cuts it off.`,
  corrupt: html`No crash alone leaves this. <code>wal-db repair</code> shows what can be done.`,
};

/** Every space counts here: none stands in a template. */
function rowParts({ offset, bytes }: HexRow, digits: number): HtmlPart[] {
  const hex = bytes.map((byte, column): HtmlPart => {
    const gap = column === 8 ? "  " : column === 0 ? "" : " ";
    if (byte === null) return [gap, "  "];
    return [gap, byte.isMarked ? html`<b>${byte.hex}</b>` : byte.hex];
  });
  const chars = bytes.map((byte): HtmlPart => {
    if (byte === null) return " ";
    return byte.isMarked ? html`<b>${byte.char}</b>` : byte.char;
  });
  const place = html`<span class="faint">${String(offset).padStart(digits)}</span>`;
  return [place, "  ", hex, "  ", chars, "\n"];
}

function damageArticle(damage: ShownDamage, number: number): Html {
  const { lsn, reason, length, file, fileOffset } = damage;
  const rows = hexRows(damage.bytesAt, damage.bytes, lsn, length > 0 ? lsn + length : Infinity);
  const digits = String(rows.at(-1)?.offset ?? 0).length;
  return html`<article class="one-damage" aria-labelledby="damage-${number}">
    <h3 id="damage-${number}">${number}. ${reason.replaceAll("-", " ")} at ${countText(lsn)}</h3>
    <p>${reasons[reason] ?? ""} ${meanings[damage.kind]}</p>
    <dl class="facts">
      <div>
        <dt>Passed over</dt>
        <dd>
          ${length === 0 ? "to the end" : length < 1024 ? bytesText(length) : `${bytesText(length)} (${countText(length)})`}
        </dd>
      </div>
      <div>
        <dt>Goes on at</dt>
        <dd>${length === 0 ? "–" : countText(lsn + length)}</dd>
      </div>
      <div>
        <dt>In file</dt>
        <dd><code>${file}</code> at ${countText(fileOffset)}</dd>
      </div>
    </dl>
    ${
      damage.bytes.length === 0
        ? html`<p class="note">The bytes could not be read.</p>`
        : html`<pre
            class="hex"
            tabindex="0"
            role="region"
            aria-label="Bytes around damage ${number}, marked from its beginning"
          >
${rows.map((row) => rowParts(row, digits))}</pre>`
    }
  </article>`;
}

export function damageSection({ survey, damages }: Report): Html {
  const rest = survey.damages.count - damages.length;
  return html`<section aria-labelledby="damage">
    <h2 id="damage">Damage</h2>
    ${survey.damages.count === 0 ? html`<p>None found.</p>` : null}
    ${damages.map((damage, index) => damageArticle(damage, index + 1))}
    ${rest > 0 ? html`<p class="note">And ${countText(rest)} more, counted and not shown.</p>` : null}
  </section>`;
}
