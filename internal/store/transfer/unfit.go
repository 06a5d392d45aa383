package transfer

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/drover-hpc/drover/internal/fault"
)

// unfit gathers what PostgreSQL cannot hold.
type unfit struct {
	found []string
	more  int
}

// maxUnfit bounds how many records are named.
const maxUnfit = 50

// look examines a row of the table.
func (u *unfit) look(t table, row []any) {
	for i, c := range t.columns {
		why := misfit(c.kind, row[i])
		if why == "" {
			continue
		}
		if len(u.found) == maxUnfit {
			u.more++
			continue
		}
		u.found = append(u.found, fmt.Sprintf("%s, %s %q: %s %s", t.name, t.key(), fmt.Sprint(row[0]), c.name, why))
	}
}

// misfit says why a column of the kind cannot have the value, or nothing.
func misfit(k kind, value any) string {
	switch v := value.(type) {
	case string:
		switch {
		case k != text:
			return "is text, expected " + string(k)
		case strings.IndexByte(v, 0) >= 0:
			return fmt.Sprintf("has a zero byte (byte %d)", strings.IndexByte(v, 0))
		case !utf8.ValidString(v):
			return "is not UTF-8"
		}
	case int64:
		if k != integer {
			return "is a number, expected " + string(k)
		}
	case []byte:
		if k != octets {
			return "is bytes, expected " + string(k)
		}
	case nil:
		return "has no value"
	default:
		return fmt.Sprintf("is of type %T, expected %s", v, k)
	}
	return ""
}

func (u *unfit) err() error {
	if len(u.found) == 0 {
		return nil
	}
	list := strings.Join(u.found, "\n  ")
	if u.more > 0 {
		list += fmt.Sprintf("\n  and %d more", u.more)
	}
	return fault.New(fault.Invalid, "PostgreSQL cannot hold these values; nothing was written. Delete or change the records where they are, then try again:\n  %s", list)
}
