import { useLanguage } from "../hooks/language";

/** The space between two sentences. Chinese has none, because its full stop brings its own. */
export function SentenceGap() {
  return useLanguage() === "zh" ? null : " ";
}
