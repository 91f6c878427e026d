import { useSuspenseQuery } from "@tanstack/react-query";

/** What the gateway announces to everyone. */
export interface Deployment {
  /** Where models are called, without `/v1`. */
  readonly model_url: string;
  readonly identity_providers: readonly IdentityProvider[];
  /** The certificates with which reports are signed, in base64. */
  readonly report_certificates?: readonly string[];
}

/** An OpenID Connect issuer. People sign in to the console with those that have a client for it. */
export interface IdentityProvider {
  readonly name: string;
  readonly issuer: string;
  readonly console_client_id?: string;
}

async function announced(): Promise<Deployment> {
  const answer = await fetch("/.well-known/megarouter");
  if (!answer.ok) throw new Error(`the gateway announces nothing (${answer.status})`);
  return (await answer.json()) as Deployment;
}

export function useDeployment(): Deployment {
  return useSuspenseQuery({ queryKey: ["deployment"], queryFn: announced, staleTime: Number.POSITIVE_INFINITY }).data;
}
