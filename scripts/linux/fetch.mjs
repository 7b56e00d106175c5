// Fetches the stock Debian guest that `npm run test:linux` and `npm run bench -- linux` boot. Says why, and succeeds, where it can't.
import { linuxGuest } from "./guest.mjs";
import { packages, Unavailable } from "./packages.mjs";

const log = (line) => process.stderr.write(`linux guest: ${line}\n`);
try {
  if (!linuxGuest()) packages(log);
  log(`Linux ${linuxGuest().version}`);
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  log(`not here, what needs it is skipped: ${error.message}`);
  log("YADO_LINUX_IMAGE, YADO_LINUX_MODULES, YADO_BUSYBOX and YADO_OPENSBI may name the parts (docs/linux.md)");
}
