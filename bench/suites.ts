// The suites, in the order in which they run.

import { hotpath } from "./scenarios/hotpath.js";
import { learning } from "./scenarios/learning.js";
import { metrics } from "./scenarios/metrics.js";
import { path } from "./scenarios/path.js";
import { start } from "./scenarios/start.js";
import type { Suite } from "./suite.js";

export const SUITES: readonly Suite[] = [hotpath, learning, path, start, metrics];
