package bss

import (
	"cmp"
	"context"
	"slices"

	"github.com/drover-hpc/drover/internal/bootline"
	"github.com/drover-hpc/drover/internal/fault"
)

// lineParts are the parameters of a kernel command line: the host's, the
// kernel's own and the initrd's own.
type lineParts [3]string

// parts are those of a host's line as images stand now.
func (s *Service) parts(ctx context.Context, params, kernelPath, initrdPath string) (lineParts, error) {
	kernel, _, err := s.imageMirror.get(ctx, image{Kind: kernelImage, Path: kernelPath}.key())
	if err != nil {
		return lineParts{}, err
	}
	initrd, _, err := s.imageMirror.get(ctx, image{Kind: initrdImage, Path: initrdPath}.key())
	return lineParts{params, kernel.Params, initrd.Params}, err
}

// fits refuses parameters that do not arrive whole at a kernel, with those of the
// kernel's and initrd's own. What is said of the NIDs is as short as can be, so
// that nothing is refused that fits.
func (s *Service) fits(ctx context.Context, names []string, token string, p BootParameters) error {
	parts, err := s.parts(ctx, p.Params, p.Kernel, p.Initrd)
	if err != nil {
		return err
	}
	return s.arrives(ctx, names, token, parts, p.Initrd != "")
}

// usersFit refuses own parameters of an image that do not arrive whole at a
// kernel with those of each host that boots it.
func (s *Service) usersFit(ctx context.Context, own image) error {
	users, err := s.users(ctx, own)
	if err != nil {
		return err
	}
	type alike struct {
		params, kernel, initrd string
		name                   int // its length
	}
	seen := map[alike]bool{} // hosts have mostly the same
	for i := range users {
		h := &users[i]
		a := alike{h.Params, h.Kernel, h.Initrd, len(h.Name)}
		if seen[a] {
			continue
		}
		seen[a] = true
		parts, err := s.parts(ctx, h.Params, h.Kernel, h.Initrd)
		if err != nil {
			return err
		}
		if own.Kind == kernelImage {
			parts[1] = own.Params
		} else {
			parts[2] = own.Params
		}
		if err := s.arrives(ctx, []string{h.Name}, h.Token, parts, h.Initrd != ""); err != nil {
			return err
		}
	}
	return nil
}

// arrives refuses a line that is longer than what arrives.
func (s *Service) arrives(ctx context.Context, names []string, token string, parts lineParts, hasInitrd bool) error {
	if len(parts[0])+len(parts[1])+len(parts[2]) < bootline.Limit/4 { // whatever is added, it fits
		return nil
	}
	longest := slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	id := bootline.Identity{XName: longest, NID: 1, Token: token, CloudInit: s.cfg.CloudInitBase}
	line := bootline.Compose(parts[:], id, hasInitrd)
	signed, err := signParameters(line, func(url string) (string, error) { return s.sign(ctx, url, longest) })
	if err != nil { // without S3 nobody knows how long it gets
		signed = line
	}
	if words := bootline.Excess(len(signed)); words != "" {
		return fault.New(fault.Invalid, "%s: %s - 'params'", longest, words)
	}
	return nil
}
