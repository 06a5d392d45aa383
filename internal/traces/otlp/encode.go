package otlp

import (
	"time"

	service "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"github.com/drover-hpc/drover/internal/traces"
)

// request is what says all the spans.
func (c *Client) request(spans []traces.Span) *service.ExportTraceServiceRequest {
	list := make([]*trace.Span, len(spans))
	for i := range spans {
		list[i] = encode(&spans[i])
	}
	return &service.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource:   &resource.Resource{Attributes: attributes([]traces.Attribute{{Key: "service.name", Value: "drover"}, {Key: "service.version", Value: c.Version}})},
		ScopeSpans: []*trace.ScopeSpans{{Scope: &common.InstrumentationScope{Name: "drover", Version: c.Version}, Spans: list}},
	}}}
}

func encode(s *traces.Span) *trace.Span {
	out := &trace.Span{TraceId: s.Trace[:], SpanId: s.ID[:], Name: s.Name, Kind: trace.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: nanos(s.Start), Attributes: attributes(s.Attributes)}
	out.EndTimeUnixNano = max(nanos(s.End), out.StartTimeUnixNano+1) // Jaeger warns of spans that take no time
	if s.Parent != (traces.SpanID{}) {
		out.ParentSpanId = s.Parent[:]
	}
	if s.Failed {
		out.Status = &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: s.Error}
	}
	for i := range s.Events {
		e := &s.Events[i]
		out.Events = append(out.Events, &trace.Span_Event{TimeUnixNano: nanos(e.Time), Name: e.Name, Attributes: attributes(e.Attributes)})
	}
	return out
}

func nanos(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

func attributes(list []traces.Attribute) []*common.KeyValue {
	out := make([]*common.KeyValue, len(list))
	for i, a := range list {
		out[i] = &common.KeyValue{Key: a.Key, Value: value(a.Value)}
	}
	return out
}

func value(v any) *common.AnyValue {
	switch v := v.(type) {
	case int:
		return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(v)}}
	case bool:
		return &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: v}}
	case string:
		return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: v}}
	}
	return nil
}
