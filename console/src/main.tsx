import "./ui/styles";

import { createRoot } from "react-dom/client";

import { isDenied } from "./api/errors";
import { App } from "./components/App";
import { activate } from "./hooks/language";
import { loadAhead } from "./routes";
import { loadPreferences } from "./stores/preferences";
import { installTrustedTypes } from "./util/trusted_types";

async function start(): Promise<void> {
  installTrustedTypes();
  const preferences = loadPreferences();
  activate(preferences.language);
  const root = document.getElementById("root");
  if (root === null) throw new Error("the page has no root");
  createRoot(root, { onCaughtError: report }).render(<App theme={preferences.theme} />);
  // A failure shows when somebody goes there, which loads it again.
  await loadAhead().catch(() => undefined);
}

/** Reports an error that the page shows. That a role may not see a part is none. */
function report(error: unknown): void {
  if (!isDenied(error)) console.error(error);
}

void start();
