import { isCalling, isLive, needsId } from "../flow.js";

/** What stands in small words under a ticket's head: `[name, text]`, the gravest first; the last may find no room. */
export function flagsOf({ order, waiting, queued, silent }, i18n) {
  const cancelled = order.status === "cancelled";
  const fresh = order.status === "received" && order.accepted_at === null;
  const names = [
    waiting.size > 0 && queued && "waiting",
    cancelled && "cancelled",
    !cancelled && order.items.some((item) => !isLive(item)) && "changed",
    order.rush && "rush",
    order.recall_count > 0 && "recalled",
    isCalling(order) ? "unaccepted" : fresh && "new",
    needsId(order) && "age",
    silent && "silent",
  ].filter(Boolean);
  return names.map((name) => [name, i18n.text(`flag.${name}`)]);
}
