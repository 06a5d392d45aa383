package vcs

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bands of an answer whose client takes several at once: the first byte of a packet.
const (
	bandReport   = 1
	bandProgress = 2
)

// maxPacket is the most that a packet holds beside its length.
const maxPacket = 65516

// refused is the answer of receive-pack with each reference refused that it reports
// as written. The client shows why, of one line, beside each. It is an error if the
// answer has no report.
func refused(answer []byte, why string) ([]byte, error) {
	list, err := packets(answer)
	if err != nil {
		return nil, err
	}
	var report, out bytes.Buffer
	banded := false
	for _, p := range list {
		if len(p) == 0 {
			continue
		}
		switch p[0] {
		case bandReport:
			banded = true
			report.Write(p[1:])
		case bandProgress:
			writePacket(&out, p)
		}
	}
	if !banded {
		report.Reset()
		report.Write(answer)
	}
	text, err := refuseReport(report.Bytes(), why)
	if err != nil || !banded {
		return text, err
	}
	for len(text) > 0 {
		n := min(len(text), maxPacket-1)
		writePacket(&out, append([]byte{bandReport}, text[:n]...))
		text = text[n:]
	}
	out.WriteString("0000")
	return out.Bytes(), nil
}

// refuseReport changes a report as such.
func refuseReport(report []byte, why string) ([]byte, error) {
	lines, err := packets(report)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	reported := false
	for _, line := range lines {
		text := strings.TrimSuffix(string(line), "\n")
		ref, ok := strings.CutPrefix(text, "ok ")
		switch {
		case ok:
			reported = true
			text = "ng " + ref + " " + why
		case strings.HasPrefix(text, "option "), text == "": // of a reference that was written
			continue
		}
		writePacket(&out, []byte(text+"\n"))
	}
	if !reported {
		return nil, errors.New("the client asked for no report")
	}
	out.WriteString("0000")
	return out.Bytes(), nil
}

// packets are the contents of git's packets: four digits with the length, then
// the rest. An empty one is the end of some.
func packets(text []byte) (out [][]byte, err error) {
	for len(text) > 0 {
		if len(text) < 4 {
			return nil, errors.New("git's answer is cut off")
		}
		n, err := strconv.ParseUint(string(text[:4]), 16, 16)
		switch {
		case err != nil:
			return nil, fmt.Errorf("git's answer has no packet: %w", err)
		case n < 4:
			out, text = append(out, nil), text[4:]
			continue
		case int(n) > len(text):
			return nil, errors.New("git's answer is cut off")
		}
		out, text = append(out, text[4:n]), text[n:]
	}
	return out, nil
}

func writePacket(to *bytes.Buffer, content []byte) {
	fmt.Fprintf(to, "%04x", len(content)+4)
	to.Write(content)
}
