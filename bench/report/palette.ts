// Colours of the report. The page's style sheet has each as a variable with a value for light and one for dark; a chart is
// drawn with placeholder colours, which are replaced by the variables in its SVG. So one drawing serves both, and print.
//
// The series' hues are those that people with the common kinds of colour blindness tell apart (after Okabe and Ito);
// series differ by their symbols and their order, too.

interface Shade {
  readonly light: string;
  readonly dark: string;
}

const SHADES = {
  ink: { light: "#1c1f23", dark: "#e8e8e6" },
  faint: { light: "#5b626b", dark: "#a4a9b0" },
  line: { light: "#d5d8dc", dark: "#3c4148" },
  paper: { light: "#ffffff", dark: "#15181c" },
  panel: { light: "#f5f6f7", dark: "#1e2227" },
  warn: { light: "#a33b00", dark: "#ff9c66" },
  s0: { light: "#0072b2", dark: "#4fb3ea" },
  s1: { light: "#d55e00", dark: "#ff8a3d" },
  s2: { light: "#009e73", dark: "#2fcf9f" },
  s3: { light: "#b8578f", dark: "#e391c1" },
  s4: { light: "#7d6b00", dark: "#e6d144" },
  s5: { light: "#3b4a9e", dark: "#98a6f5" },
  s6: { light: "#7a4a21", dark: "#c99b6f" },
  s7: { light: "#5f6b73", dark: "#b3bcc2" },
} as const satisfies Readonly<Record<string, Shade>>;

export type Colour = keyof typeof SHADES;

const NAMES = Object.keys(SHADES) as Colour[];
export const SERIES_COUNT = 8;

/** Not a colour that anything else draws with: its last two digits tell which variable it stands for. */
export function placeholder(colour: Colour): string {
  return `#fe01${(16 + NAMES.indexOf(colour)).toString(16).padStart(2, "0")}`;
}

export function seriesColour(index: number): Colour {
  return `s${(index % SERIES_COUNT) as 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`;
}

/** Puts variables where the placeholders are. */
export function withVariables(svg: string): string {
  return NAMES.reduce((text, name) => text.replaceAll(placeholder(name), `var(--${name})`), svg);
}

/** Declarations of all variables. */
export function variables(scheme: "light" | "dark"): string {
  return NAMES.map((name) => `--${name}: ${SHADES[name][scheme]};`).join(" ");
}
