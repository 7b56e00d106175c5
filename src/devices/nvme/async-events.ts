// NVM Express Base Specification 1.4, "Asynchronous Event Request command".
import type { Complete } from "./queue.js";
import { Status } from "./status.js";

export const enum EventType {
  Error = 0,
  Smart = 1,
}

/** Information of error events. */
export const enum ErrorEvent {
  InvalidDoorbellRegister = 0,
  InvalidDoorbellWriteValue = 1,
}

/** Information of SMART events. */
export const enum SmartEvent {
  TemperatureThreshold = 1,
}

/** Asynchronous Event Request Limit (AERL) + 1. */
export const REQUEST_LIMIT = 4;

interface Event {
  type: EventType;
  information: number;
  logPage: number;
}

/** Matches events with the requests that wait for them. */
export class AsyncEvents {
  private requests: { cid: number; complete: Complete }[] = [];
  private events: Event[] = [];
  /** Types of which an event was reported and not yet cleared by reading its log page. */
  private masked = new Set<EventType>();

  get full(): boolean {
    return this.requests.length >= REQUEST_LIMIT;
  }

  request(cid: number, complete: Complete): void {
    this.requests.push({ cid, complete });
    this.deliver();
  }

  raise(event: Event): void {
    const known = this.events.some((e) => e.type === event.type && e.information === event.information);
    if (!known) this.events.push(event);
    this.deliver();
  }

  /** The host has read a log page without asking to retain the event. */
  cleared(type: EventType): void {
    this.masked.delete(type);
    this.deliver();
  }

  /** Aborts the request with this command identifier, if there is one. */
  abort(cid: number): boolean {
    const i = this.requests.findIndex((request) => request.cid === cid);
    if (i < 0) return false;
    const [request] = this.requests.splice(i, 1);
    request.complete(Status.CommandAbortRequested);
    return true;
  }

  reset(): void {
    this.requests = [];
    this.events = [];
    this.masked.clear();
  }

  private deliver(): void {
    while (this.requests.length > 0) {
      const i = this.events.findIndex((event) => !this.masked.has(event.type));
      if (i < 0) return;
      const [event] = this.events.splice(i, 1);
      this.masked.add(event.type);
      const { complete } = this.requests.shift()!;
      complete(Status.Success, event.type | (event.information << 8) | (event.logPage << 16));
    }
  }
}
