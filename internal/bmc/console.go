package bmc

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

// logEntry is a line of the console, in the form that OpenBMC gives it.
type logEntry struct {
	ID       string `json:"@odata.id"`
	Type     string `json:"@odata.type"`
	Number   string `json:"Id"`
	Name     string
	Entry    string `json:"EntryType"`
	Format   string `json:"OemRecordFormat"`
	Severity string
	Message  string
}

func lineEntry(collection string, i int, line string) logEntry {
	n := strconv.Itoa(i)
	return logEntry{collection + "/" + n, "#LogEntry.v1_4_0.LogEntry", n, "Host Logger Entry", "Oem", "Host Logger Entry", "OK", line}
}

// consoleEntry is the line of that number, empty if there is none.
func consoleEntry(path, number string, lines []string) string {
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(lines) || strconv.Itoa(i) != number {
		return ""
	}
	text, _ := json.Marshal(lineEntry(path[:len(path)-len(number)-1], i, lines[i])) // strings always encode
	return string(text)
}

// consoleResource are the lines of the console; $skip and $top choose among
// them.
func consoleResource(path string, lines []string, query url.Values) string {
	skip, top := number(query, "$skip", 0, len(lines)), number(query, "$top", len(lines), len(lines))
	end := min(skip+top, len(lines))
	entries := make([]logEntry, 0, end-skip)
	for i := skip; i < end; i++ {
		entries = append(entries, lineEntry(path, i, lines[i]))
	}
	answer := map[string]any{"@odata.id": path, "@odata.type": "#LogEntryCollection.LogEntryCollection", "Name": "HostLogger Entries",
		"Members@odata.count": len(lines), "Members": entries}
	if end < len(lines) {
		answer["Members@odata.nextLink"] = fmt.Sprintf("%s?$skip=%d&$top=%d", path, end, top)
	}
	text, _ := json.Marshal(answer) // maps and strings always encode
	return string(text)
}
