// What the probe says for machines: lines of `yado-result key=value …` and `yado-attack key=value …`.

/** The key=value words of a line. */
function words(line: string): Record<string, string> {
  const pairs = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map((word) => [word.split("=", 1)[0], word.slice(word.indexOf("=") + 1)]);
  return Object.fromEntries(pairs);
}

/** All lines that begin with `tag`. The text is a guest's and may be anything. */
export function taggedLines(text: string, tag: string): Record<string, string>[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line.startsWith(`${tag} `))
    .map(words);
}

/** A count from a line: whole and not negative, else 0. */
export function countOf(line: Readonly<Record<string, string>> | undefined, key: string): number {
  const value = Number(line?.[key]);
  return Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
