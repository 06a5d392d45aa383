package bootset

import (
	"fmt"
	"strings"
	"testing"
)

func TestKernelParametersNameTheOtherImage(t *testing.T) {
	manifest := func(id, rootfs string) string {
		return fmt.Sprintf(`{"artifacts":[{"type":"application/vnd.cray.image.kernel","link":{"path":"s3://b/%[1]s/kernel","etag":"kernel-of-%[1]s"}},{"type":%[2]q,"link":{"path":"s3://b/%[1]s/rootfs","etag":"rootfs-of-%[1]s"}}]}`, id, rootfs)
	}
	objects := shelf{objects: map[string]string{"s3://b/one/manifest.json": manifest("one", rootfsType), "s3://b/two/manifest.json": manifest("two", rootfsType), "s3://b/bare/manifest.json": manifest("bare", "other")}}
	for _, c := range []struct{ from, parameters, to, want, wrong string }{
		{"one", "quiet root=live:s3://b/one/rootfs rd.live.etag=rootfs-of-one", "two", "quiet root=live:s3://b/two/rootfs rd.live.etag=rootfs-of-two", ""},
		{"one", "quiet", "two", "quiet", ""},
		{"one", "root=nfs:server:/one", "one", "root=nfs:server:/one", ""},
		{"gone", "quiet", "two", "quiet", ""},
		{"gone", "root=live:s3://b/gone/rootfs", "two", "", "kernel_parameters name image 'gone': read manifest"},
		{"one", "root=live:s3://b/one/rootfs overlay=s3://b/one/more", "two", "", "and more of it than its kernel, initrd and root file system"},
		{"one", "root=live:s3://b/one/rootfs", "bare", "", "or what image 'bare' has not"},
	} {
		b := BootSet{Path: "s3://b/" + c.from + "/manifest.json", Type: "s3", KernelParameters: &c.parameters}
		got, err := b.WithImage(t.Context(), "s3://b/"+c.to+"/manifest.json", "e", objects)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil || got.Parameters() != c.want || got.Path != "s3://b/"+c.to+"/manifest.json" || *got.ETag != "e" || b.Parameters() != c.parameters {
			t.Errorf("%+v: %q %v", c, got.Parameters(), err)
		}
	}
}
