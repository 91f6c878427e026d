package megarouter

import (
	cryptorand "crypto/rand"
	"fmt"
	"math/rand"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// CallPolicy is the deadline and the retries of a call.
type CallPolicy struct {
	// Timeout is the deadline of a call whose context has none, including all its attempts.
	Timeout time.Duration
	// MaxAttempts is the maximum number of attempts. Only Unavailable is retried.
	MaxAttempts int
	// FirstBackoff is the maximum pause before the second attempt. It doubles with each further attempt.
	FirstBackoff time.Duration
	// MaxBackoff is the maximum pause before any attempt, even if the service asks for a longer one.
	MaxBackoff time.Duration
}

// DefaultPolicy returns the policy of a client that was given none.
func DefaultPolicy() CallPolicy {
	return CallPolicy{Timeout: 30 * time.Second, MaxAttempts: 4, FirstBackoff: 100 * time.Millisecond, MaxBackoff: 2 * time.Second}
}

// pauseBeforeRetry returns how long to wait after a failed attempt, or false if the failure is final.
func (policy CallPolicy) pauseBeforeRetry(failure *Error, attempt int) (time.Duration, bool) {
	if failure.Code != codes.Unavailable || attempt >= policy.MaxAttempts {
		return 0, false
	}
	longest := policy.FirstBackoff
	for doubled := 1; doubled < attempt && longest < policy.MaxBackoff; doubled++ {
		longest *= 2
	}
	longest = shorter(longest, policy.MaxBackoff)
	pause := time.Duration(rand.Float64() * float64(longest))
	if asked := shorter(failure.RetryAfter, policy.MaxBackoff); asked > pause {
		pause = asked
	}
	return pause, true
}

func shorter(one, other time.Duration) time.Duration {
	if one < other {
		return one
	}
	return other
}

// withRequestID returns a request that is safe to retry: a copy with a new request_id if it has such a field and it is empty. The caller's
// message is not modified.
func withRequestID(request proto.Message) proto.Message {
	field := request.ProtoReflect().Descriptor().Fields().ByName("request_id")
	if field == nil || field.Kind() != protoreflect.StringKind || request.ProtoReflect().Has(field) {
		return request
	}
	identified := proto.Clone(request)
	identified.ProtoReflect().Set(field, protoreflect.ValueOfString(newUUID()))
	return identified
}

// newUUID returns a random UUID of version 4.
func newUUID() string {
	var id [16]byte
	if _, err := cryptorand.Read(id[:]); err != nil {
		panic(fmt.Sprintf("the system has no random numbers: %v", err))
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
