package image

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Where Debian is when the host does not know better.
const (
	debianArchive  = "http://deb.debian.org/debian"
	debianSecurity = "http://deb.debian.org/debian-security"
)

// sources are the lines of sources.list that the image is made from.
func sources(ctx context.Context, s *Spec) []string {
	if s.Mirror != "" {
		return []string{fmt.Sprintf("deb %s %s main", s.Mirror, s.Suite)}
	}
	// Without apt, or with lists that were never fetched, there is no answer.
	// That is no error: Debian's own archive serves.
	text, _ := exec.CommandContext(ctx, "apt-get", "indextargets",
		"--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages", "Origin: Debian", "Component: main").Output()
	if lines := hostSources(string(text), s.Suite); len(lines) > 0 {
		return lines
	}
	lines := []string{fmt.Sprintf("deb %s %s main", debianArchive, s.Suite)}
	if s.Suite != "sid" && s.Suite != "unstable" {
		lines = append(lines, fmt.Sprintf("deb %s %s-security main", debianSecurity, s.Suite))
	}
	return lines
}

// hostSources picks the release and its security updates from apt's list of
// "URL RELEASE". Nothing comes of a host that has another release.
func hostSources(targets, suite string) []string {
	var lines []string
	found := false
	for scanner := bufio.NewScanner(strings.NewReader(targets)); scanner.Scan(); {
		url, release, ok := strings.Cut(scanner.Text(), " ")
		if !ok || release != suite && release != suite+"-security" {
			continue
		}
		found = found || release == suite
		lines = append(lines, fmt.Sprintf("deb %s %s main", strings.TrimSuffix(url, "/"), release))
	}
	if !found {
		return nil
	}
	return lines
}
