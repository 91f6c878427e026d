package megarouter

import (
	"context"
	"errors"
	"net"
	"regexp"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	adminv1 "megarouter.internal/megarouter/admin/v1"
)

// failing is a server whose TopUpCredit fails with a code a number of times, and whose list has as many pages as tokens.
type failing struct {
	adminv1.UnimplementedCreditsServer
	code     codes.Code
	times    int
	requests []*adminv1.TopUpCreditRequest
	tokens   []string
	asked    []string
	metadata metadata.MD
	deadline time.Time
}

func (server *failing) TopUpCredit(ctx context.Context, request *adminv1.TopUpCreditRequest) (*adminv1.TopUpCreditResponse, error) {
	server.requests = append(server.requests, request)
	server.metadata, _ = metadata.FromIncomingContext(ctx)
	server.deadline, _ = ctx.Deadline()
	if len(server.requests) > server.times {
		return &adminv1.TopUpCreditResponse{}, nil
	}
	answer, _ := status.New(server.code, "not now").WithDetails(
		&errdetails.ErrorInfo{Reason: "DEPENDENCY_UNAVAILABLE", Domain: "megarouter", Metadata: map[string]string{"incident": "one"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "parent", Description: "is required"}}},
	)
	return nil, answer.Err()
}

func (server *failing) ListCreditTransactions(
	_ context.Context, request *adminv1.ListCreditTransactionsRequest,
) (*adminv1.ListCreditTransactionsResponse, error) {
	server.asked = append(server.asked, request.PageToken)
	return &adminv1.ListCreditTransactionsResponse{NextPageToken: server.tokens[len(server.asked)-1]}, nil
}

func connected(t *testing.T, server *failing) *Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := grpc.NewServer()
	adminv1.RegisterCreditsServer(served, server)
	go func() { _ = served.Serve(listener) }()
	t.Cleanup(served.Stop)
	policy := CallPolicy{Timeout: 5 * time.Second, MaxAttempts: 4, FirstBackoff: time.Millisecond, MaxBackoff: time.Millisecond}
	router, err := Connect("http://"+listener.Addr().String(), "secret", WithPolicy(policy))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = router.Close() })
	return router
}

func TestEveryCallCarriesTheTokenAndADeadline(t *testing.T) {
	server := &failing{}
	if _, err := connected(t, server).Credits.TopUpCredit(context.Background(), &adminv1.TopUpCreditRequest{}); err != nil {
		t.Fatal(err)
	}
	if token := server.metadata.Get("authorization"); len(token) != 1 || token[0] != "Bearer secret" {
		t.Errorf("authorization is %v", token)
	}
	if remaining := time.Until(server.deadline); remaining <= 0 || remaining > 5*time.Second {
		t.Errorf("the deadline is in %v", remaining)
	}
}

func TestOnlyUnavailableIsRetriedWithTheSameRequestId(t *testing.T) {
	server := &failing{code: codes.Unavailable, times: 2}
	request := &adminv1.TopUpCreditRequest{Parent: "organizations/acme"}
	if _, err := connected(t, server).Credits.TopUpCredit(context.Background(), request); err != nil {
		t.Fatal(err)
	}
	if len(server.requests) != 3 || request.RequestId != "" {
		t.Fatalf("%d attempts, and the caller's request id is %q", len(server.requests), request.RequestId)
	}
	for _, sent := range server.requests {
		if sent.RequestId != server.requests[0].RequestId || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4`).MatchString(sent.RequestId) {
			t.Errorf("the request id is %q", sent.RequestId)
		}
	}
	for _, code := range []codes.Code{codes.Internal, codes.Aborted, codes.DeadlineExceeded} {
		other := &failing{code: code, times: 1}
		_, err := connected(t, other).Credits.TopUpCredit(context.Background(), request)
		if len(other.requests) != 1 || status.Code(err) != code {
			t.Errorf("%v: %d attempts, %v", code, len(other.requests), err)
		}
	}
}

func TestAttemptsEnd(t *testing.T) {
	server := &failing{code: codes.Unavailable, times: 9}
	_, err := connected(t, server).Credits.TopUpCredit(context.Background(), &adminv1.TopUpCreditRequest{})
	if len(server.requests) != 4 || Reason(err) != "DEPENDENCY_UNAVAILABLE" {
		t.Errorf("%d attempts, %v", len(server.requests), err)
	}
}

func TestAnErrorHasReasonMetadataAndFields(t *testing.T) {
	server := &failing{code: codes.InvalidArgument, times: 1}
	_, err := connected(t, server).Credits.TopUpCredit(context.Background(), &adminv1.TopUpCreditRequest{})
	var failure *Error
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	if failure.Error() != "InvalidArgument (DEPENDENCY_UNAVAILABLE): not now" || failure.Metadata["incident"] != "one" {
		t.Errorf("%v, %v", failure, failure.Metadata)
	}
	if len(failure.FieldViolations) != 1 || failure.FieldViolations[0] != (FieldViolation{"parent", "is required"}) {
		t.Errorf("%v", failure.FieldViolations)
	}
}

func TestPagesEndWithTheLastOne(t *testing.T) {
	server := &failing{tokens: []string{"two", "three", ""}}
	pages := Pages(connected(t, server).Credits.ListCreditTransactions, &adminv1.ListCreditTransactionsRequest{})
	fetched := 0
	for pages.Next(context.Background()) {
		fetched++
	}
	if pages.Err() != nil || fetched != 3 || server.asked[1] != "two" || server.asked[2] != "three" {
		t.Errorf("%v, %d pages, %v", pages.Err(), fetched, server.asked)
	}
}

func TestARepeatedPageTokenIsAnError(t *testing.T) {
	server := &failing{tokens: []string{"two", "two", "two"}}
	pages := Pages(connected(t, server).Credits.ListCreditTransactions, &adminv1.ListCreditTransactionsRequest{})
	for pages.Next(context.Background()) {
	}
	if pages.Err() == nil || len(server.asked) != 2 {
		t.Errorf("%v, %v", pages.Err(), server.asked)
	}
}

func TestTheAddressIsChecked(t *testing.T) {
	for _, address := range []string{"", "host:1", "ftp://host", "https://user@host", "https://host/path", "https://host?query"} {
		if _, err := Connect(address, "secret"); err == nil {
			t.Errorf("%q was accepted", address)
		}
	}
	for address, target := range map[string]string{"http://host": "host:80", "https://host/": "host:443", "https://[::1]:7": "[::1]:7"} {
		if found, _, err := targetOf(address); err != nil || found != target {
			t.Errorf("%q gives %q, %v", address, found, err)
		}
	}
}
