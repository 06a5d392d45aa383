package bos

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// optionsPatch names the options for the schema; what counts is what was
// sent. Unknown options are taken and echoed, but not kept.
type optionsPatch struct {
	_                          struct{} `json:"-" additionalProperties:"true"`
	BSSReadTimeout             *int     `json:"bss_read_timeout,omitempty" format:"read-timeout" doc:"Seconds to wait for an answer of BSS"`
	CFSReadTimeout             *int     `json:"cfs_read_timeout,omitempty" format:"read-timeout" doc:"Seconds to wait for an answer of CFS"`
	CleanupCompletedSessionTTL *string  `json:"cleanup_completed_session_ttl,omitempty" format:"age" example:"3d" doc:"Age at which complete sessions are deleted; 0 is never"`
	ClearStage                 *bool    `json:"clear_stage,omitempty" doc:"Whether applying a staged state clears it"`
	ComponentActualStateTTL    *string  `json:"component_actual_state_ttl,omitempty" minLength:"2" maxLength:"8" pattern:"^[1-9][0-9]*[hHdDwW]$" example:"6h" doc:"Age at which a component's actual state is no longer believed"`
	DefaultRetryPolicy         *int     `json:"default_retry_policy,omitempty" format:"attempts" doc:"How often an action is tried on a node"`
	DiscoveryFrequency         *int     `json:"discovery_frequency,omitempty" minimum:"0" maximum:"33554432" doc:"Seconds between comparisons with HSM"`
	HSMReadTimeout             *int     `json:"hsm_read_timeout,omitempty" format:"read-timeout" doc:"Seconds to wait for an answer of HSM"`
	IMSErrorsFatal             *bool    `json:"ims_errors_fatal,omitempty" doc:"Whether an image's architecture must be known"`
	IMSImagesMustExist         *bool    `json:"ims_images_must_exist,omitempty" doc:"Whether IMS must know an image"`
	IMSReadTimeout             *int     `json:"ims_read_timeout,omitempty" format:"read-timeout" doc:"Seconds to wait for an answer of IMS"`
	LoggingLevel               *string  `json:"logging_level,omitempty" pattern:"^([dD][eE][bB][uU][gG]|[iI][nN][fF][oO]|[wW][aA][rR][nN][iI][nN][gG]|[eE][rR][rR][oO][rR]|[cC][rR][iI][tT][iI][cC][aA][lL])$" doc:"What is logged"`
	MaxBootWaitTime            *int     `json:"max_boot_wait_time,omitempty" format:"seconds" doc:"Seconds from power-on to a node's report before it is restarted"`
	MaxComponentBatchSize      *int     `json:"max_component_batch_size,omitempty" minimum:"0" maximum:"131071" doc:"Components that one call handles; 0 is no limit"`
	MaxPowerOffWaitTime        *int     `json:"max_power_off_wait_time,omitempty" format:"seconds" doc:"Seconds to wait for a node to be off before it is forced"`
	MaxPowerOnWaitTime         *int     `json:"max_power_on_wait_time,omitempty" format:"seconds" doc:"Seconds to wait for a node to be on before power-on is called again"`
	PCSReadTimeout             *int     `json:"pcs_read_timeout,omitempty" format:"read-timeout" doc:"Seconds to wait for an answer of PCS"`
	PollingFrequency           *int     `json:"polling_frequency,omitempty" format:"seconds" doc:"Seconds between looks at what gives no notice of changes"`
	RejectNIDs                 *bool    `json:"reject_nids,omitempty" doc:"Whether node numbers in node lists and limits are refused"`
	SessionLimitRequired       *bool    `json:"session_limit_required,omitempty" doc:"Whether sessions need a limit"`
}

type patchOptionsInput struct {
	Body    optionsPatch
	RawBody []byte
}

type optionsOutput struct{ Body Options }

type echoedOutput struct{ Body map[string]any }

func registerOptions(api huma.API, s *Service) {
	tags := []string{"v2", "options"}
	httpapi.Handle(api, huma.Operation{OperationID: "get_v2_options", Method: http.MethodGet, Path: "/v2/options",
		Summary: "Show the options", Tags: tags},
		func(ctx context.Context, _ *struct{}) (*optionsOutput, error) {
			o, err := s.Options(ctx)
			return &optionsOutput{Body: o}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "patch_v2_options", Method: http.MethodPatch, Path: "/v2/options",
		Summary: "Change options", Tags: tags},
		func(ctx context.Context, in *patchOptionsInput) (*echoedOutput, error) {
			if err := refuseNull(in.RawBody); err != nil {
				return nil, err
			}
			o, err := s.SetOptions(ctx, in.RawBody)
			if err != nil {
				return nil, err
			}
			echo, err := echoed(o, in.RawBody)
			return &echoedOutput{Body: echo}, err
		})
}

// echoed is what is kept together with what was sent.
func echoed(kept Options, sent []byte) (map[string]any, error) {
	all := map[string]any{}
	if err := json.Unmarshal(sent, &all); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		return nil, err
	}
	known := map[string]any{}
	if err := json.Unmarshal(raw, &known); err != nil {
		return nil, err
	}
	maps.Copy(all, known)
	return all, nil
}
