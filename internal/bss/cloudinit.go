package bss

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/drover-hpc/drover/internal/fault"
)

// MetaData is the cloud-init meta-data of the host with the IP address, or the
// element of it that the key names: keys of nested objects with dots between
// them.
func (s *Service) MetaData(ctx context.Context, ip, key string) (any, error) {
	c, err := s.clientByIP(ctx, ip)
	if err != nil {
		return nil, err
	}
	data, err := s.cloudData(ctx, c, func(d CloudInit) map[string]any { return d.MetaData })
	if err != nil {
		return nil, err
	}
	global, _, err := s.lookup(ctx, GlobalHost)
	if err != nil {
		return nil, err
	}
	added := map[string]any{"Global": orEmpty(global.cloudInit().MetaData)}
	if c.ID != "" {
		added["local-hostname"] = c.ID
		added["shasta-type"] = c.Role
		added["shasta-role"] = c.SubRole
		if _, set := data["instance-id"]; !set {
			added["instance-id"] = instanceID(c.ID)
		}
	}
	return element(overlay(data, added), key)
}

// UserData is the cloud-init user-data of the host with the IP address, as a
// cloud-config document.
func (s *Service) UserData(ctx context.Context, ip string) ([]byte, error) {
	c, err := s.clientByIP(ctx, ip)
	if err != nil {
		return nil, err
	}
	data, err := s.cloudData(ctx, c, func(d CloudInit) map[string]any { return d.UserData })
	if err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(orEmpty(data))
	if err != nil {
		return nil, fmt.Errorf("encode user-data: %w", err)
	}
	if c.ID != "" {
		s.history.note(c.ID, userDataEndpoint)
	}
	return append([]byte("#cloud-config\n"), text...), nil
}

// PhoneHome stores what the host with the IP address tells about itself. A
// host without an entry of its own gets none: it would hide that of its role.
func (s *Service) PhoneHome(ctx context.Context, ip string, p PhoneHome) error {
	c, err := s.clientByIP(ctx, ip)
	if err != nil {
		return err
	}
	if c.ID == "" {
		return fault.New(fault.NotFound, "no host has the address %s", ip)
	}
	_, err = s.hosts.UpdateOne(ctx, c.ID, func(h *host) error {
		h.CloudInit = h.cloudInit().merge(CloudInit{PhoneHome: p})
		return nil
	})
	return err
}

// cloudData is the part of the client's cloud-init data, over that of its
// sub-role. A client that HSM does not know gets that of Default.
func (s *Service) cloudData(ctx context.Context, c Component, part func(CloudInit) map[string]any) (map[string]any, error) {
	names := []string{DefaultHost}
	if c.ID != "" {
		names = []string{c.SubRole, c.ID}
	}
	data := map[string]any{}
	for _, name := range names {
		if name == "" {
			continue
		}
		h, _, err := s.lookup(ctx, name)
		if err != nil {
			return nil, err
		}
		data = overlay(data, part(h.cloudInit()))
	}
	return data, nil
}

// clientByIP is the component with the IP address; without ID if there is none.
func (s *Service) clientByIP(ctx context.Context, ip string) (Component, error) {
	id, err := s.inventory.byIP(ctx, ip)
	if err != nil || id == "" {
		return Component{}, err
	}
	return s.inventory.component(ctx, id)
}

// instanceID is constant for a host, so that cloud-init does not take a
// reboot for a new instance.
func instanceID(xname string) string {
	sum := sha256.Sum256([]byte(xname))
	return "i-" + hex.EncodeToString(sum[:4])
}

func element(data map[string]any, key string) (any, error) {
	var at any = data
	if key == "" {
		return at, nil
	}
	for _, k := range strings.Split(key, ".") {
		m, _ := at.(map[string]any)
		sub, ok := m[k]
		if !ok {
			return nil, fault.New(fault.NotFound, "the meta-data has no element '%s'", key)
		}
		at = sub
	}
	return at, nil
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
