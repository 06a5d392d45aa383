package vcs

import "testing"

func TestPasswordsOfCloneURLsAreNotShown(t *testing.T) {
	for given, want := range map[string]string{
		"https://joe:hunter2@git.example.org/a.git": "https://joe:xxxxx@git.example.org/a.git",
		"https://git.example.org/a.git":             "https://git.example.org/a.git",
		"git@git.example.org:a.git":                 "git@git.example.org:a.git",
		"/srv/a.git":                                "/srv/a.git",
	} {
		if got := Shown(given); got != want {
			t.Errorf("%s: %s, expected %s", given, got, want)
		}
	}
}
