import com.megarouter.MegaRouter;
import com.megarouter.MegaRouterError;
import com.megarouter.Pages;
import com.megarouter.admin.v1.ApiKey;
import com.megarouter.admin.v1.DisableApiKeyRequest;
import com.megarouter.admin.v1.EnableApiKeyRequest;
import com.megarouter.admin.v1.GetApiKeyRequest;
import com.megarouter.admin.v1.ListApiKeysRequest;
import io.grpc.StatusRuntimeException;

/**
 * Lists an organization's API keys, disables one, enables it again, and shows what an error looks like.
 *
 * <p>Needs MEGAROUTER_ADMIN_URL, MEGAROUTER_ADMIN_TOKEN and MEGAROUTER_ORGANIZATION: {@code ./dev up} writes them to .run/env.
 */
public final class ApiKeys {
  public static void main(String[] arguments) {
    String organization = System.getenv("MEGAROUTER_ORGANIZATION");
    try (MegaRouter router = MegaRouter.fromEnvironment()) {
      ApiKey active = null;
      var request = ListApiKeysRequest.newBuilder().setParent(organization).setPageSize(2).build();
      for (var page : Pages.of(router.apiKeys()::listApiKeys, request)) {
        for (ApiKey key : page.getApiKeysList()) {
          System.out.printf("%s  %s  %s  %s%n", key.getName(), key.getObfuscatedKey(), key.getState(), key.getDisplayName());
          active = active == null && key.getState() == ApiKey.State.STATE_ACTIVE ? key : active;
        }
      }

      var disable = DisableApiKeyRequest.newBuilder().setName(active.getName()).setEtag(active.getEtag()).build();
      ApiKey disabled = router.apiKeys().disableApiKey(disable);
      System.out.println("disabled " + disabled.getName());
      var enable = EnableApiKeyRequest.newBuilder().setName(active.getName()).setEtag(disabled.getEtag()).build();
      System.out.println("enabled " + router.apiKeys().enableApiKey(enable).getName());

      try {
        router.apiKeys().getApiKey(GetApiKeyRequest.newBuilder().setName(organization + "/apiKeys/unknown").build());
      } catch (StatusRuntimeException failure) {
        MegaRouterError error = MegaRouterError.of(failure);
        System.out.printf("refused: %s, needs %s%n", error.reason(), error.metadata().get("permission"));
      }
    }
  }
}
