package megarouter

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is a failed call. Error() is for people; the fields are for programs.
type Error struct {
	// Code is the gRPC code.
	Code codes.Code
	// Message is the sentence of the service.
	Message string
	// Reason is the name of a value of ErrorReason, which never changes; empty if no MegaRouter service answered.
	Reason string
	// Metadata has details of the reason, such as "permission" and "resource".
	Metadata map[string]string
	// FieldViolations are the invalid fields of the request.
	FieldViolations []FieldViolation
	// RetryAfter is when a retry may succeed; 0 if the service named no time.
	RetryAfter time.Duration

	status *status.Status
}

// FieldViolation is an invalid field of the request.
type FieldViolation struct {
	// Field is the path from the request, such as "api_key.display_name".
	Field string
	// Description says what is wrong with the field.
	Description string
}

// Error returns the code, the reason and the message.
func (failure *Error) Error() string {
	if failure.Reason == "" {
		return fmt.Sprintf("%s: %s", failure.Code, failure.Message)
	}
	return fmt.Sprintf("%s (%s): %s", failure.Code, failure.Reason, failure.Message)
}

// GRPCStatus returns the status with every detail that the service sent. Functions of gRPC such as status.Code use it.
func (failure *Error) GRPCStatus() *status.Status {
	return failure.status
}

// Reason returns the reason of a failed call, such as "PERMISSION_DENIED"; empty for every other error.
func Reason(err error) string {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Reason
	}
	return ""
}

func errorFrom(err error) *Error {
	answer := status.Convert(err)
	failure := &Error{Code: answer.Code(), Message: answer.Message(), Metadata: map[string]string{}, status: answer}
	for _, detail := range answer.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			failure.Reason = detail.Reason
			for key, value := range detail.Metadata {
				failure.Metadata[key] = value
			}
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				failure.FieldViolations = append(failure.FieldViolations, FieldViolation{violation.Field, violation.Description})
			}
		case *errdetails.RetryInfo:
			delay := detail.GetRetryDelay()
			failure.RetryAfter = time.Duration(delay.GetSeconds())*time.Second + time.Duration(delay.GetNanos())
		}
	}
	return failure
}
