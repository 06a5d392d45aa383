// Package httpapi is how Drover's services speak HTTP: routes declared once
// as typed operations (huma), errors as problem+json, a client with bounded
// retries, and a transport that reaches an embedded service without a socket.
//
//	request ─► ServeMux ─► huma: decode, validate ─► operation ─► *fault.Error ─► Problem
//	client.go of a service ─► Client ─► http.RoundTripper: the network, or Local(handler)
package httpapi
