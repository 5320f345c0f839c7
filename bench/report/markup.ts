// HTML without mistakes: text is escaped unless it is markup already.

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export class Markup {
  constructor(readonly text: string) {}
}

type Content = Markup | string | number | readonly Content[];

/** A template whose values are escaped; lists are joined. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  const text = parts.map((part, index) => part + (index < values.length ? render(values[index] ?? "") : ""));
  return new Markup(text.join(""));
}

export function raw(text: string): Markup {
  return new Markup(text);
}

function render(value: Content): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === "string") return value.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
  if (typeof value === "number") return String(value);
  return value.map(render).join("");
}
