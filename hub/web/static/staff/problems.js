import { say, silence } from "./words.js";

// Fields whose fault the person can mend, by the name that the hub gives them.
const FIELDS = {
  password: "password", new: "password", old: "old", code: "code", pin: "pin", email: "email", room_number: "room_number",
  guest_name: "guest_name", guest_phone: "guest_phone", device_name: "device_name", stations: "stations", hotel: "hotel",
  url: "url", description: "description", alert_unseen_seconds: "alert", alert_hook_seconds: "alert", alert_chime_seconds: "alert",
  alert_page_seconds: "alert", alert_every_seconds: "alert",
};
const KNOWN = new Set([
  "away", "rate_limited", "unavailable", "forbidden", "not_found", "conflict", "tenant_closed", "internal",
  "operation_in_progress", "too_large", "version_mismatch", "invalid_transition",
]);
const UNITS = ["rooms", "users", "storage"];
const hour = (seconds) => new Date(Date.now() + seconds * 1000).toLocaleTimeString("en-GB");

/** `[key, values]` for what went wrong. `context` names the form: its own words go before the general ones. */
export function wordsFor(problem, context = {}) {
  const { code, details } = problem;
  if (context[code]) return [context[code], details];
  if (code === "limit_reached" && UNITS.includes(details.limit)) return [`problem.limit.${details.limit}`, details];
  if (code === "rate_limited" && Number.isFinite(details.retry_after_seconds))
    return ["problem.rate_limited.until", { time: hour(details.retry_after_seconds) }];
  if (code === "invalid_input") {
    const field = FIELDS[details.field];
    return [field ? `problem.field.${field}` : "problem.invalid_input", details];
  }
  return [KNOWN.has(code) ? `problem.${code}` : "problem.other", {}];
}

/** Show a problem in an alert, or nothing. */
export function showProblem(box, problem, context) {
  box.hidden = problem === null;
  if (problem === null) return silence(box);
  return say(box, ...wordsFor(problem, context));
}
