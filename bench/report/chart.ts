// Draws a chart as SVG with echarts, without a browser. Names on the x axis give bars with whiskers from the least round to
// the greatest, or bars of parts upon one another; numbers give lines with error bars. What is absent is written where its bar would stand. The colours
// are variables of the page (palette.ts).

import type { CustomSeriesRenderItem, EChartsOption, SeriesOption } from "echarts";
import type { Chart, Point, Series } from "./figure-data.js";
import { compact, figure } from "./figures.js";
import { placeholder, seriesColour, withVariables } from "./palette.js";

const WIDTH = 900;
const HEIGHT = 360;
const GAPS = { barGap: "12%", barCategoryGap: "28%", barMaxWidth: 60 } as const;
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect", "emptyTriangle", "emptyDiamond"];
const SYMBOL_SIZE = 8;
const LABEL_GAP = 8;
const CAP = 4;
/** More bars than this have no room for their values. */
const LABELLED_BARS_MAX = 30;
const LOG_TICKS_MAX = 9;
/** Of the whole: less has no room for its value. */
const LABELLED_PART_MIN = 0.04;
/** A bar of fewer pixels has room for two digits. */
const NARROW = 30;
const INK = placeholder("ink");
const FAINT = placeholder("faint");
/** Around a value, where a line may cross it. */
const HALO = { stroke: placeholder("paper"), lineWidth: 3 } as const;

/** @param colourOf index of a contender's colour, the same in all charts */
export async function drawChart(chart: Chart, colourOf: (contender: string) => number): Promise<string> {
  const { init } = await import("echarts");
  const instance = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
  try {
    instance.setOption(optionOf(chart, colourOf));
    return withVariables(instance.renderToSVGString());
  } finally {
    instance.dispose();
  }
}

/** Of the lines' points, by the index of the contender's colour. */
function symbolOf(index: number): string {
  return SYMBOLS[index % SYMBOLS.length] ?? "circle";
}

function optionOf(chart: Chart, colourOf: (contender: string) => number): EChartsOption {
  const { categories, xLabel, xScale, yScale, stacked, unit, series, ceiling } = chart;
  const label = { color: INK, fontSize: 13 };
  const axis = {
    nameTextStyle: { color: FAINT, fontSize: 13 },
    axisLabel: label,
    axisLine: { show: true, lineStyle: { color: FAINT } },
    axisTick: { lineStyle: { color: FAINT } },
  };
  const xs = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  return {
    animation: false,
    textStyle: { fontFamily: "system-ui, sans-serif" },
    grid: { left: 70, right: 30, top: 34, bottom: 56 },
    xAxis:
      categories === undefined
        ? {
            ...axis,
            type: xScale === "log" ? "log" : "value",
            name: xLabel,
            nameLocation: "middle",
            nameGap: 34,
            ...(xScale === "log" ? { min: xs[0] ?? 1, max: xs.at(-1) ?? 1, logBase: 2 } : {}),
            splitLine: { show: false },
            axisTick: { ...axis.axisTick, customValues: xs },
            axisLabel: { ...label, customValues: xs, hideOverlap: true, formatter: compact },
          }
        : {
            ...axis,
            type: "category",
            name: xLabel,
            nameLocation: "middle",
            nameGap: 34,
            data: [...categories],
            axisLabel: {
              ...label,
              interval: 0,
              overflow: "break",
              width: (WIDTH - 110) / categories.length - LABEL_GAP,
            },
          },
    yAxis: {
      ...axis,
      ...(yScale === "log" ? logAxis(chart, label) : { type: "value", axisLabel: { ...label, formatter: compact } }),
      ...(stacked ? { max: highest(chart) } : {}),
      name: unit,
      nameTextStyle: { ...axis.nameTextStyle, align: "left" },
      splitLine: { lineStyle: { color: placeholder("line") } },
    },
    series:
      categories === undefined
        ? [...series.flatMap((each) => lines(each, colourOf(each.name))), ...ceilingLine(ceiling)]
        : stacked
          ? series.map((each) => parts(each, colourOf(each.name), chart))
          : [
              ...series.map((each) => bars(each, colourOf(each.name), categories.length)),
              ...series.map((each, index) => whiskers(each, index, chart)),
              ...ceilingMarks(ceiling),
            ],
  };
}

/** From the 1, 2 or 5 below the least value to the one above the greatest; with many decades, the decades only. */
function logAxis({ series, ceiling }: Chart, label: object): { type: "log" } & Record<string, unknown> {
  const points = [...series.flatMap((each) => each.points), ...ceiling];
  const ticks = logTicks(Math.min(...points.map(({ min }) => min)), Math.max(...points.map(({ max }) => max)));
  const axisLabel = { ...label, customValues: ticks, formatter: compact };
  return { type: "log", min: ticks[0], max: ticks.at(-1), axisTick: { customValues: ticks }, axisLabel };
}

/** Of a logarithmic axis that shows `least` to `greatest`. */
export function logTicks(least: number, greatest: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); ticks.every((tick) => tick < greatest); power++) {
    for (const digit of [1, 2, 5]) ticks.push(Number(`${digit}e${power}`));
  }
  const from = ticks.findLastIndex((tick) => tick <= least);
  const to = ticks.findIndex((tick) => tick >= greatest);
  const shown = ticks.slice(Math.max(0, from), Math.max(to, from + 1) + 1);
  if (shown.length <= LOG_TICKS_MAX) return shown;
  const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(greatest))];
  return Array.from({ length: high - low + 1 }, (_, index) => Number(`1e${low + index}`));
}

function bars({ name, points }: Series, colour: number, categories: number): SeriesOption {
  const data: (number | null)[] = Array.from({ length: categories }, () => null);
  for (const { x, median } of points) data[x] = median;
  return { type: "bar", name, data, ...GAPS, itemStyle: { color: placeholder(seriesColour(colour)) }, silent: true };
}

/** A part of each bar, with its value where there is room. */
function parts({ name, points }: Series, colour: number, chart: Chart): SeriesOption {
  const data = (chart.categories ?? []).map((_, x) => {
    const value = points.find((point) => point.x === x)?.median ?? null;
    const show = value !== null && value >= highest(chart) * LABELLED_PART_MIN;
    return { value, label: { show, formatter: value === null ? "" : value.toFixed(0), color: placeholder("paper") } };
  });
  const itemStyle = { color: placeholder(seriesColour(colour)) };
  return { type: "bar", stack: "whole", name, data, ...GAPS, itemStyle, silent: true };
}

/** The whole number above the highest stack; sums of shares are not exactly 100. */
function highest({ series }: Chart): number {
  const totals: number[] = [];
  for (const { x, median } of series.flatMap(({ points }) => points)) totals[x] = (totals[x] ?? 0) + median;
  return Math.ceil(Number(Math.max(0, ...totals.map((total) => total ?? 0)).toFixed(3)));
}

/** Whiskers, the value above, and a word where there is no bar. */
function whiskers({ name, points }: Series, index: number, { categories = [], series }: Chart): SeriesOption {
  const areLabelled = series.length * categories.length <= LABELLED_BARS_MAX;
  const renderItem: CustomSeriesRenderItem = (_, api) => {
    const x = Number(api.value(0));
    const layout = api.barLayout?.({ ...GAPS, count: series.length })?.[index];
    const point = points.find((each) => each.x === x);
    const [middle = 0, top = 0] = api.coord([x, point?.max ?? api.value(1)]);
    const centre = middle + (layout?.offsetCenter ?? 0);
    if (point === undefined) {
      const text = { text: "absent", fill: FAINT, fontSize: 11, align: "left", verticalAlign: "middle" } as const;
      return { type: "text", x: centre, y: HEIGHT - 62, rotation: Math.PI / 2, style: text };
    }
    const [, bottom = 0] = api.coord([x, point.min]);
    const isNarrow = (layout?.width ?? 0) < NARROW;
    const text = {
      text: isNarrow && point.median < 100 ? String(Number(point.median.toPrecision(2))) : figure(point.median),
      fill: INK,
      ...HALO,
      fontSize: 11,
      align: "center",
      verticalAlign: "bottom",
    } as const;
    return {
      type: "group",
      children: [
        ...errorBar(centre, top, bottom),
        ...(areLabelled ? [{ type: "text" as const, x: centre, y: top - 3, style: text }] : []),
      ],
    };
  };
  const least = Math.min(...series.flatMap((each) => each.points.map(({ min }) => min)));
  const data = categories.map((_, x) => [x, points.find((each) => each.x === x)?.max ?? least]);
  return { type: "custom", name: `${name}, least to greatest`, data, renderItem, silent: true, z: 3, clip: false };
}

function lines({ name, points }: Series, index: number): SeriesOption[] {
  const colour = placeholder(seriesColour(index));
  const data = points.map(({ x, median }) => [x, median]);
  const renderItem: CustomSeriesRenderItem = (_, api) => {
    const [x = 0, top = 0] = api.coord([api.value(0), api.value(1)]);
    const [, bottom = 0] = api.coord([api.value(0), api.value(2)]);
    return { type: "group", children: errorBar(x, top, bottom, colour) };
  };
  return [
    {
      type: "line",
      name,
      data,
      symbol: symbolOf(index),
      symbolSize: SYMBOL_SIZE,
      showAllSymbol: true,
      lineStyle: { color: colour, width: 2 },
      itemStyle: { color: colour },
      silent: true,
    },
    {
      type: "custom",
      name: `${name}, least to greatest`,
      data: points.map(({ x, min, max }) => [x, max, min]),
      encode: { x: 0, y: [1, 2] },
      renderItem,
      silent: true,
    },
  ];
}

function errorBar(x: number, top: number, bottom: number, stroke: string = INK) {
  const line = (x1: number, y1: number, x2: number, y2: number) => ({
    type: "line" as const,
    shape: { x1, y1, x2, y2 },
    style: { stroke, lineWidth: 1.5, fill: "none" },
  });
  if (bottom - top < 1) return [];
  return [line(x, top, x, bottom), line(x - CAP, top, x + CAP, top), line(x - CAP, bottom, x + CAP, bottom)];
}

function ceilingLine(ceiling: readonly Point[]): SeriesOption[] {
  if (ceiling.length === 0) return [];
  const data = ceiling.map(({ x, median }) => [x, median]);
  const lineStyle = { color: FAINT, type: "dashed" as const, width: 1.5 };
  return [{ type: "line", name: CEILING, data, symbol: "none", lineStyle, silent: true }];
}

/** A dashed line across each category. */
function ceilingMarks(ceiling: readonly Point[]): SeriesOption[] {
  if (ceiling.length === 0) return [];
  const renderItem: CustomSeriesRenderItem = (_, api) => {
    const [x = 0, y = 0] = api.coord([api.value(0), api.value(1)]);
    const size = api.size?.([1, 0]);
    const half = (Array.isArray(size) ? (size[0] ?? 0) : (size ?? 0)) * 0.42;
    const style = { stroke: FAINT, lineWidth: 1.5, lineDash: [6, 4], fill: "none" };
    return { type: "line", shape: { x1: x - half, y1: y, x2: x + half, y2: y }, style };
  };
  const data = ceiling.map(({ x, median }) => [x, median]);
  return [{ type: "custom", name: CEILING, data, renderItem, silent: true, z: 2.5 }];
}

export const CEILING = "the generator's own ceiling";
