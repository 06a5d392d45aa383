package s3

import (
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/utils"
)

// isChunked tells whether a body comes in chunks of which each is signed.
func isChunked(c fiber.Ctx) bool {
	return c.Method() == fiber.MethodPut && strings.HasPrefix(c.Get(payloadHash), "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
}

// readChunks puts what the chunks carry in the body's place. Reading it
// verifies each chunk's signature and a checksum at the end.
func readChunks(c fiber.Ctx, signed utils.AuthData, canonical string, key []byte, at time.Time) error {
	raw, _ := utils.ContextKeyBodyReader.Get(c).(io.Reader)
	body, err := utils.NewChunkReader(c, raw, signed, canonical, key, at)
	if err != nil {
		return err
	}
	header := &c.Request().Header
	if c.Get(fiber.HeaderContentLength) == "" && c.Get("X-Amz-Decoded-Content-Length") == "0" {
		// Clients do not tell the length of the chunks of an empty object; of
		// a body that is not chunked the library wants to know it.
		if _, err := body.Read(make([]byte, tailSize)); err != nil && err != io.EOF {
			return err
		}
		header.SetContentLength(0)
	}
	utils.ContextKeyBodyReader.Set(c, body)
	header.Set(payloadHash, unsigned)
	return nil
}

// tailSize is more than the last chunk, which has no data, and the trailer take.
const tailSize = 1024

// bodyOf is the request's body with the line feed taken away that clients put
// behind the checksum in the trailer: the library takes it for a part of the
// checksum.
func bodyOf(c fiber.Ctx) io.Reader {
	stream := c.Request().BodyStream()
	if stream == nil {
		return bytes.NewReader(nil)
	}
	before := int64(c.Request().Header.ContentLength()) - tailSize
	return io.MultiReader(io.LimitReader(stream, max(before, 0)), &tail{of: stream})
}

// tail reads the last bytes of a body at once.
type tail struct {
	of   io.Reader
	read io.Reader
}

func (t *tail) Read(p []byte) (int, error) {
	if t.read == nil {
		const end = "\r\nx-amz-trailer-signature:"
		data, err := io.ReadAll(io.LimitReader(t.of, tailSize+1))
		if err != nil {
			return 0, err
		}
		whole := len(data) <= tailSize
		if i := bytes.LastIndex(data, []byte(end)); i > 0 && data[i-1] == '\n' {
			data = append(data[:i-1:i-1], data[i:]...)
		}
		t.read = bytes.NewReader(data)
		if !whole { // of a length that was not told, and longer than a tail
			t.read = io.MultiReader(t.read, t.of)
		}
	}
	return t.read.Read(p)
}
