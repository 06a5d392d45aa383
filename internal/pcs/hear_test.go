package pcs_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/bmc/bmctest"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/redfish"
)

// listening is a world whose one node n0 has a BMC that tells of changes, and whose
// clock can be put forward.
type listening struct {
	*world
	face    *bmc.Face
	machine *bmctest.Machine
	ahead   atomic.Int64 // of the clock
}

func newListening(t *testing.T, pollEvery time.Duration) *listening {
	t.Helper()
	w := startListening(t, pollEvery, bmc.On)
	w.polled(n0)
	w.tells(1)
	return w
}

// startListening is newListening of a node with the power, of which nothing is known yet.
func startListening(t *testing.T, pollEvery time.Duration, power bmc.PowerState) *listening {
	t.Helper()
	w := &listening{world: newWorld(t)}
	w.now = func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	door := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = w.service.Heard(strings.TrimPrefix(r.URL.Path, "/"), text)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(door.Close)
	face, machines := w.machines(n0)
	w.face, w.machine = face, &machines[0]
	w.machine.Turn(power)
	t.Cleanup(face.Close) // before the door
	w.start(func(c *pcs.Config) {
		c.PollEvery, c.Teller = pollEvery, c.BMC.(*redfish.Driver)
		c.Subscriptions = func(bmc string) redfish.Subscription {
			return redfish.Subscription{Destination: door.URL + "/" + bmc, Below: door.URL, Context: bmc}
		}
	})
	return w
}

// tells waits until so many BMCs tell of changes.
func (w *listening) tells(bmcs float64) {
	w.t.Helper()
	w.eventually("BMCs that tell", func() bool {
		n, err := w.service.BMCsThatTell()
		return err == nil && n == bmcs
	})
}

// power waits until the node is known to have the power.
func (w *listening) power(want pcs.PowerState) {
	w.t.Helper()
	w.eventually("power "+string(want), func() bool { return w.status(n0).PowerState == want })
}

// Who subscribes came before there was an answer, and comes again in an hour.
func TestABMCThatAnswersLaterIsSubscribedToAtOnce(t *testing.T) {
	w := startListening(t, time.Hour, bmc.PoweringOn)
	w.eventually("a first look, which tells nothing", func() bool { return w.status(n0).ManagementState == pcs.Available })
	w.machine.Turn(bmc.On)
	if err := w.service.LookAt(t.Context(), n0); err != nil {
		t.Fatal(err)
	}
	w.tells(1)
}

func TestAChangeIsSeenWhenTheBMCTellsOfIt(t *testing.T) {
	w := newListening(t, time.Hour)
	w.machine.Turn(bmc.Off) // as by its button
	w.face.Changed(0, 0, bmc.Off)
	w.power(pcs.PowerOff)
	w.machine.Turn(bmc.On)
	w.face.Changed(0, 0, bmc.On)
	w.power(pcs.PowerOn)
	if n := w.service.ChangesUntold(); n != 0 {
		t.Errorf("%d changes of which the BMC did not tell", n)
	}
}

func TestABMCThatLosesAnEventIsLookedAtOftenAgain(t *testing.T) {
	w := newListening(t, 20*time.Millisecond)
	w.machine.Turn(bmc.Off)
	w.power(pcs.PowerOff) // by a look, which comes though the BMC is said to tell
	w.ahead.Add(int64(time.Minute))
	w.eventually("the change counts as one of which the BMC did not tell", func() bool { return w.service.ChangesUntold() == 1 })
	w.tells(0)
	w.face.Changed(0, 0, bmc.Off)
	w.tells(1)
}

// Some BMCs tell of a change when it begins, and no more.
func TestAChangeIsSeenOfWhichTheBMCToldEarly(t *testing.T) {
	t.Parallel()
	w := newListening(t, time.Hour)
	_, before := w.face.Counts()
	w.face.Changed(0, 0, bmc.PoweringOff)
	w.eventually("the node is looked at", func() bool { _, asked := w.face.Counts(); return asked > before })
	w.machine.Turn(bmc.Off)
	w.power(pcs.PowerOff)
}

func TestABMCThatForgetsItsSubscriptionGetsAnother(t *testing.T) {
	w := newListening(t, 20*time.Millisecond)
	heard := w.service.EventsHeard()
	w.face.Forget(0)
	w.ahead.Add(int64(time.Hour))
	w.eventually("another test of the way", func() bool { return w.service.EventsHeard() > heard })
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	w := newListening(t, time.Hour)
	for _, text := range []string{"power", "{}", `{"Events":[]}`, `{"Context":"x1c0s1b0","Events":[{"MessageId":"ResourceEvent.1.0.ResourceChanged"}]}`} {
		if err := w.service.Heard("x1c0s0b0", []byte(text)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
