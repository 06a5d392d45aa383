package vcs

import "net/url"

// Shown is a clone URL for people: without the password that it may have.
func Shown(cloneURL string) string {
	u, err := url.Parse(cloneURL)
	if err != nil || u.User == nil {
		return cloneURL
	}
	return u.Redacted()
}
