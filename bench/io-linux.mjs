export function run() {
  return { text: "", figures: [] };
}
