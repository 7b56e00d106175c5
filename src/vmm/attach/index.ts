// The ways to attach a disk. A mode without a file does not compile.
import type { AttachMode, AttachModeName } from "../types.js";
import { assigned } from "./assigned.js";
import { assignedRaw } from "./assigned-raw.js";
import { assignedRewrite } from "./assigned-rewrite.js";
import { assignedService } from "./assigned-service.js";
import { emulated } from "./emulated.js";
import { native } from "./native.js";
import { paravirtual } from "./paravirtual.js";

export const attachModes = {
  native,
  emulated,
  assigned,
  "assigned-service": assignedService,
  "assigned-rewrite": assignedRewrite,
  paravirtual,
  "assigned-raw": assignedRaw,
} satisfies Record<AttachModeName, AttachMode>;
