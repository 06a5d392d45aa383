package vcs

import (
	"os"
	"strconv"
	"strings"
)

// Prefix is the path below which repositories are served.
const Prefix = "/vcs/"

// User is the login that documents write into clone URLs.
const User = "crayvcs"

// Names are what clone URLs call this server by. Git on the server's machine
// need not be able to resolve, reach or trust them.
type Names struct {
	// Listener is the base URL of this server's listener as this machine
	// reaches it, such as http://127.0.0.1:8080.
	Listener string `json:"listener,omitempty"`
	// Hosts are names that mean this server, each as host or host:port.
	Hosts []string `json:"hosts,omitempty"`
	// Base is the URL under which the server makes itself known, if that is
	// another than Listener.
	Base string `json:"base,omitempty"`
	// Token is what git shows there; empty: nothing.
	Token string `json:"token,omitempty"`
}

// Environ is env with git told to ask the listener where a URL is below
// /vcs/ of one of the names, past any proxy. What env tells git already stays.
func (n Names) Environ(env []string) []string {
	if n.Listener == "" {
		return env
	}
	base := strings.TrimRight(n.Listener, "/") + Prefix
	count := configured(env)
	env = append([]string{}, env...)
	set := func(key, value string) {
		index := strconv.Itoa(count)
		env = append(env, "GIT_CONFIG_KEY_"+index+"="+key, "GIT_CONFIG_VALUE_"+index+"="+value)
		count++
	}
	set("http."+base+".proxy", "") // a proxy's 127.0.0.1 is another
	if n.Token != "" {
		set("http."+base+".extraHeader", "Authorization: Bearer "+n.Token)
	}
	for _, url := range n.urls() {
		set("url."+base+".insteadOf", url)
	}
	return append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(count)) // the last one counts
}

// urls are the beginnings of URLs that mean this server.
func (n Names) urls() (list []string) {
	for _, host := range n.Hosts {
		for _, scheme := range []string{"https://", "http://"} {
			list = append(list, scheme+host+Prefix, scheme+User+"@"+host+Prefix)
		}
	}
	if base := strings.TrimRight(n.Base, "/"); base != "" && base != strings.TrimRight(n.Listener, "/") {
		list = append(list, base+Prefix)
	}
	return list
}

// configured is how many settings env tells git already.
func configured(env []string) int {
	for i := len(env) - 1; i >= 0; i-- {
		if text, ok := strings.CutPrefix(env[i], "GIT_CONFIG_COUNT="); ok {
			count, err := strconv.Atoi(text)
			if err != nil {
				return 0 // git refuses it as well
			}
			return count
		}
	}
	return 0
}

// isolated is the environment of git for what this server keeps: nobody's
// settings but these. Hooks of a user's, for one, must not run on pushes.
func isolated(settings ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_TERMINAL_PROMPT=0", "GIT_DEFAULT_HASH=sha1", "GIT_DEFAULT_REF_FORMAT=files", "GIT_ALLOW_PROTOCOL=" + Protocols, "GIT_CONFIG_COUNT=" + strconv.Itoa(len(settings)/2)}
	for i := 0; i+1 < len(settings); i += 2 {
		index := strconv.Itoa(i / 2)
		env = append(env, "GIT_CONFIG_KEY_"+index+"="+settings[i], "GIT_CONFIG_VALUE_"+index+"="+settings[i+1])
	}
	return env
}
