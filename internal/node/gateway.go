package node

import "strings"

// DefaultGateway is where the published reporters look when nothing tells
// them.
const DefaultGateway = "https://api-gw-service-nmn.local"

// bssPrefix is where a gateway mounts BSS.
const bssPrefix = "/apis/bss"

// GatewayOf derives the gateway's base URL from the data source that BSS puts
// on the kernel command line, ds=nocloud-net;s=BASE/apis/bss/. It is empty
// where there is none, or one of a BSS that is not behind a gateway.
func GatewayOf(line string) string {
	gateway := ""
	for _, word := range strings.Fields(line) {
		source, ok := strings.CutPrefix(word, "ds=")
		if !ok {
			continue
		}
		for _, part := range strings.Split(source, ";") {
			if url, ok := strings.CutPrefix(part, "s="); ok {
				base, behind := strings.CutSuffix(strings.TrimRight(url, "/"), bssPrefix)
				if gateway = ""; behind {
					gateway = base
				}
			}
		}
	}
	return gateway
}
