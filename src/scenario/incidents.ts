// What happens to a run from outside at stated cycles: guests killed and reset, devices reset, cables pulled.
import type { EventQueue } from "../platform/events.js";
import type { Happened, RunEvent } from "./types.js";

/** Incidents that are kept for the report: a guest may reboot as often as it likes. */
const MOST_KEPT = 1000;

export interface IncidentPorts {
  readonly clock: EventQueue;
  /** Ends a guest or starts it anew, at once or as soon as that can be done. */
  kill(guest: number): void;
  reset(guest: number): void;
  resetDisk(disk: number): void;
  resetNic(nic: number): void;
  setLink(nic: number, up: boolean): void;
}

/** Lets a run's events happen, and keeps a record of what has. */
export class Incidents {
  readonly happened: Happened[] = [];
  /** Guests that an event has stopped in order to reset them. */
  private readonly asked = new Set<number>();

  constructor(
    private readonly events: readonly RunEvent[],
    private readonly ports: IncidentPorts,
  ) {}

  /** Events at one cycle happen in the order in which they are written. */
  start(): void {
    const { clock } = this.ports;
    for (const event of this.events) clock.at(Math.max(event.at, clock.now()), () => this.happen(event));
  }

  private happen(event: RunEvent): void {
    const { ports } = this;
    const { action } = event;
    if ("guest" in event) {
      if (action === "kill") ports.kill(event.guest);
      else {
        this.asked.add(event.guest);
        ports.reset(event.guest);
      }
      return;
    }
    this.note({ ...event, cycle: ports.clock.now() });
    if ("disk" in event) ports.resetDisk(event.disk);
    else if (action === "reset") ports.resetNic(event.nic);
    else ports.setLink(event.nic, action === "link-up");
  }

  /** A guest has been killed. */
  killed(guest: number): void {
    this.note({ guest, action: "kill", cycle: this.ports.clock.now() });
  }

  /** A guest has stopped to begin anew, because of an event or because it wanted to. */
  stopped(guest: number): void {
    this.note({ guest, action: this.asked.delete(guest) ? "reset" : "reboot", cycle: this.ports.clock.now() });
  }

  /** It runs again. */
  restarted(guest: number): void {
    const at = this.happened.findLastIndex((one) => "guest" in one && one.guest === guest && one.action !== "kill");
    if (at >= 0) this.happened[at] = { ...this.happened[at], restarted: this.ports.clock.now() } as Happened;
  }

  private note(what: Happened): void {
    if (this.happened.length < MOST_KEPT) this.happened.push(what);
  }
}
