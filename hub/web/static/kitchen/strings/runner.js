/** For those who carry. */
export const RUNNER = {
  ja: {
    "runner.ready": "配達を待つご注文",
    "runner.away": "配達中",
    "runner.none": "運ぶものはありません — 接続中 {time}",
    "runner.floor": "{floor}階",
    "runner.elsewhere": "その他",
    "runner.waits": "{level} 待ち{minutes}分",
    "runner.go": "{count}件をまとめて配達へ",
    "runner.clear": "選び直す",
    "runner.id": "{age}歳以上を確認しました",
    "runner.back": "戻す",
    "allergy.slip": "お渡しのときにお伝えください",
  },
  en: {
    "runner.ready": "Ready to go",
    "runner.away": "On the way",
    "runner.none": "Nothing to carry — connected {time}",
    "runner.floor": "Floor {floor}",
    "runner.elsewhere": "Elsewhere",
    "runner.waits": "{level} waits {minutes}m",
    "runner.go": "Take {count} along",
    "runner.clear": "Clear",
    "runner.id": "ID checked: {age} or older",
    "runner.back": "Put back",
    "allergy.slip": "Say it at the door",
  },
};
