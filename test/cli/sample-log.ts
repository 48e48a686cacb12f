/** A log for the report: a dropped prefix, records of any size, hostile ones among them, damage, a quarantine. */
import { closeSync, openSync, readdirSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Lsn, Wal } from "wal-db";

/** What a record could hold, to do something in a page that shows it. */
export const hostileRecords: readonly string[] = [
  "</script><img src=x onerror=\"document.title='hacked'\">",
  "<script>document.title='hacked'</script>",
  '"><svg onload="document.title=1"><!-- --> ]]> &lt;b&gt; \\u003cscript>',
  "\u202eoverride \u2066isolate \u200f mark",
  "שלום <b>עולם</b> مرحبا",
  "\u0000\u0007\u001b[31mcontrol\u009b\u007f",
  "javascript:alert(1) {{constructor.constructor('alert(1)')()}} ${alert(1)}",
];

export interface SampleLog {
  readonly dir: string;
  readonly records: number;
  /** Where damage was done, in the order of the log; null in a log that is whole. */
  readonly damagedAt: readonly Lsn[];
}

const segmentSize = 32 * 1024;

export async function sampleLog(dir: string, { damaged = true } = {}): Promise<SampleLog> {
  const wal = await Wal.openSegmented(dir, { segmentSize });
  const lsns: Lsn[] = [];
  for (let i = 0; i < 1500; i++) lsns.push(wal.append(`early ${i} `.padEnd(20 + ((i * 37) % 200), "x")));
  for (const record of hostileRecords) lsns.push(wal.append(record));
  lsns.push(wal.append(""), wal.append("z".repeat(20_000)));
  for (let i = 0; i < 1500; i++)
    lsns.push(wal.append(JSON.stringify({ id: i, op: "credit", amount: i * 7 })));
  const head = await wal.truncateBefore(lsns[600] ?? wal.head);
  await wal.close();
  const places = [lsns[900], lsns[2400]].filter((lsn) => lsn !== undefined);
  if (damaged) {
    for (const lsn of places) overwrite(dir, lsn + 9);
    writeFileSync(join(dir, `quarantine-${lsns[1200]}`), "saved earlier");
  }
  setTimes(dir);
  const records = lsns.filter((lsn) => lsn >= head).length;
  return { dir, records: damaged ? records - places.length : records, damagedAt: damaged ? places : [] };
}

function segmentPath(dir: string, index: number): string {
  return join(dir, `${String(index).padStart(20, "0")}.wal`);
}

function overwrite(dir: string, offset: number): void {
  const fd = openSync(segmentPath(dir, Math.floor(offset / segmentSize)), "r+");
  writeSync(fd, "DAMAGE", offset % segmentSize);
  closeSync(fd);
}

/** A minute from one segment to the next, whatever the test's own pace. */
function setTimes(dir: string): void {
  const names = readdirSync(dir).filter((name) => name.endsWith(".wal"));
  for (const [index, name] of names.toSorted().entries()) {
    const time = 1_700_000_000 + index * 60;
    utimesSync(join(dir, name), time, time);
  }
}
