/** All-day counts and scheduled orders. */
export const RAIL = {
  ja: {
    "rail.total": "残り {count}点",
    "rail.none": "いま作るものはありません",
    "rail.hint": "押すと伝票に印、長押しで品切れ",
    "rail.plain": "そのまま",
    "upcoming": "予約のご注文",
    "fires": "{time} 開始",
    "fire.now": "今すぐ",
  },
  en: {
    "rail.total": "{count} to make",
    "rail.none": "Nothing to make right now",
    "rail.hint": "Tap to mark tickets, hold to mark sold out",
    "rail.plain": "plain",
    "upcoming": "Upcoming",
    "fires": "fires {time}",
    "fire.now": "Fire now",
  },
};
