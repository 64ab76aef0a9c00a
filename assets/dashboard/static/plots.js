// The plots of the home page: totals of the server become rates between two points.

const SPAN_SECONDS = 15 * 60;
const { uPlot } = globalThis;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** light-dark() is not a colour to a canvas: an element resolves it. */
function resolved(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found || colour(name);
}

const GIB = 1024 ** 3;
const number = (value) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(value && value < 1 ? 2 : 1);

let points = [];
const plots = new Map();

/** [times, values...] of a plot. */
const SERIES = {
  tokens: () => rates((point) => point.tokens),
  requests: () => rates((point) => point.requests),
  memory: () => [points.map((p) => p.at), points.map((p) => (device(p)?.used ?? 0) / GIB)],
  busy: () => [points.map((p) => p.at), points.map((p) => device(p)?.busy ?? null)],
};
const HUES = { tokens: "--accent", requests: "--blue", memory: "--teal", busy: "--good" };
const LEAST = { tokens: 1, requests: 1, memory: 1, busy: 100 };

/** The GPU that is used most, else the CPU's memory. */
function deviceIndex(point) {
  const gpu = point.devices.findIndex((each) => each.busy !== null || each.temperature !== null);
  return gpu >= 0 ? gpu : 0;
}
const device = (point) => point.devices[deviceIndex(point)];

function rates(total) {
  const times = [];
  const values = [];
  for (let i = 1; i < points.length; i++) {
    const seconds = points[i].at - points[i - 1].at;
    if (seconds < 0.2) continue;
    times.push(points[i].at);
    values.push(Math.max(0, (total(points[i]) - total(points[i - 1])) / seconds));
  }
  return [times, values];
}

function options(name, box) {
  const stroke = resolved(HUES[name]);
  const soft = resolved("--soft");
  const line = resolved("--line");
  const font = `11px ${colour("--sans")}`;
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    padding: [6, 4, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { time: true, range: () => [Date.now() / 1000 - SPAN_SECONDS, Date.now() / 1000] },
      y: { range: (_, __, most) => [0, Math.max(LEAST[name], (most ?? 0) * 1.15)] },
    },
    axes: [
      {
        stroke: soft, font, size: 20, gap: 2, ticks: { show: false }, grid: { show: false }, space: 70,
        values: (_, splits) => splits.map((each) => minutesAgo(each)),
        splits: () => [-12, -8, -4].map((m) => Date.now() / 1000 + m * 60),
      },
      {
        stroke: soft, font, size: 34, gap: 3, ticks: { show: false }, grid: { stroke: line, width: 1 }, space: 26,
        values: (_, splits) => splits.map((each) => (each >= 1000 ? `${each / 1000}k` : String(each))),
      },
    ],
    series: [{}, { stroke, width: 1.75, fill: withAlpha(stroke, 0.13), points: { show: false }, spanGaps: true }],
  };
}

const minutesAgo = (at) => `${Math.round((Date.now() / 1000 - at) / 60)} min`;
const withAlpha = (rgb, alpha) => rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);

function make() {
  for (const box of document.querySelectorAll("[data-plot]")) {
    const name = box.dataset.plot;
    plots.get(name)?.destroy();
    plots.delete(name);
    if (!box.clientWidth) continue;
    plots.set(name, new uPlot(options(name, box), SERIES[name](), box));
  }
}

function write(name, words) {
  const element = document.querySelector(`[data-figure="${name}"]`);
  if (element && element.textContent !== words) element.textContent = words;
}

function last(values) {
  return values.at(-1) ?? 0;
}

function show() {
  const newest = points.at(-1);
  if (!newest) return;
  write("tokens", number(last(SERIES.tokens()[1])));
  write("requests", number(last(SERIES.requests()[1])));
  write("running", String(newest.running));
  const now = device(newest);
  if (now) write("memory", `${number(now.used / GIB)} GiB`);
  const card = document.querySelector("#card-machine .facts span");
  if (card) write("memory-of", card.textContent.replace(/^.*? of /, "of "));
  const heat = document.querySelector("[data-heat]");
  if (now && now.busy !== null) {
    if (heat.hidden) {
      heat.hidden = false;
      make();
    }
    write("busy", `${now.busy.toFixed(0)}%`);
    const words = [];
    if (now.temperature !== null) words.push(`${now.temperature.toFixed(0)} °C`);
    if (now.power !== null) words.push(`${now.power.toFixed(0)} W`);
    write("heat", words.length ? `busy, ${words.join(", ")}` : "busy");
  }
  for (const [name, plot] of plots) plot.setData(SERIES[name]());
}

document.addEventListener("athanor:update", ({ detail }) => {
  if (detail.kind === "picture") points = detail.points;
  else points.push(...detail.points);
  const oldest = Date.now() / 1000 - SPAN_SECONDS - 60;
  while (points.length > 2 && points[1].at < oldest) points.shift();
  show();
});

let resizing = 0;
new ResizeObserver(() => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => {
    for (const box of document.querySelectorAll("[data-plot]")) {
      plots.get(box.dataset.plot)?.setSize({ width: box.clientWidth, height: box.clientHeight });
    }
  });
}).observe(document.querySelector("[data-plots]"));

document.addEventListener("athanor:theme", make);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", make);
make();
show();
