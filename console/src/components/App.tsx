import { TransportProvider } from "@connectrpc/connect-query";
import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { type MantineColorSchemeManager, MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";

import { queryClient } from "../api/queries";
import { transport } from "../api/transport";
import { router } from "../routes";
import { type Theme, changePreferences } from "../stores/preferences";
import { cssVariables, theme as appearance } from "../ui/theme";

export function App({ theme }: { readonly theme: Theme }) {
  return (
    <I18nProvider i18n={i18n}>
      <MantineProvider theme={appearance} cssVariablesResolver={cssVariables} defaultColorScheme={theme} colorSchemeManager={inCookie(theme)}>
        <TransportProvider transport={transport}>
          <QueryClientProvider client={queryClient}>
            <RouterProvider router={router} />
          </QueryClientProvider>
        </TransportProvider>
      </MantineProvider>
    </I18nProvider>
  );
}

/** Keeps the theme in the console's cookie. Mantine would use the local storage, which stays empty. */
function inCookie(theme: Theme): MantineColorSchemeManager {
  return {
    get: () => theme,
    set: (chosen) => changePreferences({ theme: chosen }),
    subscribe: () => undefined,
    unsubscribe: () => undefined,
    clear: () => changePreferences({ theme: "auto" }),
  };
}
