import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { short, time } from '../format.ts';

export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

interface Props {
  readonly title: string;
  readonly startMs: number;
  readonly stepMs: number;
  readonly lines: readonly Line[];
  readonly unit: (value: number) => string;
  /** Lines of the grid stand at powers of two, as bytes are told. */
  readonly isBinary?: boolean;
}

const COLOURS = 6;
const POWERS_OF_TWO = Array.from({ length: 50 }, (_, at) => 2 ** at);

/** Lines over time. The numbers are in a table too, for who cannot see the drawing. */
export function Chart({ title, startMs, stepMs, lines, unit, isBinary = false }: Props) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | undefined>(undefined);
  const points = lines[0]?.values.length ?? 0;
  const times = Array.from({ length: points }, (_, at) => (startMs + at * stepMs) / 1_000);
  const names = lines.map(({ label }) => label).join('\n');

  useEffect(() => {
    const element = holder.current;
    if (element === null) return undefined;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const axis = { stroke: colour('--dim'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
    const made = new UPlot(
      {
        width: element.clientWidth || 300,
        height: 170,
        legend: { live: true },
        cursor: { points: { size: 6 } },
        scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, (high ?? 1) * 1.1)] } },
        axes: [
          { ...axis, size: 30, values: (_plot, at) => at.map(clockTime) },
          {
            ...axis,
            size: 58,
            ...(isBinary ? { incrs: POWERS_OF_TWO } : {}),
            values: (_plot, values) => values.map(unit),
          },
        ],
        series: [
          // What the pointer is at; without one, the names stand alone.
          { label: '', value: (_plot, at) => (at === null ? '' : clockTime(at)) },
          ...lines.map(({ label }, at) => ({
            label,
            stroke: colour(`--chart${at % COLOURS}`),
            width: 1.5,
            points: { show: false },
            value: (_plot: UPlot, value: number | null) => (value === null ? '' : unit(value)),
          })),
        ],
      },
      [times, ...lines.map(({ values }) => [...values])],
      element,
    );
    plot.current = made;
    const watcher = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: 170 }));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [names]);

  useEffect(() => plot.current?.setData([times, ...lines.map(({ values }) => [...values])]));

  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={holder} aria-hidden="true" />
      <p class="unseen">
        {lines.map(
          ({ label, values }) => `${label}: ${lastOf(values, unit)} now, ${highestOf(values, unit)} at most. `,
        )}
      </p>
    </figure>
  );
}

function lastOf(values: readonly (number | null)[], unit: (value: number) => string): string {
  const last = values.findLast((value) => value !== null);
  return last === undefined || last === null ? 'nothing' : unit(last);
}

function highestOf(values: readonly (number | null)[], unit: (value: number) => string): string {
  return unit(values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0));
}

/** Seconds since 1970 as `08:14`, in the reader's own zone. */
function clockTime(at: number): string {
  return time(at * 1_000).slice(11, 16);
}

/** `1.2 k/s` */
export function perSecond(value: number): string {
  return `${short(value)}/s`;
}
