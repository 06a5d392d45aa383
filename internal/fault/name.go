package fault

import "unicode"

// CheckName refuses a name that has control characters, with the kind Invalid and the
// field that the name was given in: a terminal or a log that shows it would obey them.
func CheckName(field, name string) error {
	for _, r := range name {
		if unicode.IsControl(r) {
			return New(Invalid, "%s: %.260q has the control character %U: expected a name without any", field, name, r)
		}
	}
	return nil
}
