package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/fault"
)

type noteInput struct {
	ID   string `path:"id" maxLength:"3"`
	Body struct {
		Text string `json:"text" maxLength:"5"`
	}
}

// quickMux serves one operation, and tells how often it was read quickly.
func quickMux() (*http.ServeMux, *int) {
	mux, quickly := http.NewServeMux(), 0
	quick := Quick[noteInput, thingOutput]{
		Read: func(r *http.Request, text []byte, in *noteInput) bool {
			in.ID = r.PathValue("id")
			whole := Members(text, func(name, value []byte) (ok bool) {
				in.Body.Text, ok = Text(value)
				return ok && string(name) == "text" && len(in.Body.Text) <= 5
			})
			whole = whole && len(in.ID) <= 3 && in.Body.Text != ""
			if whole {
				quickly++
			}
			return whole
		},
		Answer: func(out *thingOutput) any { return &out.Body },
	}
	api := New(mux, "/apis/test", "Test", "1")
	HandleQuick(api, huma.Operation{OperationID: "note", Method: http.MethodPatch, Path: "/notes/{id}"}, quick,
		func(_ context.Context, in *noteInput) (*thingOutput, error) {
			switch in.Body.Text {
			case "gone":
				return nil, fault.New(fault.NotFound, "there is no <%s>", in.ID)
			case "eh":
				return nil, errors.New("eh")
			}
			return &thingOutput{Body: thing{Name: in.ID + "<" + in.Body.Text}}, nil
		})
	return mux, &quickly
}

// A charset has the request go the usual way.
const usualWay = "application/json; charset=utf-8"

func TestBothWaysAnswerTheSame(t *testing.T) {
	mux, quickly := quickMux()
	for body, want := range map[string]int{
		`{"text":"a"}`: 1, ` { "text" : "é" } `: 1, `{"text":"gone"}`: 1, `{"text":"eh"}`: 1,
		`{"text":"toolong"}`: 0, `{"text":1}`: 0, `{"text":null}`: 0, `{}`: 0, `{"TEXT":"a"}`: 0, `{"text":"a","more":"b"}`: 0, `{"text":"\u0061"}`: 0,
		`{"text":`: 0, ``: 0, `{"text":"a"}` + strings.Repeat(" ", maxQuick): 0,
	} {
		answer := func(media, id string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodPatch, "/apis/test/notes/"+id, strings.NewReader(body))
			r.Header.Set("Content-Type", media)
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			return w
		}
		for _, id := range []string{"a", "long", "%00"} {
			*quickly = 0
			quick := answer("application/json", id)
			if should := want == 1 && id == "a"; *quickly == 1 != should {
				t.Errorf("%s %s: quick is %t", id, body, !should)
			}
			usual := answer(usualWay, id)
			if diff := cmp.Diff(usual.Body.String(), quick.Body.String()); diff != "" || quick.Code != usual.Code || !cmp.Equal(quick.Header(), usual.Header()) {
				t.Errorf("%s %s: %d %v, not %d %v\n%s", id, body, quick.Code, quick.Header(), usual.Code, usual.Header(), diff)
			}
		}
	}
}

// A body that breaks off is refused as it would be anyhow.
func TestAQuickBodyThatBreaksOff(t *testing.T) {
	answer := func(media string) *httptest.ResponseRecorder {
		mux, _ := quickMux()
		r := httptest.NewRequest(http.MethodPatch, "/apis/test/notes/a", io.MultiReader(strings.NewReader(`{"text":`), iotest.ErrReader(io.ErrUnexpectedEOF)))
		r.ContentLength = 12
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	quick, usual := answer("application/json"), answer(usualWay)
	if quick.Code != usual.Code || quick.Body.String() != usual.Body.String() || quick.Code < 400 {
		t.Errorf("%d %s, not %d %s", quick.Code, quick.Body, usual.Code, usual.Body)
	}
}
