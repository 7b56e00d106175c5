// Numbers as a reader sees them. No locale: the same text on every host.

/** 1234567.891 → "1,234,568" with 0 places, "1,234,567.89" with 2. */
export function grouped(value: number, places = 0): string {
  if (!Number.isFinite(value)) return "–";
  const [whole, fraction] = Math.abs(value).toFixed(places).split(".");
  const head = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const sign = value < 0 && Number(value.toFixed(places)) !== 0 ? "-" : "";
  return `${sign}${head}${fraction ? `.${fraction}` : ""}`;
}

/** Three significant digits or whole numbers: 0.123, 4.57, 12.3, 456, 7,890. Zero is "0". */
export function brief(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.0005) return "<0.001";
  return grouped(value, size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0);
}

/** A ratio against the baseline: "×1.00", "×0.437", "×12.3". Empty without a baseline. */
export function ratio(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "";
  return `×${Math.abs(value) < 1 ? value.toFixed(3) : value < 10 ? value.toFixed(2) : grouped(value, 1)}`;
}

/** Bytes in powers of 1024: "512 B", "64 KiB", "8 MiB", "1.50 MiB". */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${Number.isInteger(size) ? grouped(size) : size.toFixed(2)} ${units[unit]}`;
}

export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.1) return "< 0.1 %";
  if (value > 99.9) return "> 99.9 %";
  return `${value.toFixed(value < 10 || value > 99 ? 1 : 0)} %`;
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** "a", "a and b", "a, b and c". */
export function list(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

/** Words of a guest, which may be anything, fit for a terminal: control characters become dots; at most `most` characters. */
export function printable(text: string, most = 120): string {
  const clean = text.replace(/[^ -~]/g, "·");
  return clean.length > most ? `${clean.slice(0, most - 1)}…` : clean;
}
