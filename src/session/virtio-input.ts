// Who types at a virtio console. A driver that is being set up may throw away what comes (Linux's does until its port is
// registered, after it has begun to print), and the device isn't told when that is over.
import type { Console } from "../platform/console.js";
import type { Clock, ConsolePort } from "../platform/ports.js";

/** Seconds of the machine's time between the first character printed and the first one typed. */
const HESITATION = 0.1;

/** Lets through what is typed once the other side has printed something, and a moment has passed. */
export class PatientConsole implements ConsolePort {
  private spoken = false;
  private ready = false;

  /**
   * @param clock the machine's, once there is one
   * @param poll has the device look for what was typed
   */
  constructor(
    private readonly console: Console,
    private readonly clock: () => Clock,
    private readonly poll: () => void,
  ) {}

  write(byte: number): void {
    this.console.write(byte);
    if (this.spoken) return;
    this.spoken = true;
    const clock = this.clock();
    clock.after(HESITATION * clock.frequency, () => {
      this.ready = true;
      this.poll();
    });
  }

  take(): number {
    return this.ready ? this.console.take() : -1;
  }
}
