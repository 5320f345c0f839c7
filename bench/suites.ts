// The suites, in the order in which they run.

import type { Suite } from "./suite.js";
import { api } from "./suites/api/suite.js";
import { dataplane } from "./suites/dataplane/suite.js";
import { ecmp } from "./suites/ecmp/suite.js";
import { overhead } from "./suites/overhead/suite.js";
import { path } from "./suites/path/suite.js";
import { profile } from "./suites/profile/suite.js";
import { scale } from "./suites/scale/suite.js";

export const SUITES: readonly Suite[] = [dataplane, overhead, path, profile, ecmp, api, scale];
