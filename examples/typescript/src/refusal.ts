/** Why a token is refused: stable codes of two classes that must not be confused (TOKEN §7). */

/** The operation must not run; `code` is stable, `detail` is for people. */
export abstract class Refusal extends Error {
  abstract readonly verdict: "denied" | "undetermined";

  constructor(
    readonly code: string,
    readonly detail = "",
  ) {
    super(detail === "" ? code : `${code}: ${detail}`);
  }
}

/** We know that the token is bad. */
export class Denied extends Refusal {
  readonly verdict = "denied";
}

/** We could not judge it. That is no permission either. */
export class Undetermined extends Refusal {
  readonly verdict = "undetermined";
}
