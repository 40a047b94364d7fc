/** "Chrome, Windows": what a person can tell apart. */
export function browserOf(agent) {
  const first = (...pairs) => pairs.find(([mark]) => agent.includes(mark))?.[1];
  const program = first(["Edg/", "Edge"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["CriOS/", "Chrome"], ["Safari/", "Safari"]);
  const system = first(["iPad", "iPad"], ["iPhone", "iPhone"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS", "Mac"], ["Linux", "Linux"]);
  return [program, system].filter(Boolean).join(", ") || agent.slice(0, 60);
}
