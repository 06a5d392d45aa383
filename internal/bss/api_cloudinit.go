package bss

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type metaDataInput struct {
	httpapi.Caller
	Key string `query:"key" example:"Global.cfs_public_key" doc:"Element that is wanted: keys of nested objects with dots between them"`
}

type metaDataOutput struct{ Body any }

type userDataInput struct{ httpapi.Caller }

type phoneHomeInput struct {
	httpapi.Caller
	ContentType string `header:"Content-Type"`
	RawBody     []byte
}

func registerCloudInit(api huma.API, s *Service) {
	tags := []string{"cloud-init", "cli_ignore"}
	httpapi.HandleQuick(api, huma.Operation{OperationID: "get-meta-data", Method: http.MethodGet, Path: "/meta-data",
		Summary: "Show the calling host's cloud-init meta-data", Tags: tags}, quickMetaData,
		func(ctx context.Context, in *metaDataInput) (*metaDataOutput, error) {
			data, err := s.MetaData(ctx, in.IP, in.Key)
			return &metaDataOutput{Body: data}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "get-user-data", Method: http.MethodGet, Path: "/user-data",
		Summary: "Show the calling host's cloud-init user-data", Tags: tags, Responses: textResponse("text/yaml", "A cloud-config document")},
		func(ctx context.Context, in *userDataInput) (*textOutput, error) {
			text, err := s.UserData(ctx, in.IP)
			return &textOutput{ContentType: "text/yaml", Body: text}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "phone-home", Method: http.MethodPost, Path: "/phone-home",
		Summary: "Take what the calling host tells when its boot is complete", Tags: tags, DefaultStatus: http.StatusOK,
		SkipValidateBody: true, RequestBody: &huma.RequestBody{Content: map[string]*huma.MediaType{
			"application/json":                  {Schema: &huma.Schema{Type: huma.TypeObject}},
			"application/x-www-form-urlencoded": {Schema: &huma.Schema{Type: huma.TypeObject}},
		}}},
		func(ctx context.Context, in *phoneHomeInput) (*struct{}, error) {
			p, err := readPhoneHome(in.ContentType, in.RawBody)
			if err != nil {
				return nil, err
			}
			return nil, s.PhoneHome(ctx, in.IP, p)
		})
}

// quickMetaData is how a node asks for one element.
var quickMetaData = httpapi.Quick[metaDataInput, metaDataOutput]{
	Read: func(r *http.Request, _ []byte, in *metaDataInput) bool {
		key, is := strings.CutPrefix(r.URL.RawQuery, "key=")
		in.Caller, in.Key = httpapi.CallerOf(r), key
		return is && key != "" && strings.Trim(key, plainKey) == ""
	},
	Answer: func(out *metaDataOutput) any { return out.Body },
}

// plainKey are letters that mean themselves in a query.
const plainKey = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// readPhoneHome reads JSON or the form that cloud-init's module sends.
func readPhoneHome(contentType string, body []byte) (p PhoneHome, err error) {
	if !strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		if err := json.Unmarshal(body, &p); err != nil {
			return p, fault.New(fault.Invalid, "phone-home data is no JSON object: %w", err)
		}
		return p, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return p, fault.New(fault.Invalid, "phone-home data is no form: %w", err)
	}
	return PhoneHome{PubKeyDSA: form.Get("pub_key_dsa"), PubKeyRSA: form.Get("pub_key_rsa"),
		PubKeyECDSA: form.Get("pub_key_ecdsa"), PubKeyED25519: form.Get("pub_key_ed25519"),
		InstanceID: form.Get("instance_id"), Hostname: form.Get("hostname"), FQDN: form.Get("fqdn")}, nil
}
