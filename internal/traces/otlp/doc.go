// Package otlp sends spans to a collector: OTLP over HTTP, as protobuf.
package otlp
