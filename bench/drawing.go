package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The drawing's measures in pixels: the frame leaves room for words.
const (
	width, height         = 640, 360
	left, right           = 60, 470
	top, bottom           = 30, 310
	fewest, most  float64 = 1_000, 100_000
)

// point is a number of nodes and what a reboot costs each of them.
type point struct{ nodes, ms float64 }

// line is a curve of the drawing.
type line struct {
	name   string
	points []point
}

// drawing is an SVG of own CPU a node against the number of nodes.
func drawing(rows []row) string {
	lines := curves(rows)
	highest := 1.0
	for _, l := range lines {
		for _, p := range l.points {
			highest = max(highest, math.Ceil(p.ms))
		}
	}
	x := func(nodes float64) float64 { return left + (right-left)*math.Log(nodes/fewest)/math.Log(most/fewest) }
	y := func(ms float64) float64 { return bottom - (bottom-top)*ms/highest }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="18">CPU of reboot and configuration, ms a node</text>`+"\n", left)
	for ms := 0.0; ms <= highest; ms++ {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", left, y(ms), right, left-8, y(ms)+4, ms)
	}
	for nodes := fewest; nodes <= most; nodes *= 10 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%.0f nodes</text>`+"\n", x(nodes), bottom+20, nodes)
	}
	colours := []string{"#888", "#06c", "#c40", "#080"}
	for i, l := range lines {
		colour := colours[i%len(colours)]
		var path []string
		for _, p := range l.points {
			path = append(path, fmt.Sprintf("%.1f %.1f", x(p.nodes), y(p.ms)))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(p.nodes), y(p.ms), colour)
		}
		last := l.points[len(l.points)-1]
		fmt.Fprintf(&b, `<path d="M%s" fill="none" stroke="%s" stroke-width="2"/><text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n",
			strings.Join(path, "L"), colour, x(last.nodes)+8, y(last.ms)+4, colour, html.EscapeString(l.name))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// curves are the bare program's, that of the builds of this tree, which come first
// of each number of nodes, and those of others, of the rows of reboots.
func curves(rows []row) []line {
	var lines []line
	add := func(name string, p point) {
		for i := range lines {
			if lines[i].name == name {
				if last := lines[i].points[len(lines[i].points)-1]; last.nodes != p.nodes {
					lines[i].points = append(lines[i].points, p)
				}
				return
			}
		}
		lines = append(lines, line{name, []point{p}})
	}
	own := ownBuilds(rows)
	for _, r := range rows {
		count, is := strings.CutPrefix(r.name, "reboot-")
		nodes, err := strconv.ParseFloat(count, 64)
		if !is || err != nil {
			continue
		}
		if ms, measured := r.find("bare_cpu_ms_per_node"); measured {
			add("bare program", point{nodes, ms})
		}
		if ms, measured := r.find("own_cpu_ms_per_node"); measured {
			name := r.build
			if slices.Contains(own, name) {
				name = strings.Join(own, ", ")
			}
			add("Drover "+name, point{nodes, ms})
		}
	}
	return lines
}

// ownBuilds are those of this tree: of the first row of each name.
func ownBuilds(rows []row) (builds []string) {
	named := map[string]bool{}
	for _, r := range rows {
		if strings.HasPrefix(r.name, "reboot-") && !named[r.name] && !slices.Contains(builds, r.build) {
			builds = append(builds, r.build)
		}
		named[r.name] = true
	}
	return builds
}
