import { operatorPaths } from "../../../paths";

/** The id of a provider, of the name of its configuration: `providers/openai/configuration`. */
export function providerOf(configuration: string): string {
  return configuration.split("/")[1] ?? "";
}

/** The operators' page of a provider, by the name of its configuration. */
export function providerPageOf(configuration: string): string {
  return `${operatorPaths.providers}/${providerOf(configuration)}`;
}

/** The public name of a model, which may contain slashes. */
export function publicNameOf(model: string): string {
  return model.replace(/^models\//, "");
}

/** The operators' page of a model. */
export function modelPageOf(model: string): string {
  return `${operatorPaths.models}/${publicNameOf(model)}`;
}

/** The page on which a model is changed. The name is the end of its address, as it may contain slashes. */
export function modelEditPageOf(model: string): string {
  return `/operators/edit/models/${publicNameOf(model)}`;
}

export const newProviderPage = "/operators/new/provider";
export const newModelPage = "/operators/new/model";

/** The operators' page of what a version changed; undefined if it has none. */
export function pageOfChanged(resource: string): string | undefined {
  if (resource === "listenerLimits") return operatorPaths.limits;
  const [collection, id] = resource.split("/");
  if (collection === "providers") return `${operatorPaths.providers}/${id}`;
  if (collection === "models") return modelPageOf(resource);
  return collection === "organizations" ? `${operatorPaths.organization}/${id}` : undefined;
}
