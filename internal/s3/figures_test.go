package s3

import (
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// Whether the library answers a fetch or what is before it makes no difference.
func TestAnswersAndWhatTheySentAreCounted(t *testing.T) {
	server := startWithObjects(t)
	now := time.Now()
	plain := target(t, server, "GET", object, "", region, now)
	read := func() (answers [len(tally.Classes)]int64, sent, count int64) {
		for class := range answers {
			answers[class] = server.Answers().Of(class)
		}
		_, count, _ = server.Took().Read()
		return answers, server.Sent(), count
	}
	before, sentBefore, countBefore := read()
	sendRaw(t, server, "GET", plain)
	sendRaw(t, server, "GET", plain, "If-None-Match: none") // the library's
	sendRaw(t, server, "HEAD", target(t, server, "HEAD", object, "", region, now))
	sendRaw(t, server, "GET", plain, "Range: bytes=1-2")
	sendRaw(t, server, "GET", "/ims/none")
	after, sent, count := read()
	if after[1]-before[1] != 4 || after[3]-before[3] != 1 || count-countBefore != 5 {
		t.Errorf("%v and then %v, %d requests", before, after, count-countBefore)
	}
	const kernel, part = int64(len("a kernel")), 2
	if refusal := sent - sentBefore - 2*kernel - part; refusal < 0 || refusal > 1000 {
		t.Errorf("%d bytes, want %d, and those of a refusal", sent-sentBefore, 2*kernel+part)
	}
	if n := server.Running(); n != 0 {
		t.Errorf("%d are being answered", n)
	}
}
