// Lists an organization's API keys, disables one, enables it again, and shows what an error looks like.
//
// Needs MEGAROUTER_ADMIN_URL, MEGAROUTER_ADMIN_TOKEN and MEGAROUTER_ORGANIZATION: `./dev up` writes them to .run/env.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"megarouter.internal/megarouter"
	adminv1 "megarouter.internal/megarouter/admin/v1"
)

func main() {
	if err := run(context.Background(), os.Getenv("MEGAROUTER_ORGANIZATION")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, organization string) error {
	router, err := megarouter.Connect(os.Getenv("MEGAROUTER_ADMIN_URL"), os.Getenv("MEGAROUTER_ADMIN_TOKEN"))
	if err != nil {
		return err
	}
	defer router.Close()

	var active *adminv1.ApiKey
	pages := megarouter.Pages(router.ApiKeys.ListApiKeys, &adminv1.ListApiKeysRequest{Parent: organization, PageSize: 2})
	for pages.Next(ctx) {
		for _, key := range pages.Page().ApiKeys {
			fmt.Printf("%s  %s  %s  %s\n", key.Name, key.ObfuscatedKey, key.State, key.DisplayName)
			if active == nil && key.State == adminv1.ApiKey_STATE_ACTIVE {
				active = key
			}
		}
	}
	if err := pages.Err(); err != nil {
		return err
	}

	disabled, err := router.ApiKeys.DisableApiKey(ctx, &adminv1.DisableApiKeyRequest{Name: active.GetName(), Etag: active.GetEtag()})
	if err != nil {
		return err
	}
	fmt.Println("disabled", disabled.Name)
	enabled, err := router.ApiKeys.EnableApiKey(ctx, &adminv1.EnableApiKeyRequest{Name: active.GetName(), Etag: disabled.Etag})
	if err != nil {
		return err
	}
	fmt.Println("enabled", enabled.Name)

	_, err = router.ApiKeys.GetApiKey(ctx, &adminv1.GetApiKeyRequest{Name: organization + "/apiKeys/unknown"})
	var failure *megarouter.Error
	if !errors.As(err, &failure) {
		return fmt.Errorf("not the expected error: %w", err)
	}
	fmt.Printf("refused: %s, needs %s\n", failure.Reason, failure.Metadata["permission"])
	return nil
}
