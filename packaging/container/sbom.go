package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// inventory is the SBOM: drover, the Go modules in it, and the packages of Debian.
func inventory(binary string, status []byte, version string, epoch time.Time) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("read Go's build information of %s: %w", binary, err)
	}
	own := cdx.Component{BOMRef: "drover", Type: cdx.ComponentTypeApplication, Name: "drover", Version: version, PackageURL: golang(info.Main.Path, version)}
	components := modules(info)
	packages, err := debianPackages(status)
	if err != nil {
		return nil, err
	}
	components = append(components, packages...)
	b := cdx.NewBOM()
	b.Metadata = &cdx.Metadata{Timestamp: epoch.UTC().Format(time.RFC3339), Component: &own}
	b.Components = &components
	var buf bytes.Buffer
	e := cdx.NewBOMEncoder(&buf, cdx.BOMFileFormatJSON)
	e.SetPretty(true)
	err = e.Encode(b)
	return buf.Bytes(), err
}

// modules are what was linked, the standard library first.
func modules(info *buildinfo.BuildInfo) []cdx.Component {
	version := strings.TrimPrefix(info.GoVersion, "go")
	out := []cdx.Component{component(golang("std", version), "std", version)}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component(golang(m.Path, m.Version), m.Path, m.Version)
		out = append(out, c)
	}
	return out
}

func component(purl, name, version string) cdx.Component {
	return cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: name, Version: version, PackageURL: purl}
}

func golang(path, version string) string {
	return "pkg:golang/" + strings.ReplaceAll(url.PathEscape(path), "%2F", "/") + "@" + url.QueryEscape(version)
}

// debianPackages are those that dpkg's list says are installed, by name.
func debianPackages(status []byte) ([]cdx.Component, error) {
	var out []cdx.Component
	for paragraph := range strings.SplitSeq(string(status), "\n\n") {
		fields := map[string]string{}
		for line := range strings.Lines(paragraph) {
			if key, value, is := strings.Cut(line, ": "); is && !strings.HasPrefix(line, " ") {
				fields[key] = strings.TrimSpace(value)
			}
		}
		if fields["Status"] != "install ok installed" {
			continue
		}
		name, version, arch := fields["Package"], fields["Version"], fields["Architecture"]
		if name == "" || version == "" || arch == "" {
			return nil, fmt.Errorf("dpkg's list has a package without name, version or architecture: %q", paragraph)
		}
		purl := fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s", url.QueryEscape(name), url.QueryEscape(version), arch)
		out = append(out, component(purl, name, version))
	}
	slices.SortFunc(out, func(a, b cdx.Component) int { return strings.Compare(a.PackageURL, b.PackageURL) })
	return out, nil
}
