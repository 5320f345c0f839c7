// vxlane's version, from the nearest package.json above: two folders up in the sources, three in the build.

import { readFileSync } from "node:fs";

export function version(): string {
  for (const up of ["../../../package.json", "../../package.json"]) {
    try {
      const found: unknown = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8"));
      if (typeof found === "object" && found !== null && "name" in found && found.name === "vxlane") {
        return "version" in found ? String(found.version) : "";
      }
    } catch {
      // Not there; the other one is.
    }
  }
  return "unknown";
}
