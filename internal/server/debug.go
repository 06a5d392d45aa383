package server

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

func declareDebug(f *pflag.FlagSet) {
	f.String("debug-listen", "", "`HOST:PORT` of this machine's loopback at which profiles of this process are taken (/debug/pprof/), without a token (default: none are)")
}

// checkDebug refuses addresses that others than this machine's users reach: profiles
// show what the server has in memory, and taking them costs its time.
func (c *Config) checkDebug() error {
	if c.DebugListen != "" && !onLoopback(c.DebugListen) {
		return fault.New(fault.Invalid, "debug-listen: profiles show much of what the server does, and nobody is asked for a token there: expected an address of loopback such as 127.0.0.1:6060, got %q; "+
			"from elsewhere go through ssh -L", c.DebugListen)
	}
	return nil
}

// listenForDebugging opens the door for profiles, if there is one, from the beginning:
// a start that hangs can be looked at too.
func (s *Server) listenForDebugging() error {
	if s.config.DebugListen == "" {
		return nil
	}
	l, err := net.Listen("tcp", s.config.DebugListen)
	if err != nil {
		return fault.New(fault.Unavailable, "debug-listen: listen on %s: %w", s.config.DebugListen, err)
	}
	s.debugListener = l
	server := &http.Server{Handler: profiles(), ReadHeaderTimeout: 30 * time.Second, IdleTimeout: unusedConnection}
	var served sync.WaitGroup
	served.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("listener of profiles failed", "error", err)
		}
	})
	s.onStop(func() { server.Close(); served.Wait() })
	slog.Info("profiles can be taken", "url", "http://"+l.Addr().String()+"/debug/pprof/")
	return nil
}

// profiles answers with those of this process. The command line, which may have
// secrets, is not among them, and a browser is led here by no name but this machine's.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	return sameOrigin(func(*http.Request, error) {}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !onLoopback(r.Host) && !onLoopback(net.JoinHostPort(r.Host, "80")) {
			httpapi.WriteProblem(w, httpapi.NewProblem(http.StatusMisdirectedRequest, "", r.Host+" is no name of this machine's loopback: expected localhost or an address such as 127.0.0.1"))
			return
		}
		mux.ServeHTTP(w, r)
	}))
}
