package machine

import (
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

// Prospect is what becomes of a node if all that it is asked for goes well.
type Prospect struct {
	// Effects are what is carried out for it, in their order. Configure stands for
	// all that CFS does to it, also where it needs no telling.
	Effects []Effect
	// Waits is why it gets no further now, in the words of its record; empty: it gets
	// where it should be.
	Waits string
}

// foreseen bounds the steps of a prospect: the longest way has ten.
const foreseen = 24

// Foresee takes a node through Next as if each call were accepted and had its effect at
// once, each booted node reported what it should run, and each configuration succeeded. It
// is as pure as Next.
func Foresee(c bos.Component, f Facts, o bos.Options, now time.Time) (p Prospect) {
	f.CallID, f.Outcome = "foreseen", nil
	for range foreseen {
		f.Power.At = now
		r := Next(c, f, o, now)
		c, f.Outcome = r.Component, nil
		switch {
		case r.Effect != Nothing:
			p.add(r.Effect)
			happen(&c, &f, r.Effect)
		case !c.Enabled:
			if c.Status.StatusOverride != "" {
				p.Waits = c.Troubles.Newest()
			}
			return p
		case c.Computed() == bos.StatusConfiguring && f.Config.Known != nil:
			p.add(Configure)
			f.Config.Known = configured(&c)
		case r.Look.After(now):
			p.Waits = c.Troubles.Newest()
			return p
		}
	}
	return p
}

func (p *Prospect) add(e Effect) {
	if n := len(p.Effects); n == 0 || p.Effects[n-1] != e {
		p.Effects = append(p.Effects, e)
	}
}

// happen is what follows from an effect if all goes well.
func happen(c *bos.Component, f *Facts, e Effect) {
	switch e {
	case CallPowerOn:
		f.Power.State = PowerOn
		c.ActualState.BootArtifacts = c.DesiredState.BootArtifacts
		if f.Config.Known != nil { // as it is held until the node has booted
			f.Config.Known = &bos.Configuration{Node: c.ID, Desired: c.DesiredState.Configuration, Status: "pending"}
		}
	case CallSoftOff, CallForceOff:
		f.Power.State = PowerOff
	case Configure:
		f.Config.Known = configured(c)
	case Nothing, Abandon:
		return
	}
	if e != Configure {
		f.Outcome = &Outcome{CallID: f.CallID, Kind: bos.AnswerAccepted}
	}
}

func configured(c *bos.Component) *bos.Configuration {
	return &bos.Configuration{Node: c.ID, Desired: c.DesiredState.Configuration, Status: "configured", Enabled: true}
}
