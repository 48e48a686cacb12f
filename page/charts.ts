/** The charts, drawn by uPlot. What they show stands in tables beside them: without them nothing is lost. */
import type UPlot from "uplot";
import type { PageData } from "../src/cli/report/page-data.ts";
import { figure } from "./elements.ts";
import { colour } from "./theme.ts";

declare const uPlot: typeof UPlot;

interface Chart {
  readonly options: Omit<UPlot.Options, "width" | "height">;
  readonly data: UPlot.AlignedData;
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const short = (value: number | null): string => (value === null ? "" : compact.format(value));

/** 1024 bytes are 1K here: what logs are measured in. */
function shortBytes(value: number | null): string {
  if (value === null) return "";
  const units = ["", "K", "M", "G", "T", "P"];
  const index = value < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${Math.round((value / 1024 ** index) * 10) / 10}${units[index] ?? ""}`;
}

type Text = (value: number | null) => string;

function axis(more: UPlot.Axis): UPlot.Axis {
  return {
    stroke: colour("faint"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
    ...more,
  };
}

/** Steps of a scale in bytes: powers of two. */
const binarySteps = Array.from({ length: 53 }, (_, power) => 2 ** power);

const across = (text: Text): UPlot.Axis =>
  axis({ size: 30, space: 70, incrs: binarySteps, values: (_, ticks) => ticks.map(text) });
/** Of what is counted: no tick between whole numbers. */
const countSteps = Array.from({ length: 16 }, (_, power) =>
  [1, 2, 5].map((step) => step * 10 ** power),
).flat();

const upwards = (text: Text): UPlot.Axis => axis({ size: 52, values: (_, ticks) => ticks.map(text) });
const shown = (value: number | null | undefined): string =>
  value === null || value === undefined ? "–" : figure(value);
const plain = { points: { show: false } } as const;
const cursor: UPlot.Cursor = { y: false, drag: { x: false, y: false }, points: { size: 7 } };

function tenfold(most: number): UPlot.Scale {
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- uPlot ships the type of the enum, and not the enum
  return { distr: 3, range: [0.5, Math.max(10, most * 1.6)] };
}

function counts(): UPlot.Axis {
  return { ...upwards(short), incrs: countSteps };
}

/** The axis of a logarithmic scale: powers alone, of ten for what is counted, of sixteen for bytes. */
function powers(text: Text, base: number): UPlot.Axis {
  const splits = (_: unknown, __: number, least: number, most: number): number[] => {
    const found: number[] = [];
    for (let at = 1; at <= most; at *= base) if (at >= least) found.push(at);
    return found;
  };
  return { ...upwards(text), splits, filter: (_, all) => all };
}

/** A moment in UTC, as fine as the ticks. */
function momentText(seconds: number, step: number): string {
  const [day = "", time = ""] = new Date(seconds * 1000).toISOString().split("T");
  if (step >= 86_400) return day;
  return time.slice(0, step >= 60 ? 5 : step >= 1 ? 8 : 10);
}

/** The axis of time, in UTC: as fine as its ticks, with the day below the first. */
function times(): UPlot.Axis {
  return axis({
    size: 44,
    space: 80,
    values: (_, ticks, __, ___, step) =>
      ticks.map((tick, index) => {
        const day = index === 0 && step < 86_400 ? `\n${momentText(tick, 86_400)}` : "";
        return momentText(tick, step) + day;
      }),
  });
}

function sizes({ sizes }: PageData, width: number): Chart {
  const xs = sizes.map((_, index) => index);
  const most = Math.max(...sizes.map(({ records }) => records));
  const least = Math.min(...sizes.map(({ records }) => records).filter((records) => records > 0));
  const isTenfold = most > 100 * least;
  const range = (index: number | null): string => {
    const each = index === null ? undefined : sizes[index];
    if (each === undefined) return "–";
    return each.from === each.to ? figure(each.from) : `${figure(each.from)} to ${figure(each.to)}`;
  };
  // A name takes some 40 pixels.
  const every = Math.ceil((sizes.length * 40) / Math.max(40, width - 80));
  return {
    options: {
      cursor,
      scales: {
        x: { time: false, range: [-0.6, sizes.length - 0.4] },
        y: isTenfold ? tenfold(most) : { range: [0, most * 1.08] },
      },
      axes: [
        {
          ...across((index) => shortBytes(index === null ? null : (sizes[index]?.from ?? null))),
          splits: () => xs.filter((index) => index % every === 0),
          grid: { show: false },
        },
        isTenfold ? powers(short, 10) : counts(),
      ],
      series: [
        { label: "bytes", value: (_, value: number | null) => range(value) },
        {
          label: "records",
          fill: colour("flushed"),
          stroke: colour("flushed"),
          ...plain,
          ...(uPlot.paths.bars === undefined ? {} : { paths: uPlot.paths.bars({ size: [0.82, 90] }) }),
          value: (_, value: number | null) => shown(value),
        },
      ],
    },
    data: [xs, sizes.map(({ records }) => (isTenfold && records === 0 ? null : records))],
  };
}

/** Offsets along the bottom, and under the cursor. */
const offsets: UPlot.Series = { label: "offset", value: (_, value: number | null) => shown(value) };

function growth({ stretches }: PageData): Chart {
  let sum = 0;
  const sums = stretches.map(({ records }) => (sum += records));
  const first = stretches[0]?.from ?? 0;
  return {
    options: {
      cursor,
      scales: { x: { time: false }, y: { range: [0, Math.max(1, sum) * 1.04] } },
      axes: [across(shortBytes), counts()],
      series: [
        offsets,
        {
          label: "records so far",
          stroke: colour("flushed"),
          fill: colour("flushed-wash"),
          width: 1.75,
          ...plain,
          value: (_, value: number | null) => shown(value),
        },
      ],
    },
    data: [
      [first, ...stretches.map(({ to }) => to)],
      [0, ...sums],
    ],
  };
}

/** On a logarithmic scale an empty record stands at the bottom. */
const emptyLength = 0.5;

function up(length: number | null): number | null {
  return length === null ? null : Math.max(emptyLength, length);
}

function lengthText(_: unknown, length: number | null): string {
  return length === emptyLength ? "0" : shown(length);
}

function along({ stretches }: PageData): Chart {
  const most = Math.max(1, ...stretches.map(({ largest }) => largest ?? 0));
  // Where records are longer than a stretch, none begins in some; a line joins those that have one.
  const isSparse = stretches.filter(({ records }) => records > 0).length < 8;
  const points = { show: isSparse, size: 5 };
  const band = { width: 1, points, stroke: colour("band"), value: lengthText, spanGaps: true };
  return {
    options: {
      cursor,
      scales: { x: { time: false }, y: tenfold(most) },
      axes: [across(shortBytes), powers(shortBytes, most < 512 ? 4 : 16)],
      bands: [{ series: [1, 3], fill: colour("band-wash") }],
      series: [
        offsets,
        { label: "largest", ...band },
        { label: "mean", ...band, stroke: colour("flushed"), width: 1.75 },
        { label: "smallest", ...band },
      ],
    },
    data: [
      stretches.map(({ from, to }) => Math.round((from + to) / 2)),
      stretches.map(({ largest }) => up(largest)),
      stretches.map(({ records, bytes }) => (records === 0 ? null : up(Math.round(bytes / records)))),
      stretches.map(({ smallest }) => up(smallest)),
    ],
  };
}

function timeText(seconds: number | null): string {
  return seconds === null ? "–" : new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}

function time(data: PageData): Chart {
  return {
    options: {
      cursor,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { y: { range: (_, __, most) => [0, most * 1.04] } },
      axes: [times(), { ...upwards(shortBytes), incrs: binarySteps }],
      series: [
        { label: "time", value: (_, value: number | null) => timeText(value) },
        {
          label: "end of the log",
          stroke: colour("flushed"),
          fill: colour("flushed-wash"),
          width: 1.75,
          points: { show: data.times.length < 60, size: 5, fill: colour("flushed") },
          value: (_, value: number | null) => shown(value),
        },
      ],
    },
    data: [data.times.map(({ time }) => time), data.times.map(({ end }) => end)],
  };
}

const charts: Readonly<Record<string, (data: PageData, width: number) => Chart>> = {
  sizes,
  growth,
  along,
  time,
};
let drawn: UPlot[] = [];

/** Draws all charts that have a place in the page, anew. */
export function drawCharts(data: PageData): void {
  for (const plot of drawn) plot.destroy();
  drawn = [];
  for (const [name, chart] of Object.entries(charts)) {
    const into = document.getElementById(`chart-${name}`);
    if (into === null) continue;
    const width = into.clientWidth;
    const { options, data: columns } = chart(data, width);
    drawn.push(new uPlot({ ...options, width, height: 230 }, columns, into));
  }
}
