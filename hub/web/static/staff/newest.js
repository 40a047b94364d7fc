/**
 * Of questions that overlap only the last one's answer counts: the function that is returned asks, and resolves with
 * the answer, or with null when somebody has asked again meanwhile.
 */
export function newest() {
  let asked = 0;
  return async (question) => {
    const turn = (asked += 1);
    const answer = await question();
    return turn === asked ? answer : null;
  };
}
