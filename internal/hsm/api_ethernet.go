package hsm

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

const (
	ethernetTag  = "ComponentEthernetInterfaces"
	ethernetPath = "/Inventory/EthernetInterfaces"
)

type (
	listInterfacesInput struct {
		Given
		MACAddress  string `query:"MACAddress" doc:"MAC address, in any spelling"`
		IPAddress   string `query:"IPAddress" doc:"IP address"`
		Network     string `query:"Network" doc:"Name of a network that it has an address in"`
		ComponentID string `query:"ComponentID" doc:"xname of the component"`
		Type        string `query:"Type" doc:"Type of the component"`
		OlderThan   string `query:"OlderThan" doc:"Last changed before this time"`
		NewerThan   string `query:"NewerThan" doc:"Last changed after this time"`
	}
	interfaceInput struct {
		ID string `path:"ethInterfaceID" doc:"MAC address without separators"`
	}
	createInterfaceInput struct{ Body EthernetInterface }
	patchInterfaceInput  struct {
		ID   string `path:"ethInterfaceID" doc:"MAC address without separators"`
		Body struct {
			Description *string      `json:"Description,omitempty" doc:"What it is"`
			IPAddresses *[]IPAddress `json:"IPAddresses,omitempty" doc:"All its addresses"`
			ComponentID *string      `json:"ComponentID,omitempty" doc:"xname of the component that has it now"`
		}
	}
	interfacesOutput struct{ Body []EthernetInterface }
	interfaceOutput  struct{ Body EthernetInterface }
	oneCreatedOutput struct {
		Location string `header:"Location"`
		Body     resourceURI
	}
	createAddressInput struct {
		ID   string `path:"ethInterfaceID" doc:"MAC address without separators"`
		Body IPAddress
	}
	addressInput struct {
		ID string `path:"ethInterfaceID" doc:"MAC address without separators"`
		IP string `path:"ipAddress" doc:"IP address"`
	}
	patchAddressInput struct {
		ID   string `path:"ethInterfaceID" doc:"MAC address without separators"`
		IP   string `path:"ipAddress" doc:"IP address"`
		Body struct {
			Network *string `json:"Network,omitempty" doc:"Name of the network"`
		}
	}
	addressesOutput struct{ Body []IPAddress }
)

func oneCreated(path string) *oneCreatedOutput {
	return &oneCreatedOutput{uriBase + path, resourceURI{uriBase + path}}
}

func registerEthernetInterfaces(api huma.API, s *Service) {
	const tag, path, item = ethernetTag, ethernetPath, ethernetPath + "/{ethInterfaceID}"
	httpapi.Handle(api, operation("list-ethernet-interfaces", http.MethodGet, path, "List Ethernet interfaces", tag),
		func(ctx context.Context, in *listInterfacesInput) (*interfacesOutput, error) {
			all, err := s.EthernetInterfaces(ctx, in.parameters())
			return &interfacesOutput{all}, err
		})
	httpapi.Handle(api, answering(operation("create-ethernet-interface", http.MethodPost, path, "Add an Ethernet interface", tag), http.StatusCreated),
		func(ctx context.Context, in *createInterfaceInput) (*oneCreatedOutput, error) {
			id, err := s.AddEthernetInterface(ctx, in.Body)
			return oneCreated(path + "/" + id), err
		})
	httpapi.Handle(api, operation("delete-ethernet-interfaces", http.MethodDelete, path, "Delete all Ethernet interfaces", tag,
		"cli_danger$This will delete all component Ethernet interfaces, continue?"),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.DeleteEthernetInterfaces(ctx, nil)
			return deleted(n, err, errNoEntries)
		})
	httpapi.Handle(api, operation("get-ethernet-interface", http.MethodGet, item, "Describe an Ethernet interface", tag),
		func(ctx context.Context, in *interfaceInput) (*interfaceOutput, error) {
			e, err := s.EthernetInterface(ctx, in.ID)
			return &interfaceOutput{e}, err
		})
	httpapi.Handle(api, operation("delete-ethernet-interface", http.MethodDelete, item, "Delete an Ethernet interface", tag),
		func(ctx context.Context, in *interfaceInput) (*messageOutput, error) {
			n, err := s.DeleteEthernetInterfaces(ctx, []string{MACID(in.ID)})
			return deleted(n, err, noSuchInterface(in.ID))
		})
	httpapi.HandleQuick(api, operation("patch-ethernet-interface", http.MethodPatch, item, "Change an Ethernet interface", tag), quickLease,
		func(ctx context.Context, in *patchInterfaceInput) (*messageOutput, error) {
			b := &in.Body
			err := s.ChangeEthernetInterface(ctx, in.ID, func(e *EthernetInterface) error {
				if b.Description != nil {
					e.Description = *b.Description
				}
				if b.ComponentID != nil {
					if err := e.assign(*b.ComponentID); err != nil {
						return err
					}
				}
				if b.IPAddresses != nil {
					return e.address(*b.IPAddresses)
				}
				return nil
			})
			return &messageOutput{message{0, "updated 1 entry"}}, err
		})
}

func registerIPAddresses(api huma.API, s *Service) {
	const tag, path = ethernetTag, ethernetPath + "/{ethInterfaceID}/IPAddresses"
	httpapi.Handle(api, operation("list-ip-addresses", http.MethodGet, path, "List the addresses of an Ethernet interface", tag),
		func(ctx context.Context, in *interfaceInput) (*addressesOutput, error) {
			e, err := s.EthernetInterface(ctx, in.ID)
			return &addressesOutput{e.IPAddresses}, err
		})
	httpapi.Handle(api, answering(operation("create-ip-address", http.MethodPost, path, "Add an address to an Ethernet interface", tag), http.StatusCreated),
		func(ctx context.Context, in *createAddressInput) (*oneCreatedOutput, error) {
			err := s.ChangeEthernetInterface(ctx, in.ID, func(e *EthernetInterface) error {
				if e.place(in.Body.IPAddress) >= 0 {
					return fault.New(fault.Conflict, "IP address '%s' exists already", in.Body.IPAddress)
				}
				return e.address(append(slices.Clone(e.IPAddresses), in.Body))
			})
			return oneCreated(ethernetPath + "/" + MACID(in.ID) + "/IPAddresses/" + in.Body.IPAddress), err
		})
	httpapi.Handle(api, operation("patch-ip-address", http.MethodPatch, path+"/{ipAddress}", "Change the network of an address", tag),
		func(ctx context.Context, in *patchAddressInput) (*messageOutput, error) {
			err := s.changeAddress(ctx, in.ID, in.IP, func(e *EthernetInterface, i int) {
				if in.Body.Network != nil {
					e.IPAddresses[i].Network = *in.Body.Network
				}
			})
			return &messageOutput{message{0, "updated 1 entry"}}, err
		})
	httpapi.Handle(api, operation("delete-ip-address", http.MethodDelete, path+"/{ipAddress}", "Take an address from an Ethernet interface", tag),
		func(ctx context.Context, in *addressInput) (*messageOutput, error) {
			return deleted(1, s.changeAddress(ctx, in.ID, in.IP, func(e *EthernetInterface, i int) {
				e.IPAddresses = slices.Delete(e.IPAddresses, i, i+1)
			}), nil)
		})
}

// quickLease is how the address of a node that boots gets in, as a DHCP server
// tells it.
var quickLease = httpapi.Quick[patchInterfaceInput, messageOutput]{
	Read: func(r *http.Request, text []byte, in *patchInterfaceInput) bool {
		in.ID = r.PathValue("ethInterfaceID")
		return in.ID != "" && r.URL.RawQuery == "" && httpapi.Members(text, func(name, value []byte) bool {
			in.Body.IPAddresses = &[]IPAddress{}
			return string(name) == "IPAddresses" && httpapi.Items(value, func(value []byte) bool {
				var at IPAddress
				whole := httpapi.Members(value, at.read)
				*in.Body.IPAddresses = append(*in.Body.IPAddresses, at)
				return whole
			})
		})
	},
	Answer: func(out *messageOutput) any { return &out.Body },
}

func (a *IPAddress) read(name, value []byte) (ok bool) {
	switch string(name) {
	case "IPAddress":
		a.IPAddress, ok = httpapi.Text(value)
	case "Network":
		a.Network, ok = httpapi.Text(value)
	}
	return ok
}

// changeAddress alters one address of an interface.
func (s *Service) changeAddress(ctx context.Context, id, ip string, change func(e *EthernetInterface, i int)) error {
	return s.ChangeEthernetInterface(ctx, id, func(e *EthernetInterface) error {
		i := e.place(ip)
		if i < 0 {
			return fault.New(fault.NotFound, "no such IP address: %s", ip)
		}
		change(e, i)
		return nil
	})
}
