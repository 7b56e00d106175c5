// The ways to attach a disk, and those to attach a network interface. A mode without a file does not compile.
import type { AttachMode, AttachModeName, DiskAttachment, NicAttachment } from "../types.js";
import { assigned } from "./assigned.js";
import { assignedRaw } from "./assigned-raw.js";
import { assignedRewrite } from "./assigned-rewrite.js";
import { assignedService } from "./assigned-service.js";
import { emulated } from "./emulated.js";
import { emulatedNic } from "./emulated-nic.js";
import { native } from "./native.js";
import { paravirtual } from "./paravirtual.js";
import { paravirtualNic } from "./paravirtual-nic.js";
import { rewriteNic } from "./rewrite-nic.js";

export const attachModes = {
  native,
  emulated,
  assigned,
  "assigned-service": assignedService,
  "assigned-rewrite": assignedRewrite,
  paravirtual,
  "assigned-raw": assignedRaw,
} satisfies Record<AttachModeName, AttachMode<DiskAttachment>>;

/** Assignment is the same for every device. */
export const nicModes = {
  native,
  emulated: emulatedNic,
  assigned,
  "assigned-service": assignedService,
  "assigned-rewrite": rewriteNic,
  paravirtual: paravirtualNic,
  "assigned-raw": assignedRaw,
} satisfies Record<AttachModeName, AttachMode<NicAttachment>>;
