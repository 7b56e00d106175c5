/** A mistake in what the user gave us: what is wrong, where, and what to do. The command turns it into exit code 2. */
export class UserError extends Error {
  override readonly name = "UserError";

  /**
   * @param problem what is wrong, one clause
   * @param place the file (and the place in it), option or scenario key that it is about
   * @param remedy what the user can do
   */
  constructor(
    readonly problem: string,
    readonly place: string,
    readonly remedy: string,
  ) {
    super(`${place}: ${problem}. ${remedy}`);
  }
}
