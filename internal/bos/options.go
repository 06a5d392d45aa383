package bos

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Options are the service's settings.
type Options struct {
	BSSReadTimeout             int    `json:"bss_read_timeout"`
	CFSReadTimeout             int    `json:"cfs_read_timeout"`
	CleanupCompletedSessionTTL string `json:"cleanup_completed_session_ttl"`
	ClearStage                 bool   `json:"clear_stage"`
	ComponentActualStateTTL    string `json:"component_actual_state_ttl"`
	DefaultRetryPolicy         int    `json:"default_retry_policy"`
	DiscoveryFrequency         int    `json:"discovery_frequency"`
	HSMReadTimeout             int    `json:"hsm_read_timeout"`
	IMSErrorsFatal             bool   `json:"ims_errors_fatal"`
	IMSImagesMustExist         bool   `json:"ims_images_must_exist"`
	IMSReadTimeout             int    `json:"ims_read_timeout"`
	LoggingLevel               string `json:"logging_level"`
	MaxBootWaitTime            int    `json:"max_boot_wait_time"`
	MaxComponentBatchSize      int    `json:"max_component_batch_size"`
	MaxPowerOffWaitTime        int    `json:"max_power_off_wait_time"`
	MaxPowerOnWaitTime         int    `json:"max_power_on_wait_time"`
	PCSReadTimeout             int    `json:"pcs_read_timeout"`
	PollingFrequency           int    `json:"polling_frequency"`
	RejectNIDs                 bool   `json:"reject_nids"`
	SessionLimitRequired       bool   `json:"session_limit_required"`
}

// DefaultOptions are the published defaults.
func DefaultOptions() Options {
	return Options{
		BSSReadTimeout: 20, CFSReadTimeout: 20, HSMReadTimeout: 20, IMSReadTimeout: 20, PCSReadTimeout: 20,
		CleanupCompletedSessionTTL: "7d", ComponentActualStateTTL: "4h",
		DefaultRetryPolicy: 3, DiscoveryFrequency: 300, PollingFrequency: 15, LoggingLevel: "INFO",
		MaxBootWaitTime: 1200, MaxPowerOffWaitTime: 300, MaxPowerOnWaitTime: 120, MaxComponentBatchSize: 2800,
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// PowerOnWait is how long a node may take to be on after power-on was called.
func (o Options) PowerOnWait() time.Duration { return seconds(o.MaxPowerOnWaitTime) }

// PowerOffWait is how long a node may take to be off.
func (o Options) PowerOffWait() time.Duration { return seconds(o.MaxPowerOffWaitTime) }

// BootWait is how long a node may take from power-on to its report.
func (o Options) BootWait() time.Duration { return seconds(o.MaxBootWaitTime) }

// Polling is the time between two looks at everything.
func (o Options) Polling() time.Duration { return max(seconds(o.PollingFrequency), time.Second) }

// Discovery is the time between two comparisons with HSM.
func (o Options) Discovery() time.Duration { return max(seconds(o.DiscoveryFrequency), time.Second) }

// ActualStateTTL is the age at which an actual state counts for nothing.
func (o Options) ActualStateTTL() time.Duration {
	d, err := ParseAge(o.ComponentActualStateTTL)
	if err != nil || d == 0 {
		return 4 * time.Hour
	}
	return d
}

// CompletedSessionTTL is the age at which complete sessions are removed; 0 is
// never.
func (o Options) CompletedSessionTTL() time.Duration {
	d, _ := ParseAge(o.CleanupCompletedSessionTTL)
	return d
}

// Batch is how many components one call handles.
func (o Options) Batch() int {
	if o.MaxComponentBatchSize == 0 {
		return math.MaxInt
	}
	return o.MaxComponentBatchSize
}

var ageUnits = map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

// ParseAge reads a number and one of the units m, h, d and w in any case; "0"
// is none.
func ParseAge(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	if len(s) < 2 {
		return 0, errAge(s)
	}
	unit, known := ageUnits[strings.ToLower(s)[len(s)-1]]
	n, err := strconv.Atoi(s[:len(s)-1])
	if !known || err != nil || n < 0 || n > int(math.MaxInt64/unit) {
		return 0, errAge(s)
	}
	return time.Duration(n) * unit, nil
}
