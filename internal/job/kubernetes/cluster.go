package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/drover-hpc/drover/internal/fault"
)

// Cluster is what the executor needs of Kubernetes. Errors are those of its API.
type Cluster interface {
	CreateJob(ctx context.Context, j *batchv1.Job) (*batchv1.Job, error)
	Job(ctx context.Context, name string) (*batchv1.Job, error)
	DeleteJob(ctx context.Context, name string) error
	CreateSecret(ctx context.Context, s *corev1.Secret) error
	PatchSecret(ctx context.Context, name string, patch any) error
	DeleteSecret(ctx context.Context, name string) error
	// Log is what the pod's container wrote, each line behind its time, from a
	// second on; until its end while it runs.
	Log(ctx context.Context, pod, container string, since time.Time) (io.ReadCloser, error)
	// Jobs and Pods list and watch those that are labelled as the app's.
	Jobs(app string) cache.ListerWatcher
	Pods(app string) cache.ListerWatcher
}

// inCluster is where a pod finds its namespace.
const inCluster = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Connection says how to reach the API server: by a kubeconfig file, or, without
// one, as the pod that this process runs in may.
type Connection struct {
	Kubeconfig string
	// Namespace is where Jobs are; empty: that of the kubeconfig's context or of
	// the pod.
	Namespace string
	// Wrap has all requests go through what it returns; nil: they go as they are.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Connect makes a client, which does not speak to the server yet.
func (c Connection) Connect() (cluster Cluster, namespace string, err error) {
	config, namespace, err := c.config()
	if err != nil {
		return nil, "", err
	}
	// A site's server looks after few Jobs at a time; the defaults are for
	// programs that may ask without end.
	config.QPS, config.Burst = 50, 100
	config.UserAgent = "drover"
	if c.Wrap != nil {
		config.Wrap(c.Wrap)
	}
	batch, err := client(config, "/apis", batchv1.SchemeGroupVersion)
	if err != nil {
		return nil, "", err
	}
	core, err := client(config, "/api", corev1.SchemeGroupVersion)
	if err != nil {
		return nil, "", err
	}
	return &api{batch: batch, core: core, namespace: namespace}, namespace, nil
}

func (c Connection) config() (config *rest.Config, namespace string, err error) {
	namespace = c.Namespace
	if c.Kubeconfig == "" {
		if config, err = rest.InClusterConfig(); err != nil {
			return nil, "", fault.New(fault.Invalid, "kubernetes-kubeconfig: this process runs in no pod of a cluster (%v): expected a kubeconfig file", err)
		}
		if text, rerr := os.ReadFile(inCluster); namespace == "" && rerr == nil {
			namespace = strings.TrimSpace(string(text))
		}
		return config, namespace, nil
	}
	file := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(&clientcmd.ClientConfigLoadingRules{ExplicitPath: c.Kubeconfig}, nil)
	if config, err = file.ClientConfig(); err != nil {
		return nil, "", fault.New(fault.Invalid, "kubernetes-kubeconfig: %w", err)
	}
	if namespace == "" {
		if namespace, _, err = file.Namespace(); err != nil {
			return nil, "", fault.New(fault.Invalid, "kubernetes-kubeconfig: %w", err)
		}
	}
	return config, namespace, nil
}

// client is one of a single group. A clientset would bring every group that
// Kubernetes has into the program.
func client(config *rest.Config, path string, group schema.GroupVersion) (*rest.RESTClient, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{batchv1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	own := rest.CopyConfig(config)
	own.APIPath, own.GroupVersion = path, &group
	own.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.RESTClientFor(own)
}

// api is a Cluster over HTTP.
type api struct {
	batch, core *rest.RESTClient
	namespace   string
}

func (a *api) CreateJob(ctx context.Context, j *batchv1.Job) (*batchv1.Job, error) {
	out := &batchv1.Job{}
	return out, a.batch.Post().Namespace(a.namespace).Resource("jobs").Body(j).Do(ctx).Into(out)
}

func (a *api) Job(ctx context.Context, name string) (*batchv1.Job, error) {
	out := &batchv1.Job{}
	return out, a.batch.Get().Namespace(a.namespace).Resource("jobs").Name(name).Do(ctx).Into(out)
}

func (a *api) DeleteJob(ctx context.Context, name string) error {
	policy := metav1.DeletePropagationBackground
	return a.batch.Delete().Namespace(a.namespace).Resource("jobs").Name(name).
		Body(&metav1.DeleteOptions{PropagationPolicy: &policy}).Do(ctx).Error()
}

func (a *api) CreateSecret(ctx context.Context, s *corev1.Secret) error {
	return a.core.Post().Namespace(a.namespace).Resource("secrets").Body(s).Do(ctx).Error()
}

func (a *api) PatchSecret(ctx context.Context, name string, patch any) error {
	text, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	return a.core.Patch(types.MergePatchType).Namespace(a.namespace).Resource("secrets").Name(name).Body(text).Do(ctx).Error()
}

func (a *api) DeleteSecret(ctx context.Context, name string) error {
	return a.core.Delete().Namespace(a.namespace).Resource("secrets").Name(name).Do(ctx).Error()
}

func (a *api) Log(ctx context.Context, pod, container string, since time.Time) (io.ReadCloser, error) {
	r := a.core.Get().Namespace(a.namespace).Resource("pods").Name(pod).SubResource("log").
		Param("container", container).Param("follow", "true").Param("timestamps", "true")
	if !since.IsZero() {
		r = r.Param("sinceTime", since.UTC().Format(time.RFC3339))
	}
	stream, err := r.Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of container %s of pod %s: %w", container, pod, err)
	}
	return stream, nil
}

func (a *api) Jobs(app string) cache.ListerWatcher { return watched(a.batch, "jobs", a.namespace, app) }
func (a *api) Pods(app string) cache.ListerWatcher { return watched(a.core, "pods", a.namespace, app) }

func watched(c *rest.RESTClient, resource, namespace, app string) cache.ListerWatcher {
	return cache.NewFilteredListWatchFromClient(c, resource, namespace, func(o *metav1.ListOptions) {
		o.LabelSelector = AppLabel + "=" + app
		o.FieldSelector = fields.Everything().String()
	})
}
