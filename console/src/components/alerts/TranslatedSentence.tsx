import type { Notification } from "@megarouter/admin";

import { useLanguage } from "../../hooks/language";
import { factsOf } from "./facts";
import { useAlertSentences } from "./sentences";

/** The sentence of an alert in the language of the page. A type that the console does not know has the service's. */
export default function TranslatedSentence({ of }: { readonly of: Pick<Notification, "eventType" | "data" | "summary"> }) {
  const language = useLanguage();
  const sentence = useAlertSentences()[of.eventType];
  return sentence === undefined ? of.summary : sentence(factsOf(of.data ?? {}, language));
}
