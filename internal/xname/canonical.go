package xname

// Canonical is the one spelling of a component's name: lower case, numbers
// without leading zeros. What is no xname stays as it is.
func Canonical(s string) string {
	if n := Normalize(s); n != s && TypeOf(n) != Invalid {
		return n
	}
	return s
}

// CanonicalAll is Canonical of each, in place.
func CanonicalAll(names []string) []string {
	for i, n := range names {
		names[i] = Canonical(n)
	}
	return names
}
