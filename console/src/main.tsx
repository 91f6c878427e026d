import "./ui/styles";

import { createRoot } from "react-dom/client";

import { App } from "./components/App";
import { activate } from "./hooks/language";
import { loadPreferences } from "./stores/preferences";
import { installTrustedTypes } from "./util/trusted_types";

async function start(): Promise<void> {
  installTrustedTypes();
  const preferences = loadPreferences();
  await activate(preferences.language);
  const root = document.getElementById("root");
  if (root === null) throw new Error("the page has no root");
  createRoot(root).render(<App theme={preferences.theme} />);
}

void start();
