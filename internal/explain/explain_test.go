package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
)

var now = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func ago(d time.Duration) string { return now.Add(-d).Format("2006-01-02T15:04:05") }

// facts are those of a node that should boot, acted upon two minutes ago.
func facts(status string, alter ...func(*Facts)) *Facts {
	c := &Component{Enabled: true, Session: "s1"}
	c.Status.Status = status
	c.DesiredState.BootArtifacts.Kernel = "s3://boot-images/1/kernel"
	c.DesiredState.Configuration = "site"
	c.LastAction.LastUpdated = ago(2 * time.Minute)
	c.EventStats.PowerOn = 1
	f := &Facts{Node: "x1c0s0b0n0", Now: now, Component: c,
		Options: Options{MaxBootWaitTime: 1200, MaxPowerOnWaitTime: 120, MaxPowerOffWaitTime: 300, DefaultRetryPolicy: 3},
		Power:   &Power{PowerState: "on", ManagementState: "available"},
		Config:  &Config{DesiredConfig: "site", ConfigurationStatus: "pending", Enabled: true}}
	for _, a := range alter {
		a(f)
	}
	return f
}

func entry(before time.Duration, source, kind, text string) journal.Entry {
	return journal.Entry{Time: now.Add(-before), Source: source, Kind: kind, Text: text, Failed: strings.HasPrefix(text, "!")}
}

func with(list ...journal.Entry) func(*Facts) { return func(f *Facts) { f.Journal = list } }

func power(state, management string) func(*Facts) {
	return func(f *Facts) { f.Power = &Power{PowerState: state, ManagementState: management} }
}

// running: it reported what it should run, and is configured.
func running(f *Facts) {
	f.Component.ActualState.BootArtifacts = f.Component.DesiredState.BootArtifacts
	f.Config.ConfigurationStatus = "configured"
}

// leftOut: a session left the node out.
var leftOut = journal.Entry{Time: now.Add(-time.Minute), Source: "bos", Kind: "session", Session: "s2", Text: "left out of the session: it is locked"}

// backedOff: its configuration has a back-off.
func backedOff(f *Facts) {
	f.Config.Waiting = &Waiting{Reason: "20 sessions of configuration site failed in a row", Until: now.Add(time.Minute)}
}

func failedEntry(text string) journal.Entry {
	e := entry(time.Minute, "bos", "status", text)
	e.Failed = true
	return e
}

var called = entry(2*time.Minute, "bos", "status", "power_on_pending -> power_on_called")

func TestExplain(t *testing.T) {
	two := 2
	for name, c := range map[string]struct {
		facts *Facts
		want  []string
		not   []string
	}{
		"unknown to the boot service": {&Facts{Node: "x1c0s0b0n0", Now: now},
			[]string{"x1c0s0b0n0 is not known to the boot service.", "drover discover"}, nil},
		"the boot service is broken": {&Facts{Node: "x", Now: now, Unknown: map[string]string{"bos": "500"}},
			[]string{"cannot be explained: the boot service said: 500", "bos            no answer: 500"}, nil},
		"firmware": {facts("power_on_called", with(called)),
			[]string{"is on and has not asked for its boot script.", "power-on was tried once of at most 3",
				"That was 2m0s ago. It may take until 03:18:00 (option max_boot_wait_time, 1200 s); then it is powered off and tried again."}, nil},
		"traces of an earlier boot do not count": {facts("power_on_called", with(entry(time.Hour, "bss", "boot-script", "boot script served"), called)),
			[]string{"has not asked for its boot script"}, nil},
		"boot script": {facts("power_on_called", with(called, entry(time.Minute, "bss", "boot-script", "boot script served"))),
			[]string{"has its boot script and has fetched nothing yet.", "It got the script 1m0s ago."}, nil},
		"no boot script": {facts("power_on_called", with(called, entry(time.Minute, "bss", "boot-script", "! this host not configured"))),
			[]string{"asked for its boot script and got none.", "1m0s ago: ! this host not configured", "bootparameters list --name x1c0s0b0n0"}, nil},
		"artifacts": {facts("power_on_called", with(called, entry(time.Minute, "bss", "boot-script", "served"), entry(50*time.Second, "s3", "artifact", "fetched s3://b/initrd"))),
			[]string{"is starting its operating system.", "It fetched its last file 50s ago"}, []string{"went wrong"}},
		"console": {facts("power_on_called", with(called, entry(time.Minute, "bss", "boot-script", "served"), entry(50*time.Second, "s3", "artifact", "fetched s3://b/initrd")),
			func(f *Facts) {
				f.Console = []string{"1", "2", "3", "4", "5", "6", "Kernel panic - not syncing: " + strings.Repeat("x", 200)}
			}),
			[]string{"stopped while it started its operating system.\n  On its console: Kernel panic - not syncing: xxx",
				"Last on its console\n  | 2\n", "  | Kernel panic - not syncing: xxx", "xxx...", "drover console x1c0s0b0n0"}, []string{"  | 1\n"}},
		"panic of a node that failed": {facts("failed", func(f *Facts) {
			f.Console = []string{"[ 1.9] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs ]---", "a", "b", "c", "d", "e", "f"}
		}), []string{"On its console: Kernel panic - not syncing: VFS: Unable to mount root fs\n"}, []string{"| [ 1.9]"}},
		"missing artifact": {facts("power_on_called", with(called, entry(time.Minute, "s3", "artifact", "! could not fetch s3://b/kernel: 404 Not Found"))),
			[]string{"could not fetch what it should boot.", "404 Not Found", "The store does not have it:"}, []string{"The last thing that went wrong"}},
		"other artifact": {facts("power_on_called", with(called, entry(time.Minute, "s3", "artifact", "! could not fetch s3://b/rootfs: 412 Precondition Failed"))),
			[]string{"could not fetch what it should boot.", "another file under this name than rd.live.etag"}, []string{"does not have it"}},
		"wrong boot": {facts("power_on_called", with(called), func(f *Facts) { f.Component.ActualState.BootArtifacts.Kernel = "s3://old" }),
			[]string{"reported a boot that is not the one wanted.", "It runs s3://old"}, nil},
		"no reporter": {facts("power_on_called", with(called, entry(9*time.Second, "hsm", "state", "HSM state Ready"))),
			[]string{"is up, and its report to the boot service is missing.", "ready 9s ago"}, nil},
		"still off": {facts("power_on_called", power("off", "unavailable"), with(called, entry(119*time.Second, "pcs", "bmc-answer", "! 503 from the BMC: busy")),
			func(f *Facts) { f.Component.RetryPolicy, f.Component.EventStats.PowerOn = &two, 2 }),
			[]string{"was told to power on and is still off.", "Its BMC answered 1m59s ago: ! 503 from the BMC: busy", "Its BMC does not answer now.",
				"power-on was tried twice of at most 2", "option max_power_on_wait_time, 120 s); then power-on is called again"}, nil},
		"graceful": {facts("power_off_gracefully_called"),
			[]string{"was asked to shut down and is still on.", "until 03:03:00 (option max_power_off_wait_time, 300 s); then the power is cut."}, nil},
		"forced": {facts("power_off_forcefully_called", func(f *Facts) { f.Component.EventStats.PowerOffForceful = 2 }),
			[]string{"is to have its power cut and is still on.", "a forced power-off was tried twice of at most 3"}, nil},
		"forced, and the BMC has it": {facts("power_off_forcefully_called", with(entry(time.Second, "bos", "forced-off", "!forced off: it did not react"))),
			[]string{"had its power cut and is still on."}, nil},
		"configuring": {facts("configuring"), []string{"is up and being configured.", "configuration  site pending"}, nil},
		"the reporter has to enable it": {facts("configuring", func(f *Facts) { f.Config.Enabled = false }),
			[]string{"is up and waits to be configured.", "drover cfs v3 components update x1c0s0b0n0 --enabled true", "site pending, disabled"}, nil},
		"a back-off": {facts("configuring", backedOff),
			[]string{"x1c0s0b0n0 is up; its configuration is pending and waits until 03:01:00: 20 sessions of configuration site failed in a row.",
				"configuration  site pending, waits until 03:01:00: 20 sessions of configuration site failed in a row"}, []string{"being configured"}},
		"a back-off of a node at rest": {facts("stable", running, func(f *Facts) { f.Config.ConfigurationStatus = "pending" }, backedOff),
			[]string{"booted what it should; its configuration is pending and waits until 03:01:00: 20 sessions of configuration site failed in a row."}, nil},
		"a configuration that is not there": {facts("stable", running, func(f *Facts) {
			f.Config.ConfigurationStatus, f.Config.Waiting = "unconfigured", &Waiting{Reason: "configuration site does not exist"}
		}), []string{"booted what it should; it is unconfigured: configuration site does not exist.", "site unconfigured, waits: configuration site does not exist"}, nil},
		"a session that waits for its git server": {facts("configuring", func(f *Facts) {
			f.Run = &Run{Name: "batcher-1", Waiting: &Waiting{Reason: "the git server does not answer", Until: now.Add(time.Minute)}}
		}), []string{"CFS session batcher-1 is configuring it.\n  That session waits until 03:01:00: the git server does not answer"}, nil},
		"sessions are held": {facts("configuring", func(f *Facts) {
			f.SessionsHeld, f.Run = true, &Run{Name: "s", Pending: true}
		}), []string{"is up; its configuration is pending.", "CFS session s is to configure it.", "CFS accepts sessions and starts none (--cfs-hold-sessions)."},
			[]string{"being configured", "is configuring it"}},
		"sessions are held, as the batcher says": {facts("configuring", func(f *Facts) {
			f.SessionsHeld, f.Config.Waiting = true, &Waiting{Reason: "session s is not started: CFS starts none (--cfs-hold-sessions)"}
		}), []string{"waits: session s is not started"}, []string{"CFS accepts"}},
		"what the power service waits for": {facts("power_on_called", power("off", "available"), with(called), func(f *Facts) {
			f.Task = &Task{Operation: "On", Description: "The BMC answered 503; asked again in 4s"}
		}), []string{"PCS task       On: The BMC answered 503; asked again in 4s"}, nil},
		"forced off in its session": {facts("power_on_pending", power("off", "available"), with(entry(3*time.Minute, "bos", "status", "stable -> on_hold"),
			entry(2*time.Minute, "bos", "forced-off", "!forced off: max_power_off_wait_time is over"), entry(time.Minute, "bos", "status", "power_off_forcefully_called -> power_on_pending: !"))),
			[]string{"Its power was cut 2m0s ago: max_power_off_wait_time is over"}, []string{"went wrong"}},
		"started again by itself": {facts("stable", running, func(f *Facts) { f.Component.ActualState.LastUpdated = ago(time.Hour) },
			with(entry(time.Minute, "bss", "boot-script", "boot script served"))),
			[]string{"started again 1m0s ago, and has not reported since what it runs."}, []string{"runs what it should"}},
		"started again by itself, and reported": {facts("stable", running, func(f *Facts) { f.Component.ActualState.LastUpdated = ago(30 * time.Second) },
			with(entry(time.Minute, "bss", "boot-script", "boot script served"))),
			[]string{"runs what it should."}, []string{"started again"}},
		"forced off, and well again": {facts("stable", running, with(entry(2*time.Minute, "bos", "forced-off", "!forced off: it did not react"))),
			[]string{"runs what it should.\n  Its power was cut 2m0s ago: it did not react"}, nil},
		"left out": {facts("stable", running, with(leftOut)), []string{"Session s2 left it out 1m0s ago: it is locked"}, nil},
		"taken in again": {facts("power_on_pending", power("off", "available"), with(leftOut, entry(30*time.Second, "bos", "status", "stable -> on_hold"))),
			nil, []string{"left it out"}},
		"staged": {facts("stable", running, func(f *Facts) { f.Component.StagedState.Session = "s9" }),
			[]string{"runs what it should; session s9 is staged for it.", "staged         session s9"}, nil},
		"another configuration": {facts("configuring", func(f *Facts) { f.Config.DesiredConfig = "" }),
			[]string{"Configuration 'site' is wanted; the configuration service still has none.", "configuration  none wanted"}, nil},
		"on hold, its BMC is silent": {facts("on_hold", power("undefined", "unavailable")),
			[]string{"waits until its BMC tells whether it is on.", "Its BMC does not answer now.", "Check the BMC's network and power."}, []string{"next look"}},
		"on hold, lost": {facts("on_hold", func(f *Facts) { f.Component.Enabled, f.Component.Error = false, "not returned by pcs" }),
			[]string{"is on hold", "not returned by pcs", "drover bos components update x1c0s0b0n0 --enabled true"}, nil},
		"runs": {facts("stable", running), []string{"x1c0s0b0n0 runs what it should.", "boot           stable, session s1", "kernel         s3://boot-images/1/kernel"}, []string{"What to do"}},
		"off":  {facts("stable", power("off", "available"), func(f *Facts) { f.Component.DesiredState = State{} }), []string{"is off, as wanted."}, nil},
		"discovered only": {facts("stable", func(f *Facts) { f.Component.DesiredState, f.Component.Session, f.Power = State{}, "", nil },
			with(entry(time.Minute, "hsm", "state", "HSM state On"))), []string{"was never booted by the boot service."}, []string{"should be off"}},
		"configured without a boot, in vain": {facts("stable", func(f *Facts) {
			f.Component.DesiredState, f.Component.Session = State{}, ""
			f.Config = &Config{DesiredConfig: "site", ConfigurationStatus: "failed", ErrorCount: 3, State: []Layer{{Status: "failed", Playbook: "site.yml", SessionName: "batcher-1"}}}
			f.Tasks = []FailedTask{{Task: "Mount home", Status: "failed", Message: "no such host"}}
		}, power("on", "available")), []string{"was never booted by the boot service; its configuration failed.", "Task 'Mount home' failed: no such host", "drover logs batcher-1"}, nil},
		"failing without a boot": {facts("stable", func(f *Facts) {
			f.Component.DesiredState, f.Component.Session = State{}, ""
			f.Config = &Config{DesiredConfig: "site", ConfigurationStatus: "pending", Enabled: true, ErrorCount: 1, State: []Layer{{Status: "failed", Playbook: "site.yml", SessionName: "batcher-1"}}}
			f.Tasks = []FailedTask{{Task: "Mount home", Status: "failed", Message: "no such host"}}
		}, power("on", "available")), []string{"was never booted by the boot service; its configuration is pending", "Task 'Mount home' failed: no such host", "drover logs batcher-1"}, nil},
		"off by itself": {facts("stable", running, power("off", "available")), []string{"x1c0s0b0n0 is off, and should run.", "drover boot x1c0s0b0n0"}, nil},
		"on by hand":    {facts("stable", func(f *Facts) { f.Component.DesiredState = State{} }), []string{"is on, and should be off.", "drover off x1c0s0b0n0"}, nil},
		"pending":       {facts("stable", running, func(f *Facts) { f.Config.ConfigurationStatus = "pending" }), []string{"booted what it should; its configuration is pending."}, nil},
		"repaired by CFS": {facts("failed", running, func(f *Facts) {
			f.Component.Error = "cfs configuration failed"
			f.Config.State = []Layer{{Playbook: "a.yml", Status: "applied", SessionName: "batcher-2"}}
		}), []string{"x1c0s0b0n0 runs what it should: it was configured after", "By CFS session batcher-2."}, []string{"x1c0s0b0n0 failed."}},
		"failed by a playbook": {facts("failed", func(f *Facts) {
			f.Component.Error = "cfs configuration failed"
			f.Config.ConfigurationStatus, f.Config.ErrorCount = "failed", 3
			f.Config.State = []Layer{{Playbook: "a.yml", Status: "applied", SessionName: "s0"}, {Playbook: "b.yml", Status: "failed", SessionName: "batcher-1"}}
			f.Tasks = []FailedTask{{Host: f.Node, Task: "mount", Status: "failed", Message: "no such device\non " + f.Node}}
		}), []string{"x1c0s0b0n0 failed.", "cfs configuration failed", "site failed, 1 of 2 layers that ran are applied, failed 3 times",
			"All that playbook b.yml said:  drover logs batcher-1\n", "Task 'mount' failed: no such device on this node", "drover reboot x1c0s0b0n0"}, nil},
		"failed in BOS's words": {facts("failed", func(f *Facts) { f.Component.Error = "no power" },
			with(called, failedEntry("power_on_called -> failed: no power"))),
			[]string{"x1c0s0b0n0 failed.\n  1m0s ago: no power\n\n"}, nil},
		"failed by the BMC": {facts("failed", power("undefined", "unavailable"), with(called, entry(time.Minute, "pcs", "bmc-answer", "! the BMC said: Power supply missing"))),
			[]string{"1m0s ago, by pcs: ! the BMC said: Power supply missing", "Its BMC does not answer"}, nil},
	} {
		got := strings.Join(Explain(c.facts), "\n")
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", name, w, got)
			}
		}
		for _, w := range c.not {
			if strings.Contains(got, w) {
				t.Errorf("%s: %q in\n%s", name, w, got)
			}
		}
	}
}

func TestStoryTellsTheLastBoot(t *testing.T) {
	f := facts("power_on_called", with(
		entry(3*time.Hour, "bos", "status", "configuring -> stable"),
		entry(150*time.Second, "bos", "status", "stable -> on_hold"),
		entry(149900*time.Millisecond, "bos", "status", "on_hold -> power_on_pending"),
		called,
		entry(100*time.Second, "pcs", "bmc-answer", "! refused")))
	want := []string{
		"  02:57:30           bos  stable -> on hold",
		"  02:57:30   +100ms  bos  on hold -> power on pending",
		"  02:58:00     +30s  bos  power on pending -> power on called",
		"! 02:58:20     +20s  pcs  ! refused",
		"  50s from the first to the last of these; the last was 1m40s ago",
	}
	got := f.story()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLongStoryIsShortened(t *testing.T) {
	f := facts("configuring")
	for range maxStory + 5 {
		f.Journal = append(f.Journal, entry(time.Second, "s3", "artifact", "fetched"))
	}
	if got := f.story(); got[0] != "  ... 5 earlier" || len(got) != maxStory+2 {
		t.Errorf("%d lines, the first %q", len(got), got[0])
	}
}
