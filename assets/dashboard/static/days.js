// The plot of the credits page: what each day earned and spent. The table beside it has the figures.

const { uPlot } = globalThis;

/** light-dark() is not a colour to a canvas: an element resolves it. */
function resolved(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

const DAYS_LEAST = 7;
const SMALL = new Intl.NumberFormat("en", { maximumSignificantDigits: 2, useGrouping: false });

let plot = null;
let drawn = "";

function options(box, dates) {
  const soft = resolved("--soft");
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const bars = (align) => uPlot.paths.bars({ size: [0.4, 40], align });
  const earned = resolved("--good");
  const spent = resolved("--accent");
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    padding: [6, 4, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: { x: { time: false, range: (_, low, high) => [low - 0.6, high + 0.6] }, y: { range: (_, __, most) => [0, (most || 1) * 1.15] } },
    axes: [
      { stroke: soft, font, size: 22, ticks: { show: false }, grid: { show: false }, space: 60, values: (_, splits) => splits.map((each) => (Number.isInteger(each) ? (dates[each] ?? "").slice(5) : "")) },
      { stroke: soft, font, size: (_, labels) => 14 + 7 * Math.max(5, ...(labels ?? []).map((each) => each.length)), ticks: { show: false }, grid: { stroke: resolved("--line"), width: 1 }, space: 26, values: (_, splits) => splits.map((each) => (each === 0 ? "0" : each >= 1000 ? `${each / 1000}k` : SMALL.format(each))) },
    ],
    series: [
      {},
      { label: "earned", stroke: earned, fill: earned, paths: bars(-1), points: { show: false } },
      { label: "spent", stroke: spent, fill: spent, paths: bars(1), points: { show: false } },
    ],
  };
}

function make() {
  const box = document.querySelector("[data-days]");
  if (!box || !uPlot) return;
  const points = JSON.parse(box.dataset.days);
  while (points.length < DAYS_LEAST) points.unshift(["", 0, 0]);
  drawn = box.dataset.days;
  plot?.destroy();
  box.replaceChildren();
  const numbers = points.map((_, index) => index);
  const data = [numbers, points.map((each) => each[1]), points.map((each) => each[2])];
  plot = new uPlot(options(box, points.map((each) => each[0])), data, box);
}

document.addEventListener("athanor:update", () => {
  const box = document.querySelector("[data-days]");
  if (box && (box.dataset.days !== drawn || !box.firstChild)) make();
});
new ResizeObserver(() => {
  const box = document.querySelector("[data-days]");
  if (box && plot) plot.setSize({ width: box.clientWidth, height: box.clientHeight });
}).observe(document.querySelector("[data-days-of]"));
document.addEventListener("athanor:theme", make);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", make);
make();
