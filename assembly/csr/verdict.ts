/** What an access to a CSR comes to. */
export const enum Verdict {
  Allowed = 0,
  Illegal = 1,
  Virtual = 2,
}
