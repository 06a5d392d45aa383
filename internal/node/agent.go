package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Agent makes a node's calls. Each method makes one try.
type Agent struct {
	Identity
	// Gateway is the base URL under which the services live at /apis/...
	Gateway string
	HTTP    *http.Client
	// Bearer returns the token that the gateway asks for; nil sends none. It
	// is asked anew for each try.
	Bearer func(ctx context.Context) (string, error)
	// Address, if set, tells BSS who asks, where the connection does not.
	Address string
}

// TokenHeader carries the boot token, by which a node is known that speaks of
// itself.
const TokenHeader = "Drover-Boot-Token"

// trustKey is where CFS publishes the public key of its SSH authority.
const trustKey = "/apis/bss/meta-data?key=Global.cfs_public_key"

// FetchTrust returns the public key, in authorized_keys notation, of the
// authority whose certificates the node shall accept for root.
func (a *Agent) FetchTrust(ctx context.Context) (string, error) {
	text, err := a.do(ctx, http.MethodGet, trustKey, nil)
	if err != nil {
		return "", fmt.Errorf("fetch the SSH authority's key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	var quoted string
	if json.Unmarshal(text, &quoted) == nil {
		key = strings.TrimSpace(quoted)
	}
	if key == "" {
		return "", fmt.Errorf("fetch the SSH authority's key: the answer is empty")
	}
	return key, nil
}

// ReportBOS tells BOS which boot this node performed.
func (a *Agent) ReportBOS(ctx context.Context) error {
	body := struct {
		ID          string            `json:"id"`
		ActualState map[string]string `json:"actual_state"`
	}{a.Xname, map[string]string{"bss_token": a.Token}}
	_, err := a.do(ctx, http.MethodPatch, "/apis/bos/v2/components/"+url.PathEscape(a.Xname), body)
	return wrap("report to BOS", err)
}

// ReportCFS tells CFS that nothing is configured yet and that the node wants
// to be.
func (a *Agent) ReportCFS(ctx context.Context) error {
	body := json.RawMessage(`{"state":[],"enabled":true}`)
	_, err := a.do(ctx, http.MethodPatch, "/apis/cfs/v3/components/"+url.PathEscape(a.Xname), body)
	return wrap("report to CFS", err)
}

// ReportReady tells HSM that the node runs its system, as the first heartbeat
// would.
func (a *Agent) ReportReady(ctx context.Context) error {
	body := json.RawMessage(`{"State":"Ready","Flag":"OK"}`)
	_, err := a.do(ctx, http.MethodPatch, "/apis/smd/hsm/v2/State/Components/"+url.PathEscape(a.Xname)+"/StateData", body)
	return wrap("report to HSM", err)
}

// LeaseAddress tells HSM the IP address that the interface with the MAC was
// given, as a DHCP server would; HSM may not know the interface yet.
func (a *Agent) LeaseAddress(ctx context.Context, mac, ip string) error {
	const path = "/apis/smd/hsm/v2/Inventory/EthernetInterfaces"
	addresses := []map[string]string{{"IPAddress": ip}}
	_, err := a.do(ctx, http.MethodPatch, path+"/"+strings.ReplaceAll(mac, ":", ""), map[string]any{"IPAddresses": addresses})
	if e, ok := err.(*statusError); ok && e.status == http.StatusNotFound {
		_, err = a.do(ctx, http.MethodPost, path, map[string]any{"MACAddress": mac, "IPAddresses": addresses})
	}
	return wrap("record the address in HSM", err)
}

// callTimeout bounds one try.
const callTimeout = 30 * time.Second

// statusError is an answer of 400 or more.
type statusError struct {
	status int
	text   string
	after  time.Duration // of a service that names the time to come back
}

// ComeBack is the pause that the service asked for whose refusal err is, 0 if it
// asked for none.
func ComeBack(err error) time.Duration {
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.after
	}
	return 0
}

// RetryAfter is the pause that an answer asks for: 429 or 503 with seconds in
// Retry-After, of which five minutes are believed.
func RetryAfter(resp *http.Response) time.Duration {
	if resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusTooManyRequests {
		return 0
	}
	seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, 5*time.Minute)
}

func (e *statusError) Error() string {
	return fmt.Sprintf("answered %d %s: %s", e.status, http.StatusText(e.status), e.text)
}

func (a *Agent) do(ctx context.Context, method, path string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = strings.NewReader(string(text))
	}
	req, err := http.NewRequestWithContext(ctx, method, a.Gateway+path, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.Address != "" {
		req.Header.Set("X-Forwarded-For", a.Address)
	}
	if a.Token != "" {
		req.Header.Set(TokenHeader, a.Token)
	}
	if a.Bearer != nil {
		token, err := a.Bearer(ctx)
		if err != nil {
			return nil, fmt.Errorf("get a bearer token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := a.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode >= 400 {
		return nil, &statusError{resp.StatusCode, strings.TrimSpace(string(text[:min(len(text), 512)])), RetryAfter(resp)}
	}
	return text, err
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
