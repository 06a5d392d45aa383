package node

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Identity is what a node knows of itself from its kernel command line.
type Identity struct {
	Xname string
	// Token is the referral token of the boot script that was performed; empty
	// if the node was booted by something else.
	Token string
	// Update is bos_update_frequency as it was given, such as "4h".
	Update string
}

// ParseCommandLine reads the identity from a kernel command line. Of repeated
// parameters the last one counts, as for the kernel.
func ParseCommandLine(line string) Identity {
	var id Identity
	for _, word := range strings.Fields(line) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "xname":
			id.Xname = value
		case "bss_referral_token":
			id.Token = value
		case "bos_update_frequency":
			id.Update = value
		}
	}
	return id
}

// ErrNoIdentity says that neither the environment nor the kernel told the
// node its name.
var ErrNoIdentity = errors.New("no xname: set NODE_IDENTITY, or boot with xname= on the kernel command line")

// defaultUpdate is the update frequency of a node that was given none.
const defaultUpdate = 4 * time.Hour

// BOSPeriod is the time between two reports to BOS: three quarters of the
// update frequency.
func (id Identity) BOSPeriod() time.Duration {
	return parseFrequency(id.Update) * 3 / 4
}

// parseFrequency reads BOS's notation: a number and one of s, m, h, d, w.
func parseFrequency(text string) time.Duration {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour,
		'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if text == "" {
		return defaultUpdate
	}
	unit, ok := units[text[len(text)-1]]
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 63)
	if !ok || err != nil || n == 0 || n > uint64(math.MaxInt64/3/unit) {
		return defaultUpdate
	}
	return time.Duration(n) * unit
}

// RetryWait is the pause before try n (the first is 0) of a report: two
// seconds more each time, at most thirty.
func RetryWait(try int) time.Duration {
	return min(30*time.Second, time.Duration(min(try, 15))*2*time.Second)
}

// TrustWait is the pause before try n (the first is 0) of FetchTrust.
func TrustWait(try int) time.Duration {
	return min(10*time.Second, time.Duration(min(try, 10))*time.Second)
}
