/**
 * What a closed socket means for this device. 4000-4499 reconnect, 4500-4999 do not.
 *
 * reconnect  try again with the position we have
 * reset      try again without a position: the hub sends a snapshot
 * renew      get a new token first
 * recheck    get a new token once; when that does not help, the session is over
 * stop       stay away until somebody asks
 */
export const CLOSE_CODES = Object.freeze({
  4001: { name: "drain", action: "reconnect" },
  4004: { name: "internal", action: "reconnect" },
  4005: { name: "token_expired", action: "renew" },
  4008: { name: "too_slow", action: "reconnect" },
  4010: { name: "position_lost", action: "reset" },
  4012: { name: "no_pong", action: "reconnect" },
  4013: { name: "rate", action: "reconnect" },
  4500: { name: "bad_token", action: "recheck" },
  4501: { name: "bad_frame", action: "stop" },
  4502: { name: "no_hello", action: "reconnect" }, // our hello was slower than 5 s: a slow network, not a fault
  4503: { name: "revoked", action: "recheck" },
  4504: { name: "replaced", action: "stop" },
  4505: { name: "limit", action: "stop" },
  4507: { name: "forbidden", action: "recheck" }, // the hotel is closed; the next token says why
});

/** The policy of a close code, also of one this version does not know. */
export function closePolicy(code) {
  const known = CLOSE_CODES[code];
  if (known) return known;
  if (code >= 4500 && code <= 4999) return { name: "unknown", action: "stop" };
  return { name: "lost", action: "reconnect" };
}
