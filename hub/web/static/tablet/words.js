/** The language of what somebody typed or a hotel is called, for those who hear the page; null when it is plain Latin. */
export const langOf = (text) => (/[぀-ヿ㐀-鿿]/.test(text) ? "ja" : null);
