package bss

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Register adds the operations to api; s may be nil when only their
// description is wanted.
func Register(api huma.API, s *Service) {
	httpapi.RefuseEmpty(api)
	registerBootScript(api, s)
	registerBootParameters(api, s)
	registerHosts(api, s)
	registerCloudInit(api, s)
	registerServiceStatus(api, s)
}

type scriptInput struct {
	MAC   string   `query:"mac" doc:"MAC address of the host"`
	Name  string   `query:"name" doc:"Name of the host, usually its xname"`
	NID   nidGiven `query:"nid" doc:"Node ID of the host"`
	Retry int      `query:"retry" doc:"Number of scripts given before without a boot; the script itself counts it"`
	Arch  string   `query:"arch" doc:"iPXE's build architecture; the script itself adds it"`
	TS    int64    `query:"ts" doc:"Time, in seconds since 1970, that the data of HSM must be newer than"`
}

// nidGiven is a node ID that may be missing.
type nidGiven struct {
	nid int
	set bool
}

// Schema implements huma.SchemaProvider.
func (nidGiven) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeInteger} }

// Receiver implements huma.ParamWrapper.
func (n *nidGiven) Receiver() reflect.Value { return reflect.ValueOf(&n.nid).Elem() }

// OnParamSet implements huma.ParamReactor.
func (n *nidGiven) OnParamSet(set bool, _ any) { n.set = set }

func (n *nidGiven) pointer() *int {
	if !n.set {
		return nil
	}
	return &n.nid
}

type textOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

const textPlain = "text/plain; charset=UTF-8"

func registerBootScript(api huma.API, s *Service) {
	httpapi.HandleShort(api, huma.Operation{OperationID: "get-bootscript", Method: http.MethodGet, Path: "/boot/v1/bootscript",
		Summary: "Write the iPXE boot script of a host", Tags: []string{"bootscript"},
		Responses: textResponse("text/plain", "The script")}, s.answerScript,
		func(ctx context.Context, in *scriptInput) (*textOutput, error) {
			text, err := s.BootScript(ctx, ScriptQuery{MAC: in.MAC, Name: in.Name, NID: in.NID.pointer(), Arch: in.Arch,
				Retry: in.Retry, Since: in.TS})
			return &textOutput{ContentType: textPlain, Body: text}, err
		})
}

func textResponse(contentType, description string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {Description: description,
		Content: map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{Type: huma.TypeString}}}}}
}

type parametersInput struct{ Body BootParameters }

type tokenOutput struct {
	Token string `header:"BSS-Referral-Token" doc:"Token that the hosts' kernel command lines will carry"`
}

// Selection is how hosts are named in a query.
type Selection struct {
	Name string `query:"name" minLength:"1" doc:"Names of hosts or tags, with commas between them"`
	MAC  string `query:"mac" minLength:"1" doc:"MAC addresses, with commas between them"`
	NID  string `query:"nid" minLength:"1" doc:"Node IDs, with commas between them"`
}

type listParametersInput struct {
	Selection
	Body *BootParameters
}

type listParametersOutput struct{ Body []BootParameters }

func registerBootParameters(api huma.API, s *Service) {
	const path = "/boot/v1/bootparameters"
	tags := []string{"bootparameters"}
	httpapi.Handle(api, huma.Operation{OperationID: "list-bootparameters", Method: http.MethodGet, Path: path,
		Summary: "List boot parameters of all or of the named images and hosts", Tags: tags},
		func(ctx context.Context, in *listParametersInput) (*listParametersOutput, error) {
			if err := onlyOwn(ctx, split(in.Name), in.MAC != "" || in.NID != "" || in.Body != nil); err != nil {
				return nil, err
			}
			list, err := s.listSelected(ctx, in)
			return &listParametersOutput{Body: list}, err
		})
	httpapi.Handle(api, httpapi.Bulk(huma.Operation{OperationID: "create-bootparameters", Method: http.MethodPost, Path: path,
		Summary: "Create boot parameters of hosts that have none", Tags: tags, DefaultStatus: http.StatusCreated}),
		func(ctx context.Context, in *parametersInput) (*tokenOutput, error) {
			token, err := s.Create(ctx, in.Body)
			return &tokenOutput{Token: token}, err
		})
	httpapi.Handle(api, httpapi.Bulk(huma.Operation{OperationID: "replace-bootparameters", Method: http.MethodPut, Path: path,
		Summary: "Replace all boot parameters of hosts", Tags: tags, DefaultStatus: http.StatusOK}),
		func(ctx context.Context, in *parametersInput) (*tokenOutput, error) {
			p := &in.Body
			if err := onlyOwn(ctx, p.Hosts, len(p.MACs) > 0 || len(p.NIDs) > 0 || p.CloudInit != nil); err != nil {
				return nil, err
			}
			token, err := s.Replace(ctx, in.Body)
			return &tokenOutput{Token: token}, err
		})
	httpapi.Handle(api, httpapi.Bulk(huma.Operation{OperationID: "update-bootparameters", Method: http.MethodPatch, Path: path,
		Summary: "Change some boot parameters of hosts", Tags: tags, DefaultStatus: http.StatusOK}),
		func(ctx context.Context, in *parametersInput) (*struct{}, error) {
			return nil, s.Patch(ctx, in.Body)
		})
	httpapi.Handle(api, huma.Operation{OperationID: "delete-bootparameters", Method: http.MethodDelete, Path: path,
		Summary: "Delete the boot parameters of hosts or images", Tags: tags, DefaultStatus: http.StatusOK},
		func(ctx context.Context, in *parametersInput) (*struct{}, error) {
			return nil, s.Delete(ctx, in.Body)
		})
}

// onlyOwn refuses what an agent of BOS v1 wants, or wants to know, of hosts that its session
// does not move. It has to name them; further tells that it says more than their names and
// what they boot.
func onlyOwn(ctx context.Context, hosts []string, further bool) error {
	who := auth.Of(ctx)
	if who == nil || who.Role != auth.Job {
		return nil
	}
	if len(hosts) == 0 || further {
		return fault.New(fault.Forbidden, "%s has to do with hosts by their names: expected these, and neither MACs, NIDs nor cloud-init", who.Name)
	}
	return auth.For(ctx, hosts...)
}

// listSelected joins what the query names to what the body names.
func (s *Service) listSelected(ctx context.Context, in *listParametersInput) ([]BootParameters, error) {
	var p BootParameters
	if in.Body != nil {
		p = *in.Body
	}
	fromBody, err := s.names(ctx, p)
	if err != nil {
		return nil, err
	}
	fromQuery, err := s.selected(ctx, in.Selection)
	if err != nil {
		return nil, err
	}
	return s.List(ctx, BootParameters{Hosts: append(fromQuery, fromBody...), Kernel: p.Kernel, Initrd: p.Initrd})
}

// selected are the names of the hosts that the query selects.
func (s *Service) selected(ctx context.Context, q Selection) (out []string, err error) {
	nids := split(q.NID)
	numbers := make([]int, len(nids))
	for i, n := range nids {
		if numbers[i], err = strconv.Atoi(n); err != nil || numbers[i] < 0 {
			return nil, fault.New(fault.Invalid, "'%s' is no node ID: expected a number - 'query.nid'", n)
		}
	}
	for _, p := range []BootParameters{{Hosts: split(q.Name)}, {MACs: split(q.MAC)}, {NIDs: numbers}} {
		names, err := s.names(ctx, p)
		if err != nil {
			return nil, err
		}
		out = append(out, names...)
	}
	return out, nil
}

// split reads a list with commas.
func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
