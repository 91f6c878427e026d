import type { Notification } from "@megarouter/admin";
import { Suspense, lazy } from "react";

import { useLanguage } from "../../hooks/language";

const TranslatedSentence = lazy(() => import("./TranslatedSentence"));

/** What happened, in one sentence. The service says it in English; other languages load their sentences when there is an alert. */
export function AlertSentence({ of }: { readonly of: Pick<Notification, "eventType" | "data" | "summary"> }) {
  return useLanguage() === "en" ? of.summary : <Suspense fallback={of.summary}><TranslatedSentence of={of} /></Suspense>;
}
