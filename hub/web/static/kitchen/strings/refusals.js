/** What the hub refuses, by its code. */
export const REFUSALS = {
  ja: {
    "error.invalid_transition": "ほかの画面ですでに操作されています",
    "error.version_mismatch": "ほかの画面で先に操作されました。ご確認のうえ、もう一度押してください",
    "error.not_found": "見つかりません。すでに削除されています",
    "error.forbidden": "この画面からは操作できません。時間を過ぎた呼び戻しは責任者にお知らせください",
    "error.id_check_required": "お届けの前に年齢確認が必要です",
    "error.allergy_not_acknowledged": "先にアレルギーを確認してください",
    "error.out_of_stock": "在庫がありません。在庫を補充すると販売を再開できます",
    "error.unavailable": "ただいま処理できません。少し待ってからもう一度お試しください",
    "error.session_ended": "この画面の接続が終了したため、操作できませんでした",
    "error.other": "操作できませんでした。もう一度お試しください",
  },
  en: {
    "error.invalid_transition": "Already changed on another screen",
    "error.version_mismatch": "Another screen was faster. Please check and tap again",
    "error.not_found": "It cannot be found any more",
    "error.forbidden": "Not allowed from this screen. For a late recall, ask a manager",
    "error.id_check_required": "The guest's ID must be checked before the handover",
    "error.allergy_not_acknowledged": "Confirm the allergy first",
    "error.out_of_stock": "No stock left. It can be sold again when it is restocked",
    "error.unavailable": "Not possible right now. Please wait a moment and try again",
    "error.session_ended": "This screen's session has ended, nothing was done",
    "error.other": "That did not work. Please try again",
  },
};
