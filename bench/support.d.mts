// Types of what tests use of support.mjs.
type Change = number | ((count: number) => number);

export declare const qemuInstalled: boolean;
export declare function onQemu(elf: string, ...more: string[]): { output: string; user: number; wall: number };
export declare function withPrograms<T>(
  use: (program: (name: string, variables?: Record<string, Change>) => string) => T,
): T;
export declare function writeJson(directory: string, figures: readonly object[]): void;
export declare function cost(name: string, measure: string, value: number, unit: string): object;
export declare function rate(
  name: string,
  measure: string,
  value: number,
  unit: string,
  scale: number,
  unitOfTime: string,
): object;

/** Bundles bench/NAME.ts; returns the path of the result. */
export function bundled(name: string): string;
/** Compiles assembly/bench/loops.ts; returns the path of the result. */
export function compiledLoops(): string;
