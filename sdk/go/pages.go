package megarouter

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// ListRequest is a request for one page of a list.
type ListRequest interface {
	proto.Message
	GetPageToken() string
}

// ListResponse is one page of a list.
type ListResponse interface {
	GetNextPageToken() string
}

// ListMethod is a method that lists, such as Client.ApiKeys.ListApiKeys.
type ListMethod[Request ListRequest, Response ListResponse] func(context.Context, Request, ...grpc.CallOption) (Response, error)

// PageIterator fetches a list page by page.
type PageIterator[Request ListRequest, Response ListResponse] struct {
	method  ListMethod[Request, Response]
	request Request
	page    Response
	err     error
	done    bool
}

// Pages returns an iterator over every page of a list. It fetches pages as they are needed. Set PageSize in the request, which is not
// modified.
//
//	pages := megarouter.Pages(router.ApiKeys.ListApiKeys, &adminv1.ListApiKeysRequest{Parent: organization, PageSize: 100})
//	for pages.Next(ctx) {
//		for _, key := range pages.Page().ApiKeys {
//			fmt.Println(key.Name)
//		}
//	}
//	if err := pages.Err(); err != nil {
//		return err
//	}
func Pages[Request ListRequest, Response ListResponse](
	method func(context.Context, Request, ...grpc.CallOption) (Response, error), request Request,
) *PageIterator[Request, Response] {
	copied, _ := proto.Clone(request).(Request)
	return &PageIterator[Request, Response]{method: method, request: copied}
}

// Next fetches the next page. It returns false after the last page, and when a page cannot be fetched: see Err.
func (pages *PageIterator[Request, Response]) Next(ctx context.Context) bool {
	if pages.done {
		return false
	}
	page, err := pages.method(ctx, pages.request)
	if err != nil {
		pages.err, pages.done = err, true
		return false
	}
	pages.page = page
	token := page.GetNextPageToken()
	if token != "" && token == pages.request.GetPageToken() {
		pages.err = errors.New(
			"the service repeated a page token, so the list would not end; report this to the operator of the gateway")
	}
	pages.done = token == "" || pages.err != nil
	message := pages.request.ProtoReflect()
	message.Set(message.Descriptor().Fields().ByName("page_token"), protoreflect.ValueOfString(token))
	return true
}

// Page returns the page that Next fetched.
func (pages *PageIterator[Request, Response]) Page() Response {
	return pages.page
}

// Err returns why the list ended early, or nil.
func (pages *PageIterator[Request, Response]) Err() error {
	return pages.err
}
