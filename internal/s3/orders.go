package s3

import (
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3err"
)

// longestOrder bounds bodies that are no content of an object, in bytes: lists of keys and
// of parts, tags, policies. They are held in memory, a few times, and some before it is
// known who sent them. 10,000 parts with their checksums are 3 MB.
const longestOrder = 8 << 20

// boundOrders is a middleware that refuses longer ones, and those that do not say how long
// they are.
func boundOrders(c fiber.Ctx) error {
	if !writing(c.Method()) || isContent(c) {
		return nil
	}
	switch length := c.Request().Header.ContentLength(); {
	case length > longestOrder:
		return s3err.GetAPIError(s3err.ErrEntityTooLarge)
	case length == chunked:
		return s3err.GetAPIError(s3err.ErrMissingContentLength)
	}
	return nil
}

// chunked is the length of a body that does not say its own, as the library has it.
const chunked = -1

// isContent tells whether the body is that of an object, or of a part of one.
func isContent(c fiber.Ctx) bool {
	_, key, _ := place(c)
	return c.Method() == http.MethodPut && key != "" && !slices.ContainsFunc(furtherAsked(c), func(n string) bool { return n != "uploadId" })
}
