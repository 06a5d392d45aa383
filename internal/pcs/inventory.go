package pcs

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/xname"
)

// Inventory knows where each component's BMC is and what it offers: HSM. nil
// ids ask for all.
type Inventory interface {
	ComponentEndpoints(ctx context.Context, ids []string) ([]hsm.ComponentEndpoint, error)
}

// catalog remembers the inventory. What it does not know it asks for. The
// components that it has are never changed, but replaced.
type catalog struct {
	inventory Inventory
	mu        sync.RWMutex
	byName    map[string]*Component
	byBMC     map[string][]*Component // those of each BMC; nil: not made since the last change
	offers    map[string]offer        // by the reset types: hardware of a kind has the same
}

// offer is what hardware offers, and can do with it.
type offer struct {
	resetTypes []string
	supported  []Operation
}

func newCatalog(inventory Inventory) *catalog {
	return &catalog{inventory: inventory, byName: map[string]*Component{}, offers: map[string]offer{}}
}

// component makes one of what HSM has of it, or returns the one that is known
// if it is the same. The caller holds mu.
func (c *catalog) component(e *hsm.ComponentEndpoint) *Component {
	reset, _ := e.Reset()
	key := strings.Join(reset.AllowableValues, "\n")
	its, known := c.offers[key]
	if !known {
		its = offer{reset.AllowableValues, supported(reset.AllowableValues)}
		c.offers[key] = its
	}
	fresh := &Component{Xname: e.ID, Type: xname.TypeOf(e.ID), BMC: e.RedfishEndpointID, Address: e.RedfishEndpointFQDN,
		OdataID: e.OdataID, ResetTarget: reset.Target, ResetTypes: its.resetTypes, can: its.supported}
	if known := c.byName[e.ID]; known != nil && known.same(fresh) {
		return known
	}
	return fresh
}

// fetchAllAbove is how many components make asking for all cheaper than asking
// for each, if they are more than half of those that are known, too.
const fetchAllAbove = 200

// get returns those of the components that exist.
func (c *catalog) get(ctx context.Context, xnames []string) (map[string]*Component, error) {
	found, missing := c.known(xnames)
	if len(missing) == 0 {
		return found, nil
	}
	if err := c.refresh(ctx, missing); err != nil {
		return nil, err
	}
	found, _ = c.known(xnames)
	return found, nil
}

// known returns what is remembered of the components, without asking.
func (c *catalog) known(xnames []string) (found map[string]*Component, missing []string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found = make(map[string]*Component, len(xnames))
	for _, x := range xnames {
		if component, ok := c.byName[x]; ok {
			found[x] = component
		} else {
			missing = append(missing, x)
		}
	}
	return found, missing
}

// bmcs are the BMCs that are remembered, with their components.
func (c *catalog) bmcs() map[string][]*Component {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byBMC == nil {
		c.byBMC = map[string][]*Component{}
		for _, component := range c.byName {
			c.byBMC[component.BMC] = append(c.byBMC[component.BMC], component)
		}
	}
	return c.byBMC
}

// refresh asks for these components again and forgets those that are gone.
func (c *catalog) refresh(ctx context.Context, xnames []string) error {
	c.mu.RLock()
	most := max(fetchAllAbove, len(c.byName)/2)
	c.mu.RUnlock()
	if len(xnames) > most {
		return c.reload(ctx)
	}
	endpoints, err := c.inventory.ComponentEndpoints(ctx, xnames)
	if err != nil {
		return fmt.Errorf("ask HSM for component endpoints: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := make(map[string]*Component, len(endpoints))
	for i := range endpoints {
		found[endpoints[i].ID] = c.component(&endpoints[i])
	}
	for _, x := range xnames {
		delete(c.byName, x)
	}
	maps.Copy(c.byName, found)
	c.byBMC = nil
	return nil
}

// reload asks for everything again.
func (c *catalog) reload(ctx context.Context) error {
	endpoints, err := c.inventory.ComponentEndpoints(ctx, nil)
	if err != nil {
		return fmt.Errorf("ask HSM for component endpoints: %w", err)
	}
	byName := make(map[string]*Component, len(endpoints))
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range endpoints {
		byName[endpoints[i].ID] = c.component(&endpoints[i])
	}
	c.byName, c.byBMC = byName, nil
	return nil
}

// logins remembers the BMCs' credentials for a while.
type logins struct {
	source Credentials
	now    func() time.Time
	mu     sync.Mutex
	byBMC  map[string]loginUntil
}

type loginUntil struct {
	login   redfish.Login
	address string // for which it was asked
	until   time.Time
}

const rememberLogin = 10 * time.Minute

// get is the login of the BMC at the address: one that was asked for another
// address is not shown there.
func (l *logins) get(ctx context.Context, bmc, address string) (redfish.Login, error) {
	l.mu.Lock()
	known, ok := l.byBMC[bmc]
	l.mu.Unlock()
	if ok && known.address == address && l.now().Before(known.until) {
		return known.login, nil
	}
	login, err := l.source.Credentials(ctx, bmc)
	if err != nil {
		return login, fmt.Errorf("find credentials of BMC %s: %w", bmc, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byBMC[bmc] = loginUntil{login, address, l.now().Add(rememberLogin)}
	return login, nil
}

// forget drops a login that the BMC did not accept.
func (l *logins) forget(bmc string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byBMC, bmc)
}
