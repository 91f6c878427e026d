// Package megarouter is the client of the MegaRouter Enterprise admin API, over gRPC.
//
//	router, err := megarouter.Connect(os.Getenv("MEGAROUTER_ADMIN_URL"), os.Getenv("MEGAROUTER_ADMIN_TOKEN"))
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer router.Close()
//	balance, err := router.Credits.GetCreditBalance(ctx, &adminv1.GetCreditBalanceRequest{Name: organization + "/creditBalance"})
//
// A failed call returns an error for which errors.As finds an *Error.
package megarouter

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// Client has a field for every service of the admin API. Goroutines may share a client.
type Client struct {
	Services
	connection *grpc.ClientConn
}

// Option changes how Connect makes a client.
type Option func(*settings)

type settings struct {
	policy      CallPolicy
	tls         *tls.Config
	dialOptions []grpc.DialOption
}

// WithPolicy sets the deadline and the retries of every call.
func WithPolicy(policy CallPolicy) Option {
	return func(chosen *settings) { chosen.policy = policy }
}

// WithTLS sets the TLS configuration. Default: trust the certificate authorities of the system.
func WithTLS(configuration *tls.Config) Option {
	return func(chosen *settings) { chosen.tls = configuration }
}

// WithDialOptions adds options of gRPC.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(chosen *settings) { chosen.dialOptions = append(chosen.dialOptions, options...) }
}

// Connect returns a client, which connects on its first call.
//
// The address is https://host[:port], or http://host[:port], which sends the token unencrypted; use it only on one machine. The token is
// an access token.
func Connect(address, token string, options ...Option) (*Client, error) {
	chosen := settings{policy: DefaultPolicy(), tls: &tls.Config{}}
	for _, option := range options {
		option(&chosen)
	}
	target, encrypted, err := targetOf(address)
	if err != nil {
		return nil, err
	}
	security := grpc.WithInsecure()
	if encrypted {
		security = grpc.WithTransportCredentials(credentials.NewTLS(chosen.tls))
	}
	dialOptions := append([]grpc.DialOption{security, grpc.WithChainUnaryInterceptor(governed(token, chosen.policy))}, chosen.dialOptions...)
	connection, err := grpc.Dial(target, dialOptions...)
	if err != nil {
		return nil, err
	}
	return &Client{Services: servicesOf(connection), connection: connection}, nil
}

// Close closes the connection and cancels calls under way.
func (client *Client) Close() error {
	return client.connection.Close()
}

// targetOf returns host:port, and whether the connection is encrypted.
func targetOf(address string) (string, bool, error) {
	parsed, err := url.Parse(address)
	ports := map[string]string{"http": "80", "https": "443"}
	if err != nil || ports[parsed.Scheme] == "" || parsed.Hostname() == "" || parsed.User != nil || parsed.RawQuery != "" ||
		(parsed.Path != "" && parsed.Path != "/") {
		return "", false, fmt.Errorf("the address must look like https://host:port, not %q", address)
	}
	target := parsed.Host
	if parsed.Port() == "" {
		target += ":" + ports[parsed.Scheme]
	}
	return target, parsed.Scheme == "https", nil
}

// governed gives every call its token, deadline, request id and retries.
func governed(token string, policy CallPolicy) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, request, response interface{}, connection *grpc.ClientConn, invoke grpc.UnaryInvoker,
		options ...grpc.CallOption,
	) error {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
		if _, limited := ctx.Deadline(); !limited {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, policy.Timeout)
			defer cancel()
		}
		if message, ok := request.(proto.Message); ok {
			request = withRequestID(message)
		}
		for attempt := 1; ; attempt++ {
			err := invoke(ctx, method, request, response, connection, options...)
			if err == nil {
				return nil
			}
			failure := errorFrom(err)
			pause, again := policy.pauseBeforeRetry(failure, attempt)
			deadline, _ := ctx.Deadline()
			if !again || failure.Code != codes.Unavailable || pause >= time.Until(deadline) {
				return failure
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return failure
			}
		}
	}
}
