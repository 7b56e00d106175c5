// GDB's end of the line: a TCP port on this computer alone, one debugger at a time.
import { createServer, type Server, type Socket } from "node:net";
import { Debugger, GdbServer, UserError } from "../index.js";
import { reason } from "./files.js";
import { complain } from "./terminal.js";

/** A debugger that waits at a port; the machine stands still until somebody lets it run. */
export class GdbPort {
  readonly target = new Debugger();
  private readonly server: Server;
  private connection: { socket: Socket; server: GdbServer } | undefined;
  private wake: () => void = () => {};

  /** @param on what the debugger asks of the run: to stop for good; to look again whether it should run */
  constructor(
    private readonly port: number,
    private readonly on: { kill(): void; attention(): void },
  ) {
    this.server = createServer((socket) => this.accept(socket));
  }

  /** Starts to listen. UserError when the port is taken. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once("error", (error) =>
        reject(new UserError(`can't listen at port ${this.port}: ${reason(error)}`, "--gdb", "Choose another port")),
      );
      this.server.listen(this.port, "127.0.0.1", () => {
        const address = this.server.address();
        const port = typeof address === "object" && address ? address.port : this.port;
        complain(`yado: waiting for GDB: target remote :${port}\n`);
        resolve();
      });
    });
  }

  private accept(socket: Socket): void {
    if (this.connection) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    const server = new GdbServer(this.target, {
      send: (bytes) => socket.write(bytes),
      resumed: () => this.wake(),
      kill: () => {
        this.on.kill();
        this.wake();
      },
    });
    this.connection = { socket, server };
    socket.on("data", (data: Buffer) => {
      server.receive(new Uint8Array(data));
      this.on.attention();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.connection = undefined;
      this.target.detach(); // without a word: the machine goes on, and waits for nobody
      this.wake();
    });
  }

  /** Waits until the machine is to run, or `over` says that it never will. */
  async ready(over: () => boolean): Promise<void> {
    while (this.target.stop && !over()) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Ends a wait. */
  interrupt(): void {
    this.wake();
  }

  /** Tells the debugger when the machine stands still. */
  settle(): void {
    this.target.settle();
    if (this.target.stop) this.connection?.server.stopped();
  }

  close(code: number): void {
    if (this.connection) {
      this.connection.server.ended(code);
      this.connection.socket.end();
    }
    this.server.close();
  }
}
