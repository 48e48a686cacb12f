/* Runs in the page: draws what stands in its tables. Without it, or without uPlot, the tables say all. */
const data = JSON.parse(document.getElementById("figures").textContent);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const kindOf = (subject) =>
  subject.startsWith("wal-") ? "ours" : subject.startsWith("native") ? "floor" : "peer";
const short = (value) =>
  value === null
    ? ""
    : Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);

const axes = (bottom, unit) => {
  const common = {
    stroke: colour("ink"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
  return [
    { ...common, grid: { show: false }, ...bottom },
    { ...common, size: 70, label: unit, labelSize: 20, values: (_, values) => values.map(short) },
  ];
};

/** The least and the most of the rounds, as a line over each bar. */
const whiskers = (rows) => (plot) => {
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = colour("ink");
  ctx.lineWidth = devicePixelRatio * 1.5;
  rows.forEach(({ least, most }, n) => {
    const x = plot.valToPos(n, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, plot.valToPos(least, "y", true));
    ctx.lineTo(x, plot.valToPos(most, "y", true));
    ctx.stroke();
  });
  ctx.restore();
};

/** Names under bars break where they have a space, so that they fit. */
const lines = (title) =>
  title.replaceAll(" ", "\n").replaceAll("better-", "better-\n").replaceAll(":", ":\n");

function bars(each, width) {
  const rows = each.rows;
  const xs = rows.map((_, n) => n);
  const series = ["ours", "peer", "floor"].map((kind) => ({
    kind,
    ys: rows.map((row) => (kindOf(row.subject) === kind ? row.median : null)),
  }));
  const most = Math.max(...rows.map((row) => row.most));
  return {
    options: {
      width,
      height: 300,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: [-0.6, rows.length - 0.4] },
        y: { range: [Math.min(0, ...rows.map((row) => row.least)), most * 1.05 || 1] },
      },
      axes: axes(
        {
          splits: () => xs,
          values: () => rows.map((row) => lines(row.title)),
          size: 64,
          font: "11px system-ui",
        },
        each.unit,
      ),
      series: [
        {},
        ...series.map(({ kind }) => ({
          fill: colour(kind),
          stroke: colour(kind),
          points: { show: false },
          paths: uPlot.paths.bars({ size: [0.6, 60] }),
        })),
      ],
      hooks: { draw: [whiskers(rows)] },
    },
    data: [xs, ...series.map(({ ys }) => ys)],
  };
}

/** A line for each: the stores of wal-db by dashes, the others by colours too. */
const strokes = {
  "wal-file": ["ours", []],
  "wal-segmented": ["ours", [6, 4]],
  "wal-mapped": ["ours", [2, 3]],
  fs: ["floor", []],
  "better-sqlite3": ["peer", []],
  "node-sqlite": ["peer", [6, 4]],
  level: ["level", []],
  lmdb: ["lmdb", []],
};

function curves(each, width) {
  return {
    options: {
      width,
      height: 340,
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false, range: [-0.2, each.points.length - 0.8] }, y: { distr: 3 } },
      axes: axes({ splits: () => each.points.map((_, n) => n), values: () => each.points }, each.unit),
      series: [
        { label: each.across, value: (_, n) => (n === null ? "" : each.points[n]) },
        ...each.lines.map(({ subject, title }) => {
          const [name, dash] = strokes[subject];
          return {
            label: title,
            stroke: colour(name),
            width: 2,
            dash,
            points: { show: true, size: 6, fill: colour(name) },
            value: (_, value) => short(value),
          };
        }),
      ],
    },
    data: [each.points.map((_, n) => n), ...each.lines.map(({ values }) => values)],
  };
}

let drawn = [];
function draw() {
  for (const plot of drawn) plot.destroy();
  drawn = data.map((each) => {
    const into = document.getElementById(`chart-${each.name}`);
    const { options, data } = (each.kind === "bars" ? bars : curves)(each, into.clientWidth);
    return new uPlot(options, data, into);
  });
}
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
let waiting;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(draw, 150);
});
