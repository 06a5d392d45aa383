package bos

import (
	"fmt"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/store"
)

func TestBootsOfManyImagesAreForgotten(t *testing.T) {
	s := newSite(t)
	for i := range bootedImages + 1 {
		at := s.now.Add(time.Duration(i) * time.Minute)
		if i == 0 {
			at = at.Add(24 * time.Hour) // the first image was booted again
		}
		if err := s.service.boots.Put(t.Context(), Boots{Kernel: fmt.Sprintf("s3://boot-images/%d/kernel", i), Took: []time.Duration{time.Minute}, At: at}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.service.NoteBoots(t.Context(), &Session{Name: "none", Operation: OperationBoot}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.service.boots.Count(t.Context(), store.Query{}); n != bootedImages || err != nil {
		t.Errorf("%d images, %v", n, err)
	}
	for kernel, want := range map[string]int{"s3://boot-images/0/kernel": 1, "s3://boot-images/1/kernel": 0, "s3://boot-images/2/kernel": 1} {
		if b, err := s.service.BootsOf(t.Context(), kernel); len(b.Took) != want || err != nil {
			t.Errorf("%s: %+v %v", kernel, b, err)
		}
	}
}
